"""Letting everybody read folders, and nobody any more: rights, links, and reading as a stranger.

If the storage is down nothing opens and nothing closes; both are asked for again. What is here
does the least, reads back what the kernel says, and may be run again at any time.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from policies.acl import mode_bits
from policies.errors import Mismatch, Missing
from policies.opening import READ, OpenLink, others
from tasks.storage import folders, rights, tree
from tasks.storage.faults import speaking
from tasks.storage.ground import Ground
from tasks.storage.identity import acting_as
from tasks.storage.port import OnEntry
from tasks.storage.rights import Rights

STRANGER = 65534
"""uid and gid of an account that owns nothing and is in no group."""


@dataclass(frozen=True)
class Wanted:
    """A file that a stranger shall be able to read.

    Attributes:
        path: As the catalog names it, through the link where there is one.
        byte_size: Bytes on record.
        content: False: only its name and its rights are looked at; it may be on tape.
    """

    path: str
    byte_size: int
    content: bool = True


class OpenDoor:
    """The doors of one repository that is mounted here.

    Args:
        ground: Its root and the proof that it is mounted.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def open_folder(self, path: str, on_entry: OnEntry | None = None) -> int:
        """Let everybody read a folder and all that is in it; answers how many entries changed.

        Everybody may what the owner may, without writing. What is inside comes first: the folder
        itself opens when everything behind it is as it should be.

        Raises:
            Unavailable, Denied, Missing: The storage is not here, says no, or has no such folder.
            Mismatch: Something did not keep its rights.
        """
        with self._ground.folder(path) as handle:
            inside = tree.change(handle, path, _readable, on_entry)
            return inside + self._others(handle, path, READ)

    def close_folder(self, path: str, on_entry: OnEntry | None = None) -> int:
        """Take everybody's rights away; the folder first, so that all closes at once.

        Returns:
            How many entries changed; 0 where there is no such folder.

        Raises:
            Unavailable, Denied, Mismatch: As `open_folder`.
        """
        try:
            with self._ground.folder(path) as handle:
                own = self._others(handle, path, 0)
                return own + tree.change(handle, path, _closed, on_entry)
        except Missing:
            return 0

    def way(self, path: str, perm: int, *, make: bool = False) -> int:
        """Set what everybody may do in one folder, not below it; answers whether it changed.

        Args:
            path: The folder.
            perm: 0, `PASS` or `READ`.
            make: Make it where it is missing.

        Raises:
            Unavailable, Denied, Missing, Mismatch: As `open_folder`.
        """
        with self._ground.folder(path, make=make) as handle:
            return self._others(handle, path, perm)

    def lead(self, link: OpenLink, target: str) -> bool:
        """Make a link for everybody; answers whether it changed.

        Args:
            link: The link; its folder is made where it is missing.
            target: What it says, as paths are spelt here.

        Raises:
            Mismatch: Something that is not ours is in the way.
        """
        top = link.folder.rpartition("/")[0]
        with self._ground.folder(top) as above, _writable(above):
            with self._ground.folder(link.folder, make=True) as handle, _writable(handle):
                changed = folders.point(handle, link.name, target, frozenset(), link.path)
            return bool(self.way(link.folder, READ)) or changed

    def unlead(self, link: OpenLink, target: str) -> bool:
        """Take a link away if it is ours; answers whether it was there.

        Raises:
            Mismatch: It points elsewhere; it stays.
        """
        try:
            with self._ground.folder(link.folder) as handle, _writable(handle):
                return _unlink(handle, link, target)
        except Missing:
            return False

    def read_as_stranger(self, wanted: Sequence[Wanted], uid: int = STRANGER) -> int:
        """Read files with no rights but everybody's: list, first byte, last byte, size.

        Returns:
            How many files were read.

        Raises:
            Mismatch: One cannot be read, or is not what is on record; the message names it.
            Denied: Nobody can act as a stranger here.
        """
        self._ground.demand_mounted()
        places = [(self._ground.path(file.path), file) for file in wanted]
        return acting_as(uid, lambda: _read_all(places), "reading as a stranger")

    def closed_to_strangers(self, paths: Iterable[str], uid: int = STRANGER) -> int:
        """Make sure that nobody without rights can list these folders or open these files.

        Returns:
            How many were tried.

        Raises:
            Mismatch: One can be read; the message names it.
            Denied: Nobody can act as a stranger here.
        """
        self._ground.demand_mounted()
        places = [(self._ground.path(path), path) for path in paths]
        return acting_as(uid, lambda: _try_all(places), "reading as a stranger")

    def _others(self, handle: int, path: str, perm: int) -> int:
        with speaking(f"{self._ground.identifier}: {path}"):
            now = rights.read(handle, os.fstat(handle).st_mode)
            wanted = _with(now, perm)
            if wanted != now:
                rights.write(handle, now, wanted)
            kept = rights.read(handle, os.fstat(handle).st_mode)
        if kept != wanted:
            raise Mismatch(f"{path} did not keep its rights: mode {kept.mode:04o}")
        return int(wanted != now)


