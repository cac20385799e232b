"""Scratch folders of components: gone at the end, and swept later when we were killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_LOCK = ".in-use"
_ROOM = 4 << 30


@contextlib.contextmanager
def scratch(name: str, *, in_memory: bool = False) -> Iterator[Path]:
    """A folder of our own for the length of the block.

    Its lock is dropped by the kernel when we die, however we die; the next call for the same
    component then removes what we left.

    Args:
        name: The component; part of the folder's name.
        in_memory: Ask for a file system in memory, where there is one with room: for what
            writes much, is small and may be lost.

    Yields:
        An empty folder (but for the lock) that only we may enter.
    """
    base = _memory() if in_memory else None
    _sweep(name, base or Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"beamkeeper-{name}-", dir=base))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _memory() -> Path | None:
    """The file system in memory, when it has room for a server's files and more."""
    shared = Path("/dev/shm")  # noqa: S108
    if not os.access(shared, os.W_OK | os.X_OK):
        return None
    return shared if shutil.disk_usage(shared).free >= _ROOM else None


def _sweep(name: str, base: Path) -> None:
    for folder in base.glob(f"beamkeeper-{name}-*"):
        # Somebody else's folder, or one that is being removed or made right now: not ours.
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
