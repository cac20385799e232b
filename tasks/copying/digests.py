"""Both digests of files, in one pass and flat memory."""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from policies.errors import Conflict, Invalid, Missing, Unavailable
from policies.manifest import path_fault
from tasks.copying.blocks import Arena, Opened, Sums, blocks
from tasks.copying.crew import Crew
from tasks.copying.faults import translated
from tasks.copying.folders import Folder, NotAFileError
from tasks.copying.meter import Meter
from tasks.copying.model import Check, FileDigest


class ChangedError(Exception):
    """A file was modified, or ended early, while it was read."""


def read_through(
    file: Opened,
    arena: Arena,
    stop: threading.Event,
    each: Callable[[memoryview, int], None] = lambda block, offset: None,
) -> FileDigest:
    """Read an open file from its first to its last byte.

    Args:
        file: Open for reading.
        arena: Buffers.
        stop: Set to end early.
        each: Called with every block and its offset, for example to write it.

    Raises:
        ChangedError: Its size or modification time is not what it was before.
        Stopped: `stop` was set.
        OSError: Reading failed.
    """
    before = file.stat()
    sums, offset = Sums(), 0
    with contextlib.closing(blocks(file, before.st_size, arena, stop)) as source:
        for block in source:
            sums.update(block)
            each(block, offset)
            offset += len(block)
    after = os.fstat(file.fd)
    if (after.st_size, after.st_mtime_ns, offset) != (
        before.st_size,
        before.st_mtime_ns,
        before.st_size,
    ):
        raise ChangedError
    return FileDigest(offset, sums.xxh3_128, sums.adler32, before.st_mtime_ns)


def digest_file(path: Path) -> FileDigest:
    """Digest one file: one pass, both digests, past the page cache where that works.

    Args:
        path: A regular file; a symbolic link in its place is refused.

    Raises:
        Missing: It does not exist.
        Invalid: It is no regular file.
        Conflict: It was modified while it was read.
        Denied: No right to read it.
        Unavailable: The file system failed.
    """
    try:
        with translated("file", str(path)), Folder(path.parent) as folder:
            return _digest(folder, path.name, Arena(), threading.Event())
    except Unavailable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise Missing(f"no file {path}", file=str(path)) from error
        raise
    except NotAFileError as error:
        raise Invalid(f"{path} is no regular file", fields={"path": "no regular file"}) from error


def digest_files(
    folder: Path,
    relative_paths: Sequence[str],
    *,
    on_progress: Callable[[int, int], None] | None = None,
    should_continue: Check | None = None,
    workers: int = 2,
) -> dict[str, FileDigest]:
    """Digest many files below a folder.

    Args:
        folder: Where they are.
        relative_paths: Which ones.
        on_progress: Called with bytes done and bytes in all, a few times a second.
        should_continue: Called many times a second; raises to end the work.
        workers: Files at work at a time.

    Returns:
        Digests by relative path. A name with no regular file behind it (missing, a link,
        a pipe) has none.

    Raises:
        Invalid: A path that leaves the folder.
        Conflict: A file was modified while it was read.
        Denied: No right to read one.
        Unavailable: The folder is not there, or the file system failed.
    """
    for path in relative_paths:
        if why := path_fault(path):
            raise Invalid(f"{path!r} {why}", fields={"relative_paths": f"{path!r} {why}"})
    with translated("source", str(folder)):
        root = Folder(folder)
    found: dict[str, FileDigest] = {}
    with root:
        sizes = {path: size for path in relative_paths if (size := _size(root, path)) is not None}
        report = None if on_progress is None else _two(on_progress)
        meter = Meter(sum(sizes.values()), len(sizes), report)
        with Crew(workers, meter, should_continue) as crew:

            def digest(path: str, arena: Arena) -> tuple[str, FileDigest | None]:
                return path, _digest_known(root, path, arena, crew.stop, meter)

            for path, digested in crew.each(sizes, digest):
                meter.file_done()
                if digested is not None:
                    found[path] = digested
        meter.end()
    return {path: found[path] for path in relative_paths if path in found}


def _two(on_progress: Callable[[int, int], None]) -> Callable[[int, int, int, int], None]:
    return lambda done, total, _files_done, _files: on_progress(done, total)


def _size(root: Folder, path: str) -> int | None:
    """Size of a regular file; None when there is none."""
    with translated("source", path):
        try:
            with root.opened(path) as file:
                return file.stat().st_size
        except (NotAFileError, FileNotFoundError):
            return None


def _digest_known(
    root: Folder, path: str, arena: Arena, stop: threading.Event, meter: Meter
) -> FileDigest | None:
    """Digest a file that was there a moment ago; None when it has gone since."""
    with translated("source", path):
        try:
            return _digest(root, path, arena, stop, meter)
        except (NotAFileError, FileNotFoundError):
            return None


def _digest(
    root: Folder, path: str, arena: Arena, stop: threading.Event, meter: Meter | None = None
) -> FileDigest:
    with root.opened(path) as file:
        try:
            return read_through(
                file, arena, stop, lambda block, _: meter.add(len(block)) if meter else None
            )
        except ChangedError as error:
            raise Conflict(f"{path} was modified while it was read", file=path) from error
