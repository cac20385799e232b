"""A clean groups folder in a real slapd, in both layouts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from deployments.components.slapd import GROUPS_BASE, PEOPLE_BASE, Person, Slapd
from settings.directory import DirectorySettings, GroupLayout
from tasks.directory import GroupState, LdapDirectory

NAME = "900054-part"
GID = 700001
TEXT = "Participants of proposal 900054"
DN = f"cn={NAME},{GROUPS_BASE}"


@dataclass
class World:
    """A directory server, our adapter on it, and an administrator's view past the adapter."""

    server: Slapd
    settings: DirectorySettings
    extra: list[str] = field(default_factory=list)

    @property
    def directory(self) -> LdapDirectory:
        return LdapDirectory(self.settings)

    @property
    def bis(self) -> bool:
        return self.server.layout is GroupLayout.RFC2307BIS

    def having(self, **changes: Any) -> LdapDirectory:
        """The adapter with other settings."""
        merged = self.settings.model_dump() | changes
        return LdapDirectory(DirectorySettings.model_validate(merged))

    def ensure(self, *uids: str, gid: int = GID, name: str = NAME) -> GroupState:
        return self.directory.ensure_group(name, gid, uids, TEXT)

    def invite(self, *people: Person) -> None:
        """Accounts for this test only."""
        self.server.add(*people)
        self.extra += [person.dn for person in people]

    def entry(self, dn: str = DN) -> dict[str, list[str]]:
        """All attributes as the server stores them, operational ones too."""
        with self.server.admin() as connection:
            connection.search(dn, "(objectClass=*)", "BASE", attributes=["*", "+"])
            raw = connection.response[0]["raw_attributes"]
        return {name: [value.decode() for value in values] for name, values in raw.items()}

    def add_entry(self, dn: str, classes: list[str], values: dict[str, Any]) -> None:
        with self.server.admin() as connection:
            connection.add(dn, classes, values)
        self.extra.append(dn)

    def modify(self, changes: dict[str, Any], dn: str = DN) -> None:
        with self.server.admin() as connection:
            connection.modify(dn, changes)

    def member(self, uid: str) -> dict[str, str]:
        """Attribute and value that make somebody a member in this layout."""
        return {"member": f"uid={uid},{PEOPLE_BASE}"} if self.bis else {"memberUid": uid}

    def sweep(self) -> None:
        with self.server.admin() as connection:
            connection.search(GROUPS_BASE, "(objectClass=*)", "LEVEL", attributes=[])
            for dn in {item["dn"] for item in connection.response} | set(self.extra):
                connection.raise_exceptions = False
                connection.delete(dn)


def _world(server: Slapd) -> Iterator[World]:
    world = World(server, server.settings())
    yield world
    world.sweep()


@pytest.fixture(params=["slapd_server", "slapd_server_rfc2307"], ids=["rfc2307bis", "rfc2307"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Both layouts."""
    yield from _world(request.getfixturevalue(request.param))


@pytest.fixture
def bis(slapd_server: Slapd) -> Iterator[World]:
    """The rfc2307bis layout only."""
    yield from _world(slapd_server)


@pytest.fixture
def plain(slapd_server_rfc2307: Slapd) -> Iterator[World]:
    """The rfc2307 layout only."""
    yield from _world(slapd_server_rfc2307)
