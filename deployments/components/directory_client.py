"""What `sssd` is on a real cluster: its controller learns the directory's groups by itself."""

import contextlib
import threading
from collections.abc import Iterator

from deployments.components.slapd import GROUPS_BASE, Slapd
from deployments.components.slurm import Slurm

PAUSE_SECONDS = 0.3
"""Pause between two looks at the directory."""


@contextlib.contextmanager
def directory_client(directory: Slapd, cluster: Slurm) -> Iterator[None]:
    """Let the cluster know the directory's groups for the length of the block."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_follow, args=(directory, cluster, stop), name="directory client", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)


def _follow(directory: Slapd, cluster: Slurm, stop: threading.Event) -> None:
    from ldap3.core.exceptions import LDAPException

    known: dict[str, tuple[int, tuple[str, ...]]] = {}
    while not stop.wait(PAUSE_SECONDS):
        with contextlib.suppress(LDAPException, OSError):
            for name, group in _groups(directory).items():
                if known.get(name) != group:
                    cluster.know_group(name, *group)
                    known[name] = group


def _groups(directory: Slapd) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Gid and members of every group, by name."""
    found = {}
    with directory.admin() as connection:
        connection.search(
            GROUPS_BASE, "(gidNumber=*)", "SUBTREE", attributes=["cn", "gidNumber", "member"]
        )
        for entry in connection.response:
            values = entry["attributes"]
            uids = (dn.split(",", 1)[0].partition("=")[2] for dn in values.get("member", []))
            members = tuple(sorted(uid for uid in uids if uid.isascii() and uid.isidentifier()))
            found[_first(values["cn"])] = (int(_first(values["gidNumber"])), members)
    return found


def _first(value: object) -> str:
    """A value that the library hands out alone or in a list."""
    return str(value[0] if isinstance(value, list) else value)
