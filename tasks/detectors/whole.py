"""Files that are there as a whole or not at all."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from tasks.detectors.faults import writing


@contextlib.contextmanager
def whole(place: Path) -> Iterator[Path]:
    """Write beside, sync, rename: a task that dies leaves nothing under the file's name.

    The name beside is this process's own. What a former attempt left is removed, so one that
    comes back from the dead finds nothing to rename.

    Args:
        place: The file.

    Yields:
        Where to write.

    Raises:
        Fault: No folder, no right, or the disk is full; exit 5.
    """
    beside = place.with_name(f"{place.name}.{socket.gethostname()}-{os.getpid()}.part")
    with writing(place.name):
        if not place.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {place.parent}")
        for former in place.parent.glob(f"{place.name}.*.part"):
            former.unlink(missing_ok=True)
        try:
            yield beside
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(place)
            _sync(place.parent)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
