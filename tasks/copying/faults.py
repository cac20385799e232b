"""What the kernel says no with, in our words."""

import errno
import os
from types import TracebackType

from policies.errors import BeamkeeperError, Denied, Invalid, Unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_RIGHT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG})
_NO_PATH = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})


def fault(error: OSError, where: str, name: str, free_bytes: int | None = None) -> BeamkeeperError:
    """Translate an operating system's error.

    Args:
        error: What was caught.
        where: `source` or `destination`.
        name: The file or folder, relative to it or absolute.
        free_bytes: Room left at the destination; None when not known.

    Returns:
        `Denied` for no room, no quota, no right or a read-only file system; `Invalid` for
        a symbolic link or a file where a folder must be; else `Unavailable`: the state
        over there is not known (I/O error, stale handle, gone).
    """
    number = error.errno or 0
    code = errno.errorcode.get(number, "unknown")
    context = {"where": where, "file": name, "errno": code}
    text = f"{where} {name}: {os.strerror(number)}" if number else f"{where} {name}: {error}"
    if number in _FULL:
        room = "" if free_bytes is None else f"; {free_bytes:,} bytes are free"
        return Denied(f"{text}{room}", free_bytes=free_bytes, **context)
    if number in _NO_RIGHT:
        return Denied(text, **context)
    if number in _NO_PATH:
        why = f"{where} {name}: a symbolic link or a file stands where a folder must be"
        return Invalid(why, fields={"relative_path": why}, **context)
    return Unavailable(text, **context)


class translated:  # noqa: N801 - used as a statement
    """Turn an `OSError` of the block into one of ours.

    A class and not a generator: it stands around every call on every small file.

    Args:
        where: `source` or `destination`.
        name: What the block works on.
        folder: Descriptor on the file system, to tell how much room is left.
    """

    __slots__ = ("_folder", "_name", "_where")

    def __init__(self, where: str, name: str, folder: int | None = None) -> None:
        self._where, self._name, self._folder = where, name, folder

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise fault(error, self._where, self._name, _free(self._folder)) from error


def _free(folder: int | None) -> int | None:
    """Room that this process may still fill, in bytes; None when it cannot be known."""
    try:
        return None if folder is None else room(folder)
    except OSError:
        return None


def room(folder: int) -> int:
    """Room that this process may still fill, in bytes; quotas are not seen."""
    state = os.fstatvfs(folder)
    return state.f_frsize * (state.f_bfree if os.geteuid() == 0 else state.f_bavail)
