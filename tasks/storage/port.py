"""What the rest of beamkeeper may ask of a storage, in the facility's words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from policies.access import FolderPlan, LinkPlan, Plan

OnEntry = Callable[[int], None]
"""Called with the number of entries seen so far; may raise to stop."""


@dataclass(frozen=True)
class QuotaState:
    """What became of a quota.

    Attributes:
        limit_bytes: The limit that was asked for.
        enforced: Whether the storage itself refuses what is beyond it.
        because: Why it does or does not, with the file system's kind.
    """

    limit_bytes: int
    enforced: bool
    because: str


@dataclass(frozen=True)
class Usage:
    """What a tree holds.

    Attributes:
        files: Entries that are no folders: files, links, pipes.
        folders: Folders, the top one not counted.
        size_bytes: Sum of the files' sizes; a file with several names counts each time.
        disk_bytes: What they take on disk.
        free_bytes: What the file system still has.
        free_files: Entries that it can still hold.
    """

    files: int
    folders: int
    size_bytes: int
    disk_bytes: int
    free_bytes: int
    free_files: int


class StoragePort(Protocol):
    """A repository that is mounted here.

    Every method raises `Unavailable` (not mounted, stale, failing), `Denied` (rights, full,
    read-only), `Mismatch` (something else is in the way, or the storage did not keep what
    was set), `Missing` (a folder is not there) or `Invalid` (a path that is not plain).
    """

    def ensure_folders(self, plan: Plan) -> int:
        """Make folders and links exist; answers how many were made."""
        ...

    def ensure_access(self, plan: Plan) -> int:
        """Owners, modes and ACLs as planned, read back; answers how many folders changed."""
        ...

    def ensure_rights(self, plan: Plan) -> int:
        """The same, and what is inside closes or opens with it."""
        ...

    def ensure_link(self, link: LinkPlan) -> bool:
        """Make one link point where it should; answers whether it changed."""
        ...

    def ensure_quota(self, folder: FolderPlan, limit_bytes: int) -> QuotaState:
        """Set a quota where the storage can; says whether it is enforced."""
        ...

    def freeze(self, folder: FolderPlan, on_entry: OnEntry | None = None) -> int:
        """Take every write bit off what is inside; answers how many entries changed."""
        ...

    def thaw(self, folder: FolderPlan, on_entry: OnEntry | None = None) -> int:
        """Undo of `freeze`; answers how many entries changed."""
        ...

    def drift(self, plan: Plan) -> list[str]:
        """Differences between a plan and what is there, in words; changes nothing."""
        ...

    def write_test(self, universal: str) -> int:
        """Write, read back and remove a file; answers how many bytes came back right."""
        ...

    def usage(self, universal: str) -> Usage:
        """Count what is inside; changes nothing."""
        ...
