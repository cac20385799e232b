"""What goes into a copy and what comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

Progress = Callable[[int, int, int, int], None]
"""Called with bytes done, bytes in all, files done, files in all; a few times a second."""

Check = Callable[[], None]
"""Called many times a second and before anything is published; raises to end the work."""

AfterWrite = Callable[[str, Path], None]
"""Called with a file's relative path and the path of its unfinished copy."""


class Outcome(StrEnum):
    """How a file came to be at the destination."""

    COPIED = "copied"
    """Written and read back by this call."""
    KEPT = "kept"
    """Was there already; read back completely and equal."""


class ReadBack(StrEnum):
    """How sure it is that the medium was read and not memory."""

    DIRECT = "direct"
    """Read with O_DIRECT."""
    DROPPED_CACHE = "dropped-cache"
    """The file system has no O_DIRECT: synced, cache dropped, read."""


class DiscrepancyKind(StrEnum):
    """In which way a file differs from its manifest."""

    MISSING = "missing"
    """In the manifest, not in the folder."""
    EXTRA = "extra"
    """In the folder, not in the manifest."""
    SIZE = "size"
    """Another length."""
    DIGEST = "digest"
    """The length fits, the bytes do not."""
    CHANGED = "changed"
    """Modified while it was read."""
    NOT_A_FILE = "not-a-file"
    """A symbolic link, folder or device stands in its place."""
    UNREADABLE = "unreadable"
    """The file system refuses to give it."""


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One file, read once from its first to its last byte.

    Attributes:
        size_bytes: Length in bytes.
        xxh3_128: 32 lower-case hex digits.
        adler32: 8 lower-case hex digits.
        mtime_ns: Modification time, nanoseconds since 1970; the same before and after.
    """

    size_bytes: int
    xxh3_128: str
    adler32: str
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One difference between a folder and its manifest.

    Attributes:
        relative_path: Path below the folder.
        kind: In which way it differs.
        where: `source`, `destination` or `copy` (what was written, read back).
        expected: What the manifest says; empty where it says nothing.
        found: What is there; empty where nothing is.
    """

    relative_path: str
    kind: DiscrepancyKind
    where: str
    expected: str = ""
    found: str = ""

    @property
    def sentence(self) -> str:
        """The difference for people."""
        text = f"{_shown(self.relative_path)} ({self.where}): {self.kind}"
        if self.expected or self.found:
            text += f", expected {self.expected or 'nothing'}, found {self.found or 'nothing'}"
        return text

    def as_record(self) -> dict[str, str]:
        """The same as JSON values; a name that is no printable text is escaped."""
        return {
            "relative_path": _shown(self.relative_path),
            "kind": str(self.kind),
            "where": self.where,
            "expected": self.expected,
            "found": self.found,
        }


def _shown(path: str) -> str:
    """A path that can be printed and stored; an extra file's name may be any bytes."""
    return path if path.isprintable() else ascii(path)[1:-1]


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How to copy; the defaults fit a run folder.

    Attributes:
        replace_suspect: Move a destination file that differs aside (it is renamed to a
            hidden name and recorded, never deleted) instead of refusing.
        below: An existing folder, for example the repository's mount point, below which
            missing parents of the destination may be made. None: the parent must exist,
            because a missing one may be a file system that is not mounted.
        file_mode: Mode of new files; a default ACL of the folder narrows it, else the umask.
        folder_mode: Mode of new folders, likewise.
        workers: Files or batches at work at a time.
        batches: At most so many where all files are small: more wait for the interpreter and
            not for the disk, and only cost CPU.
    """

    replace_suspect: bool = False
    below: Path | None = None
    file_mode: int = 0o640
    folder_mode: int = 0o750
    workers: int = 4
    batches: int = 2


@dataclass(frozen=True, slots=True)
class FileProof:
    """One file whose copy was read back and equals the manifest.

    Attributes:
        relative_path: Path below the destination.
        size_bytes: Length in bytes.
        xxh3_128: Digest of what was read back.
        adler32: Sum of what was read back.
        outcome: Copied now, or there already.
        read_back: How it was read.
        set_aside: Name that a differing file at this place was moved to; empty if none was.
    """

    relative_path: str
    size_bytes: int
    xxh3_128: str
    adler32: str
    outcome: Outcome
    read_back: ReadBack
    set_aside: str = ""


@dataclass(frozen=True, slots=True)
class CopyProof:
    """Every file of a manifest is at the destination, read back and equal.

    Attributes:
        manifest_hash: Hash of the manifest that was proved.
        files: One per entry, in the manifest's order.
        leftovers_removed: Unfinished files of dead attempts at the same manifest.
        seconds: Duration on the monotonic clock.
    """

    manifest_hash: str
    files: tuple[FileProof, ...]
    leftovers_removed: tuple[str, ...]
    seconds: float

    @property
    def num_files(self) -> int:
        """Files proved."""
        return len(self.files)

    @property
    def size_bytes(self) -> int:
        """Their bytes."""
        return sum(f.size_bytes for f in self.files)

    @property
    def num_kept(self) -> int:
        """Files that were there already."""
        return sum(f.outcome is Outcome.KEPT for f in self.files)

    @property
    def num_copied(self) -> int:
        """Files written by this call."""
        return self.num_files - self.num_kept

    def as_record(self) -> dict[str, object]:
        """The proof without its files, as JSON values."""
        return {
            "manifest_hash": self.manifest_hash,
            "num_files": self.num_files,
            "size_bytes": self.size_bytes,
            "num_copied": self.num_copied,
            "num_kept": self.num_kept,
            "read_back": sorted({str(f.read_back) for f in self.files}),
            "set_aside": [f.set_aside for f in self.files if f.set_aside],
            "leftovers_removed": list(self.leftovers_removed),
            "seconds": round(self.seconds, 3),
        }
