"""The sums that the public checks files with, and once more those of the registration."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from policies.errors import Conflict, Invalid, Missing
from policies.manifest import path_fault
from tasks.copying.blocks import Arena
from tasks.copying.crew import Crew
from tasks.copying.digests import ChangedError, read_through
from tasks.copying.faults import translated
from tasks.copying.folders import Folder, NotAFileError
from tasks.copying.meter import Meter
from tasks.copying.model import Check


@dataclass(frozen=True)
class PublicSum:
    """What one pass over a file gave.

    Attributes:
        size_bytes: Bytes.
        adler32: 8 hex digits, as at the registration.
        sha256: 64 hex digits, for the public.
    """

    size_bytes: int
    adler32: str
    sha256: str


def public_sums(
    folder: Path,
    sizes: dict[str, int],
    *,
    on_progress: Callable[[int, int], None] | None = None,
    should_continue: Check | None = None,
    workers: int = 2,
) -> dict[str, PublicSum]:
    """Read files from the first to the last byte, each once.

    Args:
        folder: Where they are.
        sizes: Relative path → bytes on record.
        on_progress: Called with bytes done and bytes in all.
        should_continue: Called many times a second; raises to end the work.
        workers: Files at work at a time.

    Returns:
        Sums by relative path.

    Raises:
        Invalid: A path that leaves the folder.
        Missing: A file is not there, or is no regular file.
        Conflict: A file was modified while it was read.
        Denied: No right to read one.
        Unavailable: The folder is not there, or the file system failed.
    """
    for path in sizes:
        if why := path_fault(path):
            raise Invalid(f"{path!r} {why}", fields={"relative_paths": f"{path!r} {why}"})
    report = None if on_progress is None else _two(on_progress)
    meter = Meter(sum(sizes.values()), len(sizes), report)
    with translated("source", str(folder)):
        root = Folder(folder)
    with root, Crew(workers, meter, should_continue) as crew:

        def read(path: str, arena: Arena) -> tuple[str, PublicSum]:
            return path, _sum(root, path, arena, crew.stop, meter)

        found = {}
        for path, one in crew.each(sizes, read):
            meter.file_done()
            found[path] = one
    meter.end()
    return found


def _two(on_progress: Callable[[int, int], None]) -> Callable[[int, int, int, int], None]:
    return lambda done, total, _files_done, _files: on_progress(done, total)


def _sum(root: Folder, path: str, arena: Arena, stop: threading.Event, meter: Meter) -> PublicSum:
    digest = hashlib.sha256()

    def each(block: memoryview, _offset: int) -> None:
        digest.update(block)
        meter.add(len(block))

    with translated("source", path):
        try:
            with root.opened(path) as file:
                seen = read_through(file, arena, stop, each)
        except ChangedError as error:
            raise Conflict(f"{path} was modified while it was read", file=path) from error
        except (NotAFileError, FileNotFoundError) as error:
            raise Missing(f"no file {path}", file=path) from error
    return PublicSum(seen.size_bytes, seen.adler32, digest.hexdigest())
