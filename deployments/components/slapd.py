"""OpenLDAP's `slapd` as a throw-away directory with people and no groups.

Own folder, own configuration, loopback, `ldap://` with StartTLS and `ldaps://`. Nothing of
Debian's default database is touched. Writes are not synced to disk: never a production server.
"""

import base64
import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from deployments.components import ports, processes
from policies.errors import Misconfigured
from settings.directory import DirectorySettings, GroupLayout, TlsMode

SUFFIX = "dc=example,dc=org"
PEOPLE_BASE = f"ou=people,{SUFFIX}"
GROUPS_BASE = f"ou=proposals,{SUFFIX}"
ADMIN_DN = f"cn=admin,{SUFFIX}"
SERVICE_DN = f"uid=svc-beamkeeper,{PEOPLE_BASE}"
READER_DN = f"uid=svc-reader,{PEOPLE_BASE}"
ADMIN_PASSWORD = "admin-of-the-throw-away-directory"  # noqa: S105 - loopback, throw-away
SERVICE_PASSWORD = "svc-of-the-throw-away-directory"  # noqa: S105
READER_PASSWORD = "reader-of-the-throw-away-directory"  # noqa: S105

_HERE = Path(__file__).parent
_SCHEMA = Path("/etc/ldap/schema")
_CONF = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
include {posix}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
pidfile {folder}/run/slapd.pid
argsfile {folder}/run/slapd.args
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
TLSCACertificateFile {folder}/cert.pem
sizelimit {size_limit}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory {folder}/data
maxsize 268435456
dbnosync
limits users size.soft={size_limit} size.hard=soft size.prtotal=unlimited
index objectClass,cn,uid,member,memberUid,gidNumber,uidNumber,entryUUID eq
access to attrs=userPassword by self write by anonymous auth by * none
access to dn.subtree="{groups}" by dn.exact="{service}" write by users read
access to * by users read by anonymous auth
overlay memberof
memberof-group-oc groupOfNames
memberof-refint TRUE
overlay refint
refint_attributes member memberOf
"""


@dataclass(frozen=True)
class Person:
    """Somebody with an account.

    Attributes:
        uid: Login name.
        name: Name as displayed.
        uid_number: POSIX id; also the id of the person's own group.
        mail: Address; None leaves it out.
    """

    uid: str
    name: str
    uid_number: int
    mail: str | None = None

    @property
    def dn(self) -> str:
        """Where the entry lives."""
        from ldap3.utils.dn import escape_rdn

        return f"uid={escape_rdn(self.uid)},{PEOPLE_BASE}"

    def entry(self) -> dict[str, list[str]]:
        """The attributes of the entry."""
        attributes = {
            "objectClass": ["inetOrgPerson", "posixAccount"],
            "uid": [self.uid],
            "cn": [self.name],
            "sn": [self.name.split()[-1]],
            "uidNumber": [str(self.uid_number)],
            "gidNumber": [str(self.uid_number)],
            "homeDirectory": [f"/home/{self.uid_number}"],
        }
        return attributes | ({"mail": [self.mail]} if self.mail else {})


PEOPLE = (
    Person("alice", "Alice Ampere", 20001, "alice@example.org"),
    Person("bob", "Bob Bragg", 20002, "bob@example.org"),
    Person("carol", "Carol Curie", 20003, "carol@example.org"),
    Person("dave", "Dave Debye", 20004, "dave@example.org"),
)
"""Who is there unless the caller says otherwise."""


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
    folder = Path(tempfile.mkdtemp(prefix="beamkeeper-slapd-"))
    plain, tls = ports.reserve(port), ports.reserve(tls_port)
    server = Slapd(folder, layout, plain.number, tls.number)
    try:
        _prepare(folder, layout, people, size_limit)
        server.start()
        yield server
    finally:
        if server._child is not None:  # noqa: SLF001 - same module
            server.stop()
        plain.release()
        tls.release()
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, layout: GroupLayout, people: Sequence[Person], size_limit: int) -> None:
    for name in ("data", "run"):
        (folder / name).mkdir()
    _certificate(folder)
    auxiliary = _HERE / "posixgroup-aux.schema"
    conf = folder / "slapd.conf"
    conf.write_text(
        _CONF.format(
            schema=_SCHEMA,
            posix=auxiliary if layout is GroupLayout.RFC2307BIS else _SCHEMA / "nis.schema",
            folder=folder,
            size_limit=size_limit,
            suffix=SUFFIX,
            admin=ADMIN_DN,
            password=ADMIN_PASSWORD,
            groups=GROUPS_BASE,
            service=SERVICE_DN,
        )
    )
    base = folder / "base.ldif"
    base.write_text(_ldif(people))
    _run(processes.require("slaptest", "slapd"), "-u", "-f", conf)
    _run(processes.require("slapadd", "slapd"), "-q", "-f", conf, "-l", base)


def _certificate(folder: Path) -> None:
    openssl = processes.require("openssl", "openssl")
    key, cert = folder / "key.pem", folder / "cert.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    request: list[str | Path] = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "30",
    ]
    _run(*request, "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", names)


def _ldif(people: Sequence[Person]) -> str:
    entries: list[tuple[str, dict[str, list[str]]]] = [
        (SUFFIX, {"objectClass": ["dcObject", "organization"], "dc": ["example"], "o": ["Site"]}),
        (PEOPLE_BASE, {"objectClass": ["organizationalUnit"], "ou": ["people"]}),
        (GROUPS_BASE, {"objectClass": ["organizationalUnit"], "ou": ["proposals"]}),
        _service(SERVICE_DN, SERVICE_PASSWORD),
        _service(READER_DN, READER_PASSWORD),
        *((person.dn, person.entry()) for person in people),
    ]
    return "\n".join(_record(dn, attributes) for dn, attributes in entries)


def _service(dn: str, password: str) -> tuple[str, dict[str, list[str]]]:
    uid = dn.split(",", 1)[0].removeprefix("uid=")
    classes = ["account", "simpleSecurityObject"]
    return dn, {"objectClass": classes, "uid": [uid], "userPassword": [password]}


def _record(dn: str, attributes: dict[str, list[str]]) -> str:
    lines = [_line("dn", dn)]
    lines += [_line(name, value) for name, values in attributes.items() for value in values]
    return "\n".join(lines) + "\n"


def _line(name: str, value: str) -> str:
    # Base64 throughout: a name may begin with a blank or hold any letter (RFC 2849).
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"


def _run(*argv: str | Path) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise Misconfigured(f"{Path(argv[0]).name} refused: {done.stderr.strip()}")
