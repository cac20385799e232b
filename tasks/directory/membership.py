"""Which member values a group should hold in each layout, and what to change for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from settings.directory import DirectorySettings, GroupLayout
from tasks.directory.entries import Account, Entry
from tasks.directory.names import normal_dn

CLASSES = {
    GroupLayout.RFC2307: ("posixGroup",),
    GroupLayout.RFC2307BIS: ("groupOfNames", "posixGroup"),
}
"""Object classes that a group of ours has; it may have more."""


@dataclass(frozen=True)
class Change:
    """Values that one attribute lacks, and values it has too much."""

    attribute: str
    add: tuple[str, ...]
    delete: tuple[str, ...]


def wanted_values(
    people: Iterable[Account], settings: DirectorySettings
) -> dict[str, tuple[str, ...]]:
    """Values of every member attribute of a group with these people.

    An attribute that the layout does not use is wanted empty: clients may read it all the same.

    Args:
        people: The members.
        settings: For the layout and the placeholder.
    """
    members = sorted(set(people), key=lambda who: who.uid)
    uids = tuple(who.uid for who in members)
    if settings.layout is GroupLayout.RFC2307:
        return {"memberUid": uids}
    # The placeholder stays with real members too: so no order of writes can empty the group.
    dns = (settings.placeholder, *(who.dn for who in members))
    return {"member": dns, "memberUid": uids if settings.write_member_uids else ()}


def can_hold(who: Account, settings: DirectorySettings) -> bool:
    """Whether the layout can name this person: `memberUid` takes ASCII only (RFC 2307)."""
    if settings.layout is GroupLayout.RFC2307BIS and not settings.write_member_uids:
        return True
    return who.uid.isascii()


def changes(entry: Entry, wanted: Mapping[str, tuple[str, ...]]) -> list[Change]:
    """What to write so that the entry holds the wanted values; empty when it does.

    Args:
        entry: The group as read.
        wanted: From `wanted_values`.
    """
    compared = (_change(name, entry.all(name), values) for name, values in wanted.items())
    return [change for change in compared if change.add or change.delete]


def _change(attribute: str, present: Iterable[str], wanted: Iterable[str]) -> Change:
    have = {_key(attribute, value): value for value in present}
    want = {_key(attribute, value): value for value in wanted}
    return Change(
        attribute,
        add=tuple(want[key] for key in want if key not in have),
        delete=tuple(have[key] for key in have if key not in want),
    )


def _key(attribute: str, value: str) -> str:
    return normal_dn(value) if attribute == "member" else value
