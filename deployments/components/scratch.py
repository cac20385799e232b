"""Scratch folders of components: gone at the end, and swept later when we were killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_LOCK = ".in-use"


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder of our own for the length of the block.

    Its lock is dropped by the kernel when we die, however we die; the next call for the same
    component then removes what we left.

    Args:
        name: The component; part of the folder's name.

    Yields:
        An empty folder (but for the lock) that only we may enter.
    """
    _sweep(name)
    folder = Path(tempfile.mkdtemp(prefix=f"beamkeeper-{name}-"))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(name: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"beamkeeper-{name}-*"):
        # Somebody else's folder, or one that is being removed or made right now: not ours.
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
