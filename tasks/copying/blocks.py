"""Reading and writing past the page cache, block by block, in memory that stays flat.

Two traps: a partial block at the end cannot be *written* with O_DIRECT, and a thread that
reads must be joined before its file is closed. Buffers are private memory on huge pages:
a transfer then is a few large segments for the device instead of thousands of 4 KiB ones,
which made direct reads 2.5 times faster on the virtual disk of `benchmarks/results/copy.md`.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import xxhash

from tasks.copying.model import ReadBack

try:
    from zlib_ng.zlib_ng import adler32
except ImportError:  # slower, the same sum
    from zlib import adler32

ALIGN = 4096
"""Offsets and lengths of direct transfers are multiples of this."""

BLOCK = 8 << 20
"""Bytes of one transfer; a multiple of a huge page."""

DEPTH = 3
"""Blocks that may be read ahead of the one in use."""


class Stopped(Exception):
    """The work was told to end; the caller's thread knows why."""


class Arena:
    """The buffers of one worker; made once, so memory does not grow with the files."""

    def __init__(self) -> None:
        self._buffers = [_buffer()]

    def first(self) -> memoryview:
        """One buffer of `BLOCK` bytes."""
        return self._buffers[0]

    def all(self) -> list[memoryview]:
        """`DEPTH` buffers of `BLOCK` bytes each."""
        while len(self._buffers) < DEPTH:
            self._buffers.append(_buffer())
        return list(self._buffers)


def _buffer() -> memoryview:
    area = mmap.mmap(-1, BLOCK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError, ValueError):
        area.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(area)


class Sums:
    """Both digests of a stream, taken in one pass."""

    def __init__(self) -> None:
        self._xxh = xxhash.xxh3_128()
        self._adler = 1

    def update(self, block: memoryview) -> None:
        """Take the next bytes; large blocks let other threads run."""
        self._xxh.update(block)
        self._adler = adler32(block, self._adler)

    @property
    def xxh3_128(self) -> str:
        """32 lower-case hex digits."""
        return self._xxh.hexdigest()

    @property
    def adler32(self) -> str:
        """8 lower-case hex digits."""
        return f"{self._adler:08x}"


@dataclass
class Opened:
    """An open file, past the page cache where the file system can; closed after a `with`.

    Attributes:
        fd: Its descriptor.
        direct: Whether O_DIRECT is in force.
        seen: What was known of it when it was opened, None when nobody looked.
    """

    fd: int
    direct: bool
    seen: os.stat_result | None = None

    def __enter__(self) -> Self:
        """Open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        os.close(self.fd)

    def stat(self) -> os.stat_result:
        """What was known of it before anything was read."""
        if self.seen is None:
            self.seen = os.fstat(self.fd)
        return self.seen

    def sync(self) -> None:
        """Bring it to its medium; what was seen before may have moved with that."""
        os.fsync(self.fd)
        self.seen = None

    @property
    def read_back(self) -> ReadBack:
        """How reading it reaches the medium."""
        return ReadBack.DIRECT if self.direct else ReadBack.DROPPED_CACHE

    def buffered(self) -> None:
        """Leave O_DIRECT; what the cache holds of a synced file is dropped."""
        if self.direct:
            fcntl.fcntl(self.fd, fcntl.F_SETFL, fcntl.fcntl(self.fd, fcntl.F_GETFL) & ~os.O_DIRECT)
            self.direct = False
        self.forget()

    def forget(self) -> None:
        """Drop the file's clean pages from the cache."""
        with contextlib.suppress(OSError):
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def read_at(self, buffer: memoryview, offset: int, wanted: int) -> int:
        """Fill a buffer.

        Args:
            buffer: At least `wanted` bytes, rounded up to `ALIGN`.
            offset: Where to read, a multiple of `ALIGN`.
            wanted: Bytes expected there.

        Returns:
            Bytes read; fewer than wanted only at the end of the file.
        """
        done = 0
        while done < wanted:
            if done % ALIGN:
                self.buffered()
            length = wanted - done
            if self.direct:
                length = -(-length // ALIGN) * ALIGN
            count = self._either(os.preadv, buffer[done : done + length], offset + done)
            if count == 0:
                break
            done += count
        return min(done, wanted)

    def write_at(self, block: memoryview, offset: int) -> None:
        """Write a whole block; the part of it that is no multiple of `ALIGN` goes buffered."""
        whole = len(block) // ALIGN * ALIGN if self.direct else len(block)
        self._write(block[:whole], offset)
        if whole < len(block):
            self.buffered()
            self._write(block[whole:], offset + whole)

    def _write(self, block: memoryview, offset: int) -> None:
        done = 0
        while done < len(block):
            if done % ALIGN:
                self.buffered()
            done += self._either(os.pwritev, block[done:], offset + done)

    def _either(
        self, call: Callable[[int, list[memoryview], int], int], block: memoryview, offset: int
    ) -> int:
        """Transfer direct; buffered where the file system took the flag but cannot do it."""
        try:
            return call(self.fd, [block], offset)
        except OSError as error:
            if error.errno != errno.EINVAL or not self.direct:
                raise
        self.buffered()
        return call(self.fd, [block], offset)


def blocks(
    file: Opened, size: int, arena: Arena, stop: threading.Event
) -> Generator[memoryview, None, None]:
    """Yield a file's bytes; whoever looks at a block must be done with it at the next.

    Files longer than a block are read ahead by a thread, which has ended when the
    generator is closed.

    Args:
        file: Open for reading.
        size: Bytes expected; reading stops there, or where the file ends.
        arena: Buffers.
        stop: Set to end early.

    Raises:
        Stopped: `stop` was set.
        OSError: Reading failed.
    """
    if size > BLOCK:
        with contextlib.closing(_ahead(file, size, arena, stop)) as source:
            for block in source:
                if stop.is_set():
                    raise Stopped
                yield block
    elif size:
        buffer = arena.first()
        count = file.read_at(buffer, 0, size)
        if stop.is_set():
            raise Stopped
        yield buffer[:count]


def _ahead(
    file: Opened, size: int, arena: Arena, stop: threading.Event
) -> Generator[memoryview, None, None]:
    free: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
    full: queue.SimpleQueue[tuple[memoryview, int] | BaseException | None] = queue.SimpleQueue()
    for buffer in arena.all():
        free.put(buffer)

    def read() -> None:
        try:
            for item in _fill(file, size, iter(free.get, None)):
                full.put(item)
                if stop.is_set():
                    break
            full.put(None)
        except BaseException as error:  # noqa: BLE001 - raised where the blocks are taken
            full.put(error)

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := full.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            buffer, count = item
            yield buffer[:count]
            free.put(buffer)
    finally:
        free.put(None)
        thread.join()


def _fill(
    file: Opened, size: int, buffers: Iterator[memoryview]
) -> Generator[tuple[memoryview, int], None, None]:
    """Read block after block into the next free buffer."""
    for offset in range(0, size, BLOCK):
        buffer = next(buffers, None)
        if buffer is None:
            return
        wanted = min(BLOCK, size - offset)
        count = file.read_at(buffer, offset, wanted)
        yield buffer, count
        if count < wanted:
            return
