"""What the rest of beamkeeper may ask of a directory, in the facility's words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class GroupSpec:
    """A group as it should be.

    Attributes:
        name: `cn` of the group, e.g. `900054-part`.
        gid: POSIX group id, allocated by the catalog and never used again.
        member_uids: Login names of the members.
        description: Text for people; one that never changes, see `DirectoryPort.ensure_group`.
    """

    name: str
    gid: int
    member_uids: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class GroupState:
    """A group as the directory has it, and what the last call changed.

    Attributes:
        dn: Where the entry lives.
        name: `cn` of the group.
        gid: Its POSIX group id; None when the entry has none.
        member_uids: Login names of members who are people of the directory, sorted.
        description: Its description, `""` when it has none.
        entry_uuid: Identity that survives a rename; `""` when the server keeps none.
        modified_at: Last change on the server's clock (aware, UTC); None when it keeps none.
        strangers: Member values that are no person of the directory, as stored, sorted. The
            placeholder is none.
        defects: What is wrong with the entry itself, in words: a missing class, no placeholder.
        unknown_uids: Asked for, but not made members: the directory has no such person, or the
            layout cannot hold the name. Sorted; empty after `get_group`.
        created: Whether this call made the group.
        added: Login names that this call made members, sorted.
        removed: Login names that this call took out, sorted; the stored value where it names none.
    """

    dn: str
    name: str
    gid: int | None
    member_uids: tuple[str, ...]
    description: str
    entry_uuid: str
    modified_at: datetime | None
    strangers: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    unknown_uids: tuple[str, ...] = ()
    created: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the call that returned this wrote anything."""
        return self.created or bool(self.added or self.removed)


class DirectoryPort(Protocol):
    """A directory with people, in which we keep groups.

    Every method raises `Unavailable` (down, silent, busy), `Denied` (password, rights, limits),
    `Invalid` (a name or value the directory cannot hold) or `Misconfigured` (bases, certificate).
    """

    def ensure_group(
        self, name: str, gid: int, member_uids: Iterable[str], description: str
    ) -> GroupState:
        """Make the group exist with exactly these members; a second call writes nothing.

        The undo is the same call without members: access ends, the gid stays taken.

        Args:
            name: `cn` of the group.
            gid: Its POSIX group id.
            member_uids: Login names; those the directory does not know are reported.
            description: Written when the group is created, never changed afterwards.

        Raises:
            Mismatch: The name or the gid belongs to something else; nothing was written.
            Conflict: Somebody else keeps changing the members.
        """
        ...

    def get_group(self, name: str) -> GroupState | None:
        """Read a group; None when there is none."""
        ...

    def group_names(self) -> tuple[str, ...]:
        """Names of all groups in our part of the directory, sorted."""
        ...

    def names_with_gid(self, gid: int) -> tuple[str, ...]:
        """Names of all groups that carry a gid, sorted; more than one is an error of theirs."""
        ...

    def known_people(self, uids: Iterable[str]) -> frozenset[str]:
        """Those of the login names that are people of the directory, spelled as asked."""
        ...
