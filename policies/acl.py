"""POSIX access control lists as values, in the order and words of `getfacl -n`."""

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

_LETTERS = ((4, "r"), (2, "w"), (1, "x"))


class Tag(IntEnum):
    """Kind of an entry; values and order are the kernel's.

    Source: `include/uapi/linux/posix_acl.h`.
    """

    USER_OBJ = 0x01
    """The owner."""
    USER = 0x02
    """A user by uid."""
    GROUP_OBJ = 0x04
    """The owning group."""
    GROUP = 0x08
    """A group by gid."""
    MASK = 0x10
    """The most that users by uid, groups by gid and the owning group get."""
    OTHER = 0x20
    """Everybody else."""


_WORDS = {
    Tag.USER_OBJ: "user",
    Tag.USER: "user",
    Tag.GROUP_OBJ: "group",
    Tag.GROUP: "group",
    Tag.MASK: "mask",
    Tag.OTHER: "other",
}


class AclEntry(NamedTuple):
    """One line of an ACL.

    Attributes:
        tag: Kind of the entry.
        id: uid or gid; None for entries without one.
        perm: Rights as bits: r = 4, w = 2, x = 1.
    """

    tag: Tag
    id: int | None
    perm: int

    def __str__(self) -> str:
        """As `getfacl -n` writes it."""
        who = "" if self.id is None else str(self.id)
        return f"{_WORDS[self.tag]}:{who}:{letters(self.perm)}"


Acl = tuple[AclEntry, ...]
"""A whole list, in the kernel's order; empty: the storage keeps none."""


def letters(perm: int) -> str:
    """`rwx`, `r-x`, `---`."""
    return "".join(letter if perm & bit else "-" for bit, letter in _LETTERS)


def private_acl(owner: int, named: Iterable[AclEntry]) -> Acl:
    """An ACL for the owner and those named; nobody else, not even the owning group.

    Args:
        owner: Rights of the owner.
        named: Entries by uid and gid; two for one id become one with the rights of both.
    """
    merged: dict[tuple[Tag, int | None], int] = {}
    for entry in named:
        merged[entry[:2]] = merged.get(entry[:2], 0) | entry.perm
    mask = 0
    for perm in merged.values():
        mask |= perm
    lines = [AclEntry(tag, who, perm) for (tag, who), perm in merged.items()]
    lines += [
        AclEntry(Tag.USER_OBJ, None, owner),
        AclEntry(Tag.GROUP_OBJ, None, 0),
        AclEntry(Tag.MASK, None, mask),
        AclEntry(Tag.OTHER, None, 0),
    ]
    return tuple(sorted(lines, key=lambda e: (e.tag, e.id or 0)))


def mode_bits(acl: Acl) -> int:
    """Permission bits that `stat` shows beside an ACL: the group's bits are the mask."""
    shown = {entry.tag: entry.perm for entry in acl if entry.id is None}
    middle = shown.get(Tag.MASK, shown.get(Tag.GROUP_OBJ, 0))
    return shown.get(Tag.USER_OBJ, 0) << 6 | middle << 3 | shown.get(Tag.OTHER, 0)


def differences(wanted: Acl, found: Acl) -> list[str]:
    """What is wrong, entry by entry: `group:700001:r-x is missing`."""
    want = {entry[:2]: entry for entry in wanted}
    have = {entry[:2]: entry for entry in found}
    lines = [f"{want[k]} is missing" for k in want if k not in have]
    lines += [f"{have[k]} is too much" for k in have if k not in want]
    lines += [
        f"{have[k]} should be {letters(want[k].perm)}"
        for k in want
        if k in have and have[k] != want[k]
    ]
    return lines


def without_write(acl: Acl) -> Acl:
    """The same list with no `w` in any line, the mask and hidden ones included."""
    return tuple(entry._replace(perm=entry.perm & ~2) for entry in acl)


def with_write(acl: Acl, like: Acl) -> Acl:
    """The same list with `w` where a plan has it; the owner's too, and the mask's to match.

    Args:
        acl: What an entry has.
        like: The plan's list: users and groups that it does not let write get nothing.
    """
    given = {e[:2] for e in like if e.tag in {Tag.USER, Tag.GROUP} and e.perm & 2}
    given.add((Tag.USER_OBJ, None))
    lines = tuple(e._replace(perm=e.perm | 2) if e[:2] in given else e for e in acl)
    if any(e.perm & 2 for e in lines if e.tag in {Tag.USER, Tag.GROUP}):
        return tuple(e._replace(perm=e.perm | 2) if e.tag is Tag.MASK else e for e in lines)
    return lines
