"""A file is written as a service would write it, read back from the medium and removed."""

import os
import secrets
from contextlib import suppress

from policies.errors import Mismatch
from tasks.storage.faults import speaking
from tasks.storage.identity import acting_as, current

NAME = ".beamkeeper-write-test"
"""Name of the file; one that a killed test left behind is removed by the next."""

SIZE_BYTES = 4096


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
    return acting_as(uid, lambda: _write(path), "write test")


def _write(path: str) -> int:
    content = secrets.token_bytes(SIZE_BYTES)
    with speaking(f"write test in {path} as uid {current()}"):
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
