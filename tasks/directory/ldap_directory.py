"""Groups in an LDAP directory, for both ways in which directories store members."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ldap3 import LEVEL, MODIFY_ADD, MODIFY_DELETE
from ldap3.core import exceptions as ldap

from policies.errors import Conflict, Invalid, Mismatch
from settings.directory import DirectorySettings, GroupLayout
from tasks.directory import names
from tasks.directory.connection import PERMISSIVE, connected
from tasks.directory.entries import Account, Entry, accounts, read_entry, search
from tasks.directory.membership import CLASSES, Change, can_hold, changes, wanted_values
from tasks.directory.port import GroupState
from tasks.directory.states import read_state

ROUNDS = 5
"""How often members are written and read again before somebody else is blamed."""

_GROUP = "(objectClass=*)"
_POSIX_GROUP = "(objectClass=posixGroup)"


class LdapDirectory:
    """`DirectoryPort` over LDAP; every call has its own connection, so threads may share it.

    Args:
        settings: Where the directory is and how it stores groups.
    """

    def __init__(self, settings: DirectorySettings) -> None:
        self._settings = settings

    def ensure_group(
        self, name: str, gid: int, member_uids: Iterable[str], description: str
    ) -> GroupState:
        """Make the group exist with exactly these members, see `DirectoryPort.ensure_group`."""
        uids = sorted({names.checked_name(uid, "member_uids") for uid in member_uids})
        self._check_gid(gid)
        dn = self._dn(name)
        with connected(self._settings) as connection:
            people = self._people(connection, uids)
            wanted = wanted_values(people.values(), self._settings)
            self._refuse_foreign(connection, dn, gid)
            created = self._create(connection, dn, name, gid, description, wanted)
            added, removed = self._settle(connection, dn, wanted)
            # Somebody may have taken the gid while we wrote.
            entry = self._refuse_foreign(connection, dn, gid)
            if entry is None:
                raise Conflict(f"The group {name} was removed while it was written.", name=name)
            state = read_state(connection, entry, self._settings)
        return replace(
            state,
            unknown_uids=tuple(uid for uid in uids if uid not in people),
            created=created,
            added=state.member_uids if created else added,
            removed=removed,
        )

    def get_group(self, name: str) -> GroupState | None:
        """Read a group, see `DirectoryPort.get_group`."""
        dn = self._dn(name)
        with connected(self._settings) as connection:
            entry = read_entry(connection, dn, _GROUP)
            return None if entry is None else read_state(connection, entry, self._settings)

    def group_names(self) -> tuple[str, ...]:
        """Names of our groups, see `DirectoryPort.group_names`."""
        base = self._settings.groups_base
        with connected(self._settings) as connection:
            found = search(connection, base, _POSIX_GROUP, ["cn"], self._settings, scope=LEVEL)
        return tuple(sorted(entry.one("cn") for entry in found))

    def names_with_gid(self, gid: int) -> tuple[str, ...]:
        """Names of the groups that carry a gid, see `DirectoryPort.names_with_gid`."""
        with connected(self._settings) as connection:
            return tuple(sorted(entry.one("cn") for entry in self._with_gid(connection, gid)))

    def known_people(self, uids: Iterable[str]) -> frozenset[str]:
        """Who of them exists, see `DirectoryPort.known_people`."""
        asked = frozenset(uids)
        with connected(self._settings) as connection:
            found = accounts(connection, asked, self._settings)
        return frozenset(uid for uid in asked if names.same(uid) in found)

    def _dn(self, name: str) -> str:
        return names.group_dn(names.checked_group_name(name), self._settings.groups_base)

    def _check_gid(self, gid: int) -> None:
        first, last = self._settings.gid_first, self._settings.gid_last
        if not first <= gid <= last:
            raise Invalid(f"gid {gid} is not between {first} and {last}.", fields=["gid"], gid=gid)

    def _people(
        self,
        connection: Any,  # noqa: ANN401 - the library is not typed
        uids: Iterable[str],
    ) -> dict[str, Account]:
        found = accounts(connection, uids, self._settings)
        people: dict[str, Account] = {}
        for uid in uids:
            candidates = found.get(names.same(uid), ())
            if len(candidates) > 1:
                entries = [who.dn for who in candidates]
                raise Mismatch(
                    f"The login name {uid!r} belongs to several people: {'; '.join(entries)}.",
                    uid=uid,
                    entries=entries,
                )
            people.update((uid, who) for who in candidates if can_hold(who, self._settings))
        return people

    def _with_gid(self, connection: Any, gid: int) -> list[Entry]:  # noqa: ANN401
        base = self._settings.gid_search_base or self._settings.groups_base
        condition = f"(&{_POSIX_GROUP}(gidNumber={int(gid)}))"
        return search(connection, base, condition, ["cn"], self._settings)

    def _refuse_foreign(self, connection: Any, dn: str, gid: int) -> Entry | None:  # noqa: ANN401
        """The group's entry, unless its name or its gid is somebody else's."""
        entry = read_entry(connection, dn, _GROUP)
        if entry is not None:
            self._compare(entry, gid)
        ours = names.normal_dn(dn)
        for other in self._with_gid(connection, gid):
            if names.normal_dn(other.dn) != ours:
                raise Mismatch(
                    f"The gid {gid} for {dn} already belongs to {other.dn}; nothing is changed.",
                    dn=dn,
                    gid=gid,
                    holder=other.dn,
                )
        return entry

    def _compare(self, entry: Entry, gid: int) -> None:
        present = {name.lower() for name in entry.all("objectClass")}
        missing = [name for name in CLASSES[self._settings.layout] if name.lower() not in present]
        if missing:
            raise Mismatch(
                f"{entry.dn} exists without the object class {', '.join(missing)}; "
                "it is left as it is.",
                dn=entry.dn,
                missing_classes=missing,
            )
        if entry.one("gidNumber") != str(gid):
            raise Mismatch(
                f"{entry.dn} has gid {entry.one('gidNumber')}, not {gid}; it is left as it is.",
                dn=entry.dn,
                gid=gid,
                found_gid=entry.one("gidNumber"),
            )

    def _create(
        self,
        connection: Any,  # noqa: ANN401
        dn: str,
        name: str,
        gid: int,
        description: str,
        wanted: Mapping[str, tuple[str, ...]],
    ) -> bool:
        if read_entry(connection, dn, _GROUP) is not None:
            return False
        values: dict[str, tuple[str, ...]] = {
            "cn": (name,),
            "gidNumber": (str(gid),),
            "description": (description,) if description else (),
            **wanted,
        }
        attributes = {key: _encoded(texts) for key, texts in values.items() if texts}
        try:
            connection.add(dn, list(CLASSES[self._settings.layout]), attributes)
        except ldap.LDAPEntryAlreadyExistsResult:
            return False
        return True

    def _settle(
        self,
        connection: Any,  # noqa: ANN401
        dn: str,
        wanted: Mapping[str, tuple[str, ...]],
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Write differences until a read finds none; who was added, who was removed."""
        added: set[str] = set()
        removed: set[str] = set()
        for _ in range(ROUNDS):
            entry = read_entry(connection, dn, _GROUP)
            todo = [] if entry is None else changes(entry, wanted)
            if not todo:
                return tuple(sorted(added)), tuple(sorted(removed))
            _write(connection, dn, todo)
            added |= {who for change in todo for who in self._shown(change.add)}
            removed |= {who for change in todo for who in self._shown(change.delete)}
        raise Conflict(f"Somebody else keeps changing the members of {dn}.", dn=dn)

    def _shown(self, values: Iterable[str]) -> set[str]:
        if self._settings.layout is GroupLayout.RFC2307:
            return set(values)
        placeholder = names.normal_dn(self._settings.placeholder)
        people = {value for value in values if names.normal_dn(value) != placeholder}
        return {names.uid_of(value) or value for value in people}


def _write(connection: Any, dn: str, todo: Iterable[Change]) -> None:  # noqa: ANN401
    """One modify that adds and one that deletes; a mixed one would roll back as a whole.

    "Is there already" and "was not there" are no errors here: the caller reads again.
    """
    todo = list(todo)
    adds = {c.attribute: [(MODIFY_ADD, _encoded(c.add))] for c in todo if c.add}
    deletes = {c.attribute: [(MODIFY_DELETE, _encoded(c.delete))] for c in todo if c.delete}
    for modification in (adds, deletes):
        if not modification:
            continue
        try:
            connection.modify(dn, modification, controls=[PERMISSIVE])
        except (ldap.LDAPAttributeOrValueExistsResult, ldap.LDAPNoSuchAttributeResult):
            continue


def _encoded(values: Iterable[str]) -> list[bytes]:
    # Bytes are sent as they are; text would be searched for escapes by the library.
    return [value.encode() for value in values]
