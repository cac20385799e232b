"""Results of batch jobs on the offline storage: written aside first, then put in their place.

Each result has a staging folder below the place where it will be, so publishing is a rename on
one file system. What a job says it wrote is read back before anybody relies on it. While the
storage is away nothing is published; jobs and former results are not touched.
"""

import contextlib
import errno
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from policies.errors import BeamkeeperError, Denied, Invalid, Mismatch, Unavailable

_PIECE = 8 * 1024 * 1024


@dataclass(frozen=True)
class Written:
    """A file as a job says that it wrote it.

    Attributes:
        filename: Plain name.
        size_bytes: Size.
        xxh3_128: Strong digest, hex.
        adler32: dCache's own sum, 8 hex digits.
    """

    filename: str
    size_bytes: int
    xxh3_128: str
    adler32: str


def prepare(folder: Path, job_file: dict[str, Any]) -> Path:
    """Make a staging folder with its job file; said twice it changes nothing.

    Args:
        folder: The staging folder; made with those above it.
        job_file: What the job is told.

    Returns:
        Path of the job file.

    Raises:
        Denied: Not writable, or the disk is full.
        Mismatch: Another job file is there already.
    """
    path = folder / "job.json"
    text = json.dumps(job_file, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if path.read_text(encoding="utf-8") == text:
                return path
            raise Mismatch(f"{path} says something else than this job; it is left alone")
        write_text(path, text)
    except OSError as error:
        raise _fault(error, folder) from error
    return path


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is there as a whole or not at all.

    Raises:
        Denied: Not writable, or the disk is full.
    """
    beside = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise _fault(error, path) from error


def read_results(folder: Path, tasks: int) -> list[dict[str, Any]]:
    """What every task of a job says that it did.

    Args:
        folder: The staging folder.
        tasks: How many tasks the job had.

    Raises:
        Mismatch: A task's word is missing or does not read: its job lied about its end.
        Unavailable: The storage does not answer.
    """
    found = []
    for task in range(tasks):
        path = folder / f"result-{task}.json"
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise Mismatch(f"task {task} ended well and left no {path.name}") from None
        except ValueError as error:
            raise Mismatch(f"{path.name} does not read: {error}") from None
        except OSError as error:
            raise _fault(error, path) from error
    return found


def gather(folder: Path, pattern: str) -> dict[str, Any]:
    """What a job wrote that says nothing of itself: its files as they lie.

    Args:
        folder: The staging folder.
        pattern: Which files are the result.

    Raises:
        Mismatch: There are none.
        Unavailable: The storage does not answer.
    """
    files = []
    for path in sorted(folder.glob(pattern)):
        size, strong, weak = _digests(path)
        told = {"filename": path.name, "byte_size": size, "xxh3_128": strong, "adler32": weak}
        files.append(told)
    if not files:
        raise Mismatch(f"the job ended well and left no {pattern} in {folder.name}")
    return {"files": files, "warnings": ["the job said nothing of its files: taken as they lie"]}


def publish(
    staging: Path, place: Path, files: Sequence[Written], former: Iterable[str] = ()
) -> list[int]:
    """Put a result's files in their place, read back; may be repeated after any interruption.

    Every file is read back where it lies and compared with what the job said, before the first
    one is moved: a damaged result leaves the former one alone. Files of the former result that
    have no successor go last.

    Args:
        staging: The staging folder.
        place: Where the files belong; on the same file system.
        files: What the job said it wrote.
        former: Names of the former result's files.

    Returns:
        Modification times of the files in place, nanoseconds, in the order of `files`.

    Raises:
        Mismatch: A file is missing, or is not what the job said.
        Denied: Not writable, or the disk is full.
    """
    for file in files:
        _plain(file.filename)
        _compare(_where(staging, place, file), file)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            source = staging / file.filename
            if source.exists():
                source.replace(place / file.filename)
        _sync(place)
        for name in sorted(set(former) - {file.filename for file in files}):
            _plain(name)
            (place / name).unlink(missing_ok=True)
        return [(place / file.filename).stat().st_mtime_ns for file in files]
    except OSError as error:
        raise _fault(error, place) from error


def _where(staging: Path, place: Path, file: Written) -> Path:
    source = staging / file.filename
    return source if source.exists() else place / file.filename


def _compare(path: Path, file: Written) -> None:
    """Read a file completely and compare it with what was said of it."""
    found, said = _digests(path), (file.size_bytes, file.xxh3_128, file.adler32)
    if found != said:
        raise Mismatch(f"{file.filename} is not what the job wrote: {found} instead of {said}")


def _digests(path: Path) -> tuple[int, str, str]:
    """Size and both digests of a file as it lies on the disk."""
    strong, weak, size = xxhash.xxh3_128(), 1, 0
    try:
        with path.open("rb") as source:
            os.fsync(source.fileno())
            os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while piece := source.read(_PIECE):
                strong.update(piece)
                weak, size = zlib.adler32(piece, weak), size + len(piece)
    except FileNotFoundError:
        raise Mismatch(f"{path.name} is missing: the job said that it wrote it") from None
    except OSError as error:
        raise _fault(error, path) from error
    return size, strong.hexdigest(), f"{weak:08x}"


def _plain(name: str) -> None:
    if not name or "/" in name or name.startswith("."):
        raise Invalid(f"{name!r} is no plain file name", fields={"filename": "a plain name"})


def tidy(staging: Path) -> None:
    """Remove what a published or withdrawn result left in its staging folder."""
    with contextlib.suppress(OSError):
        for path in sorted(staging.rglob("*"), reverse=True):
            if path.suffix in {".h5", ".part"} and path.is_file():
                path.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fault(error: OSError, path: Path) -> BeamkeeperError:
    """An error of the file system by what to do about it."""
    words = f"{path}: {error.strerror}"
    if error.errno in {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT}:
        return Unavailable(words)
    return Denied(words)
