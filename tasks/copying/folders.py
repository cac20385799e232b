"""A folder and what lies below it, reached without ever following a symbolic link.

The folder itself may be reached over links (the facility's universal paths are links);
below it every part of a path is opened by itself, relative to its parent's descriptor, so
a link put there between a check and a use leads nowhere.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

from tasks.copying.blocks import Opened

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class NotAFileError(Exception):
    """A symbolic link, folder, device or pipe stands where a regular file must be."""


class Folder:
    """An open folder.

    Args:
        path: Where it is; links on the way are followed.

    Raises:
        OSError: It does not exist, is no folder, or may not be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        os.close(self.fd)

    def parent(self, relative_path: str) -> AbstractContextManager[tuple[int, str]]:
        """Open the folder that a file is in; give its descriptor and the file's name."""
        if "/" not in relative_path:
            return nullcontext((self.fd, relative_path))
        return self._walked(relative_path)

    @contextmanager
    def _walked(self, relative_path: str) -> Generator[tuple[int, str]]:
        *folders, name = relative_path.split("/")
        fd = self.fd
        try:
            for folder in folders:
                deeper = os.open(folder, _FOLDER, dir_fd=fd)
                if fd != self.fd:
                    os.close(fd)
                fd = deeper
            yield fd, name
        finally:
            if fd != self.fd:
                os.close(fd)

    def make(self, folders: Iterable[str], mode: int) -> None:
        """Make the folders that are missing, each durable in its parent."""
        for path in sorted(folders):
            with self.parent(path) as (fd, name):
                make_folder(name, mode, fd)

    def opened(self, relative_path: str) -> Opened:
        """Open a regular file for reading; to be used in a `with`.

        Raises:
            NotAFileError: Something else stands there.
            OSError: It is missing or may not be read.
        """
        with self.parent(relative_path) as (fd, name):
            return _open_regular(name, fd)

    def kind(self, relative_path: str) -> int | None:
        """File type bits of what stands there, links not followed; None when nothing does."""
        try:
            with self.parent(relative_path) as (fd, name):
                return stat.S_IFMT(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return None

    def create(self, relative_path: str, mode: int) -> Opened:
        """Make a new file for writing, past the page cache where that works.

        Returns:
            The open file; whoever takes it closes its descriptor.

        Raises:
            OSError: The name is taken, there is no room or no right.
        """
        with self.parent(relative_path) as (fd, name):
            return _direct(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE, fd, mode)

    def remove(self, relative_path: str) -> None:
        """Remove an unfinished file of ours.

        Raises:
            OSError: It is missing or may not be removed.
        """
        with self.parent(relative_path) as (fd, name):
            os.unlink(name, dir_fd=fd)

    def names(self, folder: str) -> list[str]:
        """Names in a folder below this one (empty text: in this one), sorted."""
        with self.parent(f"{folder}/." if folder else ".") as (fd, _), os.scandir(fd) as found:
            return sorted(item.name for item in found)

    def files(self, folder: str = "") -> Generator[str]:
        """Yield everything below that is not a folder; links are not followed."""
        with self.parent(f"{folder}/." if folder else ".") as (fd, _), os.scandir(fd) as found:
            items = sorted((item.name, item.is_dir(follow_symlinks=False)) for item in found)
        for name, is_folder in items:
            path = f"{folder}/{name}" if folder else name
            if is_folder:
                yield from self.files(path)
            else:
                yield path


def make_folder(name: str, mode: int, parent: int) -> None:
    """Make one folder that may exist already, durable in its parent.

    Args:
        name: Its name.
        mode: Mode of a new folder.
        parent: Descriptor of the folder it is made in.

    Raises:
        OSError: No room or no right.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, mode, dir_fd=parent)
    # Also one that exists: whoever made it may have died before this line.
    os.fsync(parent)


def make_root(path: Path, mode: int) -> None:
    """Make a folder by its path, durable in its parent as far as that may be opened.

    Raises:
        OSError: The parent is missing, or there is no room or no right.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode)
    with contextlib.suppress(PermissionError), Folder(path.parent) as above:
        os.fsync(above.fd)


def folders_of(relative_paths: Iterable[str]) -> set[str]:
    """Every folder below the root that the paths lie in, parents included."""
    return {path[:at] for path in relative_paths for at, char in enumerate(path) if char == "/"}


def _open_regular(name: str, parent: int) -> Opened:
    try:
        file = _direct(name, os.O_RDONLY | _FILE, parent)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise NotAFileError(name) from error
        raise
    if not stat.S_ISREG(file.stat().st_mode):
        os.close(file.fd)
        raise NotAFileError(name)
    return file


def _direct(name: str, flags: int, parent: int, mode: int = 0) -> Opened:
    """Open with O_DIRECT; without it where the file system has none."""
    try:
        return Opened(os.open(name, flags | os.O_DIRECT, mode, dir_fd=parent), direct=True)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    # A file system may have made the file before it refused the flag.
    return Opened(os.open(name, flags & ~os.O_EXCL, mode, dir_fd=parent), direct=False)