def _unlink(handle: int, link: OpenLink, target: str) -> bool:
    try:
        found = os.readlink(link.name, dir_fd=handle)
    except FileNotFoundError:
        return False
    if found != target:
        raise Mismatch(f"{link.path} points to {found!a}, which is not ours")
    os.unlink(link.name, dir_fd=handle)
    os.fsync(handle)
    return True


@contextmanager
def _writable(handle: int) -> Iterator[None]:
    """Let the owner write to a frozen folder for a moment; root needs no leave."""
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    if mode & stat.S_IWUSR or os.geteuid() == 0:
        yield
        return
    os.fchmod(handle, mode | stat.S_IWUSR)
    try:
        yield
    finally:
        os.fchmod(handle, mode)


def _with(now: Rights, perm: int) -> Rights:
    access = others(now.access, perm)
    special = now.mode & ~0o777
    mode = special | mode_bits(access) if access else now.mode & ~0o007 | perm
    return Rights(mode, access, now.default)


def _readable(now: Rights) -> Rights:
    """What the owner may, without writing; new entries of a folder stay closed."""
    return _with(now, now.mode >> 6 & READ)


def _closed(now: Rights) -> Rights:
    return _with(now, 0)


def _read_all(places: Sequence[tuple[Path, Wanted]]) -> int:
    listed: dict[Path, set[str]] = {}
    for place, file in places:
        try:
            if place.parent not in listed:
                listed[place.parent] = {one.name for one in place.parent.iterdir()}
            _read_one(place, file, listed[place.parent])
        except OSError as error:
            raise Mismatch(
                f"a stranger cannot read {file.path}: {error.strerror}", file=file.path
            ) from error
    return len(places)


def _read_one(place: Path, file: Wanted, names: set[str]) -> None:
    if place.name not in names:
        raise Mismatch(f"a stranger does not see {file.path}", file=file.path)
    if not file.content:
        seen = place.stat()
        if not seen.st_mode & stat.S_IROTH or seen.st_size != file.byte_size:
            raise Mismatch(f"{file.path} has mode {seen.st_mode:o}, {seen.st_size} bytes")
        return
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        size = os.fstat(handle).st_size
        got = len(os.pread(handle, 1, 0)) + len(os.pread(handle, 1, max(0, size - 1)))
        if size != file.byte_size or (size and got != 2):  # noqa: PLR2004 - first and last
            raise Mismatch(f"{file.path} has {size} bytes, on record are {file.byte_size}")
    finally:
        os.close(handle)


def _try_all(places: Sequence[tuple[Path, str]]) -> int:
    for place, path in places:
        try:
            handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (PermissionError, FileNotFoundError):
            continue
        os.close(handle)
        raise Mismatch(f"everybody can read {path}", file=path)
    return len(places)
