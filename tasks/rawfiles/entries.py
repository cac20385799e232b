"""What a run folder holds, name by name."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policies.audit_facts import EntryKind, Fault, FileFacts, FileFault
from policies.errors import Unavailable
from policies.filenames import parse_run_file
from tasks.rawfiles.content import Content
from tasks.rawfiles.safe_hdf5 import printable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EDGE_NS = 8_000_000_000_000_000_000


def list_entries(folder: Path) -> list[tuple[str, FileFacts]]:
    """Everything in a folder, sorted by name, not descended into, nothing followed.

    Args:
        folder: The run folder.

    Returns:
        Name as the file system has it, and facts without content.

    Raises:
        Unavailable: The folder is missing or cannot be listed: nothing is known then.
    """
    try:
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry in found)
    except OSError as error:
        msg = f"run folder {folder} cannot be listed: {error.strerror or error}"
        raise Unavailable(msg, folder=str(folder), errno=error.errno) from error
    return [(name, describe(folder, name)) for name in names]


def describe(folder: Path, name: str) -> FileFacts:
    """Facts about one name, without content; one that vanished says so."""
    shown = _shown(name)
    try:
        seen = (folder / name).lstat()
    except OSError as error:
        reason = error.strerror or str(error)
        return FileFacts(shown, EntryKind.FILE, 0, 0, _EPOCH, problem=f"cannot stat: {reason}")
    kind = _kind(seen.st_mode)
    problem = f"leads to {printable(_target(folder / name))}" if kind is EntryKind.LINK else ""
    size = seen.st_size if kind is EntryKind.FILE else 0
    at = max(-_EDGE_NS, min(seen.st_mtime_ns, _EDGE_NS))
    return FileFacts(shown, kind, size, at, _instant(at), problem=problem)


def _instant(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1000)


def _shown(name: str) -> str:
    """The name, escaped where a database or terminal would choke on it."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def _target(path: Path) -> str:
    try:
        return str(path.readlink()) + ("" if path.exists() else " (broken)")
    except OSError as error:
        return f"? ({error.strerror})"


def _kind(mode: int) -> EntryKind:
    if stat.S_ISREG(mode):
        return EntryKind.FILE
    if stat.S_ISLNK(mode):
        return EntryKind.LINK
    return EntryKind.FOLDER if stat.S_ISDIR(mode) else EntryKind.SPECIAL


def is_run_file(name: str, entry: FileFacts) -> bool:
    """Whether this entry is a regular file named like a run file."""
    return entry.kind is EntryKind.FILE and parse_run_file(name) is not None


def fill(folder: Path, name: str, read: Callable[[Path], Content]) -> FileFacts:
    """Facts about one run file with its content.

    Args:
        folder: The run folder.
        name: Name of a regular file.
        read: Reads the content.
    """
    before = describe(folder, name)
    if before.kind is not EntryKind.FILE or before.problem:
        return before
    content = read(folder / name)
    after = describe(folder, name)
    faults = content.faults
    if (before.size_bytes, before.mtime_ns) != (after.size_bytes, after.mtime_ns):
        detail = f"{before.size_bytes} bytes, then {after.size_bytes}"
        faults = (FileFault(Fault.CHANGED, "/", detail), *faults)
    return replace(
        after,
        readable=content.readable,
        problem=after.problem or content.problem,
        metadata=content.metadata,
        trains=content.trains,
        sources=content.sources,
        faults=faults,
    )
