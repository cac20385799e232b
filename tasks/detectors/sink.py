"""What HDF5 writes into, so that a full disk is an error and not a crash.

HDF5 cannot live through a write that fails: it may crash while it closes the file, and the exit
code that says what happened is lost with it. So it never sees one: the first failure is kept,
what follows is dropped, and whoever writes asks in between and at the end whether all is well.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from tasks.detectors.whole import whole


class Sink:
    """A file for HDF5 to write into; the parts of Python's file protocol that it uses.

    Args:
        path: The file; made anew.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._at = 0
        self._failed: OSError | None = None

    def check(self) -> None:
        """Raise what went wrong since the file was opened.

        Raises:
            OSError: The first write that failed.
        """
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """Give the file back; what is not yet on the disk shows here at the latest."""
        try:
            os.fsync(self._handle)
        except OSError as error:
            self._failed = self._failed or error
        os.close(self._handle)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._handle).st_size if base is None else base)
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        """Read; what is not there reads as zeros."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and (got := os.preadv(self._handle, [view[done:]], self._at + done)):
            done += got
        view[done:] = bytes(len(view) - done)
        self._at += len(view)
        return len(view)

    def read(self, size: int) -> bytes:
        """Read so many bytes; what is not there reads as zeros."""
        found = bytearray(size)
        self.readinto(memoryview(found))
        return bytes(found)

    def write(self, data: memoryview) -> int:
        """Write all of it, or nothing more from now on."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self._failed is None and done < len(view):
                done += os.pwrite(self._handle, view[done:], self._at + done)
        except OSError as error:
            self._failed = error
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size."""
        wanted = self._at if size is None else size
        try:
            if self._failed is None:
                os.ftruncate(self._handle, wanted)
        except OSError as error:
            self._failed = error
        return wanted

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def new_file(place: Path) -> Iterator[tuple[h5py.File, Sink]]:
    """A new HDF5 file that is there as a whole or not at all.

    Args:
        place: The file.

    Yields:
        The open file, and the sink to ask whether all is well.

    Raises:
        Fault: No folder, no right, or the disk is full; exit 5.
    """
    with whole(place) as beside:
        sink = Sink(beside)
        try:
            with h5py.File(sink, "w") as file:
                yield file, sink
        finally:
            sink.close()
        sink.check()
