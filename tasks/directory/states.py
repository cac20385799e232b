"""A group's entry as a `GroupState`: which of its member values are people."""

from typing import Any

from policies.errors import Mismatch
from settings.directory import DirectorySettings, GroupLayout
from tasks.directory.entries import Entry, accounts, instant, person_filter, read_entry
from tasks.directory.membership import CLASSES
from tasks.directory.names import normal_dn, same
from tasks.directory.port import GroupState


def read_state(connection: Any, entry: Entry, settings: DirectorySettings) -> GroupState:  # noqa: ANN401
    """Look every member up, so that a value which gives nobody access is told from a person.

    Args:
        connection: From `connected`.
        entry: The group as read.
        settings: For the layout and the placeholder.

    Raises:
        Mismatch: Its gid is no number.
    """
    members, strangers = _people_and_others(connection, entry, settings)
    return GroupState(
        dn=entry.dn,
        name=entry.one("cn"),
        gid=_gid(entry),
        member_uids=tuple(sorted(members)),
        description=entry.one("description"),
        entry_uuid=entry.one("entryUUID"),
        modified_at=instant(entry.one("modifyTimestamp")),
        strangers=tuple(sorted(strangers)),
        defects=tuple(_defects(entry, settings)),
    )


def _people_and_others(
    connection: Any,  # noqa: ANN401
    entry: Entry,
    settings: DirectorySettings,
) -> tuple[set[str], set[str]]:
    by_dn = _by_dn(connection, entry, settings)
    by_uid = _by_uid(connection, entry, settings)
    if settings.layout is GroupLayout.RFC2307:
        # No client of this layout reads `member`, but a value there is not ours.
        return _split(by_uid)[0], _split(by_uid)[1] | set(by_dn)
    members, strangers = _split(by_dn)
    if settings.write_member_uids:
        extra = {value for value, uid in by_uid.items() if uid not in members}
    else:
        extra = set(by_uid)
    return members, strangers | extra


def _split(values: dict[str, str | None]) -> tuple[set[str], set[str]]:
    people = {uid for uid in values.values() if uid is not None}
    return people, {value for value, uid in values.items() if uid is None}


def _by_dn(
    connection: Any,  # noqa: ANN401
    entry: Entry,
    settings: DirectorySettings,
) -> dict[str, str | None]:
    """Login name behind each `member`; None when there is no such person."""
    placeholder = normal_dn(settings.placeholder)
    found: dict[str, str | None] = {}
    for dn in entry.all("member"):
        if normal_dn(dn) != placeholder:
            person = read_entry(connection, dn, person_filter(settings)) if dn else None
            found[dn] = (person.one("uid") or None) if person else None
    return found


def _by_uid(
    connection: Any,  # noqa: ANN401
    entry: Entry,
    settings: DirectorySettings,
) -> dict[str, str | None]:
    """Login name behind each `memberUid`; None when nobody is spelled exactly so."""
    values = entry.all("memberUid")
    people = accounts(connection, values, settings)
    spelled = {value: {who.uid for who in people.get(same(value), ())} for value in values}
    return {value: value if value in uids else None for value, uids in spelled.items()}


def _gid(entry: Entry) -> int | None:
    text = entry.one("gidNumber")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise Mismatch(f"The gid {text!r} of {entry.dn} is no number.", dn=entry.dn) from error


def _defects(entry: Entry, settings: DirectorySettings) -> list[str]:
    present = {name.lower() for name in entry.all("objectClass")}
    wanted = CLASSES[settings.layout]
    found = [f"lacks the object class {name}" for name in wanted if name.lower() not in present]
    holders = {normal_dn(dn) for dn in entry.all("member")}
    if settings.layout is GroupLayout.RFC2307BIS and normal_dn(settings.placeholder) not in holders:
        found.append("lacks the placeholder member")
    return found
