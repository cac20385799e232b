"""A file is written as a service would write it, read back from the medium and removed."""

import ctypes
import os
import secrets
import threading
from contextlib import suppress

from policies.errors import Denied, Mismatch
from tasks.storage.faults import speaking

NAME = ".beamkeeper-write-test"
"""Name of the file; one that a killed test left behind is removed by the next."""

SIZE_BYTES = 4096

_LIBC = ctypes.CDLL(None, use_errno=True)
_ASK = ctypes.c_uint32(-1)
_VERSION_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
"""Header for `capset`: its third version, this thread."""
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()
"""Effective, permitted and inheritable sets, low and high half."""


def write_as(path: str, uid: int | None) -> int:
    """Write, read back and remove a file in a folder.

    Args:
        path: Local path of the folder, reached with the service's own rights.
        uid: Whose rights; None: ours. Needs root, or CAP_SETUID and CAP_SETGID.

    Returns:
        Bytes that came back right.

    Raises:
        Denied, Unavailable, Missing: The service cannot write there.
        Mismatch: Other bytes came back.
    """
    if uid is None or uid == os.geteuid():
        return _write(path)
    outcome: list[int | BaseException] = []
    thread = threading.Thread(target=_in_thread, args=(path, uid, outcome), name="write-test")
    thread.start()
    thread.join()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _in_thread(path: str, uid: int, outcome: list[int | BaseException]) -> None:
    """Take the service's file-system identity: it holds for this thread only and ends with it.

    The kernel drops root's file rights together with the uid; those of an account with
    capabilities we drop ourselves, or the test would pass wherever we may write.
    """
    try:
        _LIBC.setfsgid(ctypes.c_uint32(uid))
        _LIBC.setfsuid(ctypes.c_uint32(uid))
        if (_LIBC.setfsuid(_ASK), _LIBC.setfsgid(_ASK)) != (uid, uid):
            raise Denied(
                f"write test: only root, or an account with CAP_SETUID and CAP_SETGID, can"
                f" write as uid {uid}"
            )
        if _LIBC.capset(ctypes.byref(_VERSION_3), ctypes.byref(_NO_CAPABILITIES)) != 0:
            raise Denied("write test: the capabilities of this account cannot be dropped")
        outcome.append(_write(path))
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
        outcome.append(error)


def _write(path: str) -> int:
    content = secrets.token_bytes(SIZE_BYTES)
    with speaking(f"write test in {path} as uid {_LIBC.setfsuid(_ASK)}"):
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(FileNotFoundError):
                os.unlink(NAME, dir_fd=folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(NAME, flags, 0o600, dir_fd=folder)
            try:
                _round_trip(file, content, path)
            finally:
                os.close(file)
                with suppress(FileNotFoundError):
                    os.unlink(NAME, dir_fd=folder)
        finally:
            os.close(folder)
    return len(content)


def _round_trip(file: int, content: bytes, path: str) -> None:
    written = os.write(file, content)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    if written != len(content) or os.pread(file, len(content) + 1, 0) != content:
        raise Mismatch(f"{path}: other bytes came back than were written")
