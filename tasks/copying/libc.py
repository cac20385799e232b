"""Three calls that Python's `os` lacks."""

import ctypes
import errno
import os

_LIBC = ctypes.CDLL(None, use_errno=True)
_NOREPLACE = 1
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def _call(name: str, *args: object) -> None:
    """Call a C function that answers 0 or sets errno.

    Raises:
        OSError: It did not answer 0, or the library does not have it (ENOSYS).
    """
    function = getattr(_LIBC, name, None)
    if function is None:
        raise OSError(errno.ENOSYS, name)
    if function(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def syncfs(folder: int) -> None:
    """Write everything of one file system to its medium.

    Args:
        folder: A descriptor on it, opened before the writes whose failure shall be told.

    Raises:
        OSError: A write failed (kernel 5.8 and later tell).
    """
    _call("syncfs", ctypes.c_int(folder))


def reserve(file: int, size_bytes: int) -> None:
    """Reserve room for a file's bytes, where the file system can.

    Unlike `os.posix_fallocate` this never writes zeros in place of a reservation.

    Raises:
        OSError: There is no room.
    """
    try:
        _call(
            "fallocate", ctypes.c_int(file), 0, ctypes.c_longlong(0), ctypes.c_longlong(size_bytes)
        )
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise


def rename_new(folder: int, old: str, new: str) -> None:
    """Rename within a folder; never onto something that exists.

    Raises:
        FileExistsError: The new name is taken.
    """
    try:
        _call(
            "renameat2",
            ctypes.c_int(folder),
            ctypes.c_char_p(os.fsencode(old)),
            ctypes.c_int(folder),
            ctypes.c_char_p(os.fsencode(new)),
            ctypes.c_uint(_NOREPLACE),
        )
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        _rename_checked(folder, old, new)


def _rename_checked(folder: int, old: str, new: str) -> None:
    """The same where the file system cannot do it in one step; the plan's lock covers the gap."""
    try:
        os.stat(new, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
