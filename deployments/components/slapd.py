"""OpenLDAP's `slapd` as a throw-away directory with people and no groups.

Own folder, own configuration, loopback, `ldap://` with StartTLS and `ldaps://`. Nothing of
Debian's default database is touched. Writes are not synced to disk: never a production server.
"""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from deployments.components import ports, processes
from deployments.components.scratch import scratch
from deployments.components.slapd_config import (
    ADMIN_DN,
    ADMIN_PASSWORD,
    GROUPS_BASE,
    PEOPLE,
    PEOPLE_BASE,
    READER_DN,
    READER_PASSWORD,
    SERVICE_DN,
    SERVICE_PASSWORD,
    SUFFIX,
    Person,
    prepare,
)
from policies.errors import Misconfigured
from settings.directory import DirectorySettings, GroupLayout, TlsMode

__all__ = [
    "ADMIN_DN",
    "ADMIN_PASSWORD",
    "GROUPS_BASE",
    "PEOPLE",
    "PEOPLE_BASE",
    "READER_DN",
    "READER_PASSWORD",
    "SERVICE_DN",
    "SERVICE_PASSWORD",
    "SUFFIX",
    "Person",
    "Slapd",
    "slapd",
]


class Slapd:
    """A directory server; made by `slapd`.

    Attributes:
        layout: How it stores groups.
        url: `ldap://…`; StartTLS works.
        ldaps_url: `ldaps://…`.
        ca_file: PEM file that certifies both.
        folder: Where its data and its log live.
    """

    def __init__(self, folder: Path, layout: GroupLayout, plain: int, tls: int) -> None:
        self.folder = folder
        self.layout = layout
        self.url = f"ldap://127.0.0.1:{plain}"
        self.ldaps_url = f"ldaps://127.0.0.1:{tls}"
        self.ca_file = folder / "cert.pem"
        self._port = plain
        self._child: processes.Child | None = None

    @property
    def child(self) -> processes.Child:
        """The running server, for `pause`, `resume` and `kill`."""
        if self._child is None:
            raise Misconfigured("This slapd was never started.")
        return self._child

    def start(self) -> None:
        """Start it (again) on the same ports with the same data.

        Raises:
            Unavailable: It does not come up; the message ends with its log.
        """
        program = processes.require("slapd", "slapd")
        conf = self.folder / "slapd.conf"
        argv: list[str | Path] = [
            program,
            "-d",
            "0",
            "-f",
            conf,
            "-h",
            f"{self.url} {self.ldaps_url}",
        ]
        self._child = processes.start(argv, log=self.folder / "slapd.log")
        self._child.wait_ready(self._listens)

    def stop(self) -> None:
        """An orderly end; connections are refused from now on."""
        self.child.stop()

    def settings(self) -> DirectorySettings:
        """What beamkeeper needs to write groups here, over StartTLS."""
        return DirectorySettings(
            url=self.url,
            bind_dn=SERVICE_DN,
            password=SecretStr(SERVICE_PASSWORD),
            people_base=PEOPLE_BASE,
            groups_base=GROUPS_BASE,
            gid_search_base=SUFFIX,
            layout=self.layout,
            tls=TlsMode.STARTTLS,
            ca_file=self.ca_file,
        )

    def add(self, *people: Person) -> None:
        """Give people an account; those who have one keep it unchanged."""
        from ldap3.core.exceptions import LDAPEntryAlreadyExistsResult

        with self.admin() as connection:
            for person in people:
                with contextlib.suppress(LDAPEntryAlreadyExistsResult):
                    connection.add(person.dn, attributes=person.entry())

    @contextlib.contextmanager
    def admin(self) -> Iterator[Any]:
        """An `ldap3.Connection` that may do everything; errors are exceptions."""
        from ldap3 import NONE, Connection, Server

        server = Server(self.url, get_info=NONE, connect_timeout=5)
        connection = Connection(
            server, ADMIN_DN, ADMIN_PASSWORD, raise_exceptions=True, receive_timeout=10
        )
        connection.bind()
        try:
            yield connection
        finally:
            connection.unbind()

    def _listens(self) -> bool:
        with socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True


@contextlib.contextmanager
def slapd(
    layout: GroupLayout = GroupLayout.RFC2307BIS,
    people: Sequence[Person] = PEOPLE,
    *,
    port: int | None = None,
    tls_port: int | None = None,
    size_limit: int = 500,
) -> Iterator[Slapd]:
    """Run a directory for the length of the block.

    Args:
        layout: How groups are stored.
        people: Who has an account from the start.
        port: Preferred port of `ldap://`; None takes any free one.
        tls_port: Preferred port of `ldaps://`; None takes any free one.
        size_limit: Entries that one unpaged search may return.

    Yields:
        The running server with `PEOPLE_BASE` filled and `GROUPS_BASE` empty.

    Raises:
        Misconfigured: A program is missing; names the Debian package.
        Unavailable: slapd does not come up.
    """
    processes.require("slapd", "slapd")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch("slapd"))
        plain, tls = ports.reserve(port), ports.reserve(tls_port)
        stack.callback(plain.release)
        stack.callback(tls.release)
        prepare(folder, layout, people, size_limit)
        server = Slapd(folder, layout, plain.number, tls.number)
        server.start()
        stack.callback(server.stop)
        yield server
