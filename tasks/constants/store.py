"""The constants store: files that are written once, read back, and never changed."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from io import FileIO
from pathlib import Path

import h5py
import xxhash

from policies import constants as rules
from policies.errors import BeamkeeperError, Denied, Invalid, Mismatch, Missing, Unavailable
from policies.manifest import path_fault

_PIECE = 4 * 1024 * 1024
_NO = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
_PART = ".part"


class ConstantsStore:
    """Files of constants below one folder.

    Args:
        root: The folder, for example `/gpfs/exfel/d/cal/caldb_store`; must exist.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(
        self, staged: Path, detector_type: str, physical_name: str, xxh3_128: str, at: datetime
    ) -> str:
        """Keep a file, read-only, under a name that follows from module and time.

        It is copied, made durable, read back from the medium and only then gets its name.
        The same file again is done; a file that is there is never written over.

        Args:
            staged: The file as a job wrote it; stays where it is.
            detector_type: Our word or the catalogue's.
            physical_name: The module.
            xxh3_128: What its content must be, hex.
            at: Names the file, aware; the same whenever it is repeated.

        Returns:
            Its path below the store.

        Raises:
            Missing: No such staged file, or no store.
            Mismatch: The staged file is another one, or another file has the name;
                `context["reason"]` is `damaged` or `other`.
            Denied: Not writable, or the disk is full.
            Unavailable: The file system failed.
        """
        path = rules.store_path(detector_type, physical_name, at)
        place = self._root / path
        if not self._root.is_dir():
            raise Missing(f"there is no constants store {self._root}", path=str(self._root))
        with _spoken(place):
            _folders(self._root, place.parent)
            with _alone(place.parent):
                if not _is_there(place):
                    self._publish(staged, place, xxh3_128)
                elif _digest(place) != xxh3_128:
                    words = f"another constants file has the name {path}"
                    raise Mismatch(words, path=path, reason="other")
                # also for what was there: an attempt that died may have named and not synced
                place.chmod(0o444)
                _sync(place.parent)
        return path

    def verify(self, path: str, xxh3_128: str = "", byte_size: int | None = None) -> Path:
        """Read a file completely and say what is wrong with it, if anything.

        Args:
            path: Below the store.
            xxh3_128: What its content must be; empty: not known, then only its form is looked at.
            byte_size: Its size, None when not known.

        Returns:
            Where it is.

        Raises:
            Missing: It is not there; `context["reason"]` is `missing`.
            Mismatch: `context["reason"]` is `truncated` or `damaged`.
            Invalid: The path leaves the store.
            Denied: No right to read it.
            Unavailable: The file system failed.
        """
        place = self._place(path)
        with _spoken(place):
            size = place.stat().st_size
            if xxh3_128 and byte_size in {None, size} and _digest(place) == xxh3_128:
                return place
        why = _reason(place, size, byte_size)
        if why or xxh3_128:
            reason = "truncated" if "truncated" in why else "damaged"
            words = f"constants file {path} is {reason}: {why or 'its content is another'}"
            raise Mismatch(words, path=path, reason=reason, byte_size=size)
        return place

    def open(self, path: str, xxh3_128: str = "", byte_size: int | None = None) -> h5py.File:
        """A verified file, open for reading; close it.

        Raises:
            Missing, Mismatch, Invalid, Denied, Unavailable: As `verify`.
        """
        return h5py.File(self.verify(path, xxh3_128, byte_size), "r")

    def _place(self, path: str) -> Path:
        if why := path_fault(path):
            raise Invalid(f"constants file {path!r} {why}", fields={"path": why})
        place = self._root / path
        if not place.resolve().is_relative_to(self._root.resolve()):
            why = "leaves the constants store"
            raise Invalid(f"constants file {path!r} {why}", fields={"path": why})
        return place

    @staticmethod
    def _publish(staged: Path, place: Path, xxh3_128: str) -> None:
        part = place.with_name(f".{place.name}{_PART}")
        part.unlink(missing_ok=True)
        try:
            written = _copy(staged, part)
            if written != xxh3_128:
                words = f"{staged} is not the file that its job wrote"
                raise Mismatch(words, path=str(staged), reason="damaged")
            if _digest(part) != xxh3_128:
                words = f"{place} did not come back from the medium as it was written"
                raise Mismatch(words, path=str(place), reason="damaged")
            os.link(part, place, follow_symlinks=False)
        finally:
            part.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> str:
    """Copy and make durable; the digest of what was read."""
    digest = xxhash.xxh3_128()
    with _opened(source) as file, target.open("xb") as out:
        while piece := file.read(_PIECE):
            digest.update(piece)
            out.write(piece)
        out.flush()
        os.fchmod(out.fileno(), 0o444)
        os.fsync(out.fileno())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    """Digest of a file as the medium has it, not as the memory remembers it."""
    digest = xxhash.xxh3_128()
    with _opened(path) as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    """A regular file; a pipe or a link in its place is refused instead of waited for."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Invalid(f"{path} is no regular file", fields={"path": "no regular file"})
        with os.fdopen(fd, "rb", buffering=0, closefd=False) as file:
            yield file
    finally:
        os.close(fd)


def _is_there(place: Path) -> bool:
    try:
        place.lstat()
    except FileNotFoundError:
        return False
    return True


def _folders(root: Path, folder: Path) -> None:
    """Make a folder below the root, each part durable."""
    missing = [p for p in (folder, *folder.parents) if p.is_relative_to(root) and not p.is_dir()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        _sync(part.parent)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer in a folder at a time."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _reason(place: Path, size: int, byte_size: int | None) -> str:
    """What is wrong with a file's form; empty when nothing is."""
    if byte_size is not None and size < byte_size:
        return f"truncated, {size} of {byte_size} bytes"
    if byte_size is not None and size > byte_size:
        return f"{size} bytes instead of {byte_size}"
    if size == 0:
        return "truncated, it is empty"
    try:
        with h5py.File(place, "r") as file:
            file.visit(lambda _name: None)
    except (OSError, RuntimeError, KeyError) as error:
        return " ".join(str(error).split())[:200]
    return ""


@contextlib.contextmanager
def _spoken(place: Path) -> Iterator[None]:
    """Failures of the file system in our words."""
    try:
        yield
    except BeamkeeperError:
        raise
    except FileNotFoundError as error:
        name = str(error.filename or place)
        raise Missing(f"constants file {name} is not there", path=name, reason="missing") from error
    except OSError as error:
        words = f"constants file {place}: {error.strerror}"
        if error.errno == errno.ELOOP:
            raise Invalid(f"{place} is a link", fields={"path": "is a link"}) from error
        kind = Denied if error.errno in _NO else Unavailable
        raise kind(words, path=str(place)) from error
