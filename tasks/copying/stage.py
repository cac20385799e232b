"""From a source file to an unfinished copy that was read back and equals the manifest.

Many small files share one `syncfs`: syncing each by itself costs a journal commit a file.
"""

import os
import threading
from collections.abc import Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass

from policies.manifest import ManifestEntry
from tasks.copying import libc
from tasks.copying.attempt import Attempt
from tasks.copying.blocks import BLOCK, Arena, Opened, Stopped
from tasks.copying.compare import difference, wrong_size
from tasks.copying.digests import ChangedError, read_through
from tasks.copying.faults import translated
from tasks.copying.folders import Folder, NotAFileError
from tasks.copying.meter import Meter
from tasks.copying.model import (
    AfterWrite,
    CopyOptions,
    Discrepancy,
    DiscrepancyKind,
    FileDigest,
    ReadBack,
)


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that was read back from the destination and equals the manifest.

    Attributes:
        entry: Its line of the manifest.
        read_back: How it was read.
        part: Its hidden path; empty when it has its name already.
    """

    entry: ManifestEntry
    read_back: ReadBack
    part: str = ""


class Stage:
    """Copies and proves; publishes nothing.

    Args:
        source: Where the files are; only ever opened for reading.
        destination: Where the copies go.
        attempt: Hidden names.
        options: How to copy.
        meter: Counts each byte twice: written, read back.
        after_write: Called between the write and the re-read of every file.
        stop: Set to end early.
        absent: Paths that had no file when the copy began: they are not looked for again.
            Whatever appears there meanwhile is found when the name is given.
    """

    def __init__(
        self,
        source: Folder,
        destination: Folder,
        attempt: Attempt,
        options: CopyOptions,
        meter: Meter,
        after_write: AfterWrite | None,
        stop: threading.Event,
        absent: Set[str] = frozenset(),
    ) -> None:
        self._source, self._destination = source, destination
        self._attempt, self._options, self._meter = attempt, options, meter
        self._after_write, self._stop, self._absent = after_write, stop, absent

    def unit(self, entries: Sequence[ManifestEntry], arena: Arena) -> list[Staged | Discrepancy]:
        """Copy some files, sync once, read all of them back.

        Returns:
            For each entry either the proved copy or why there is none.

        Raises:
            Stopped: The work was told to end.
            Denied: No room or no right.
            Unavailable: A file system failed.
        """
        results: list[Staged | Discrepancy] = []
        found: Staged | Discrepancy | str | None
        written: list[tuple[ManifestEntry, str]] = []
        for entry in entries:
            found = None if entry.relative_path in self._absent else self._present(entry, arena)
            found = found or self._write(entry, arena, len(entries) == 1)
            if isinstance(found, str):
                written.append((entry, found))
            else:
                results.append(found)
        if written and len(entries) > 1:
            with translated("destination", str(self._destination.path), self._destination.fd):
                libc.syncfs(self._destination.fd)
        return results + [self._prove(entry, part, arena) for entry, part in written]

    def _present(self, entry: ManifestEntry, arena: Arena) -> Staged | Discrepancy | None:
        """Read what has the file's name already; None when it shall be written."""
        path = entry.relative_path
        with translated("destination", path):
            try:
                found, read_back = self._read(self._destination, path, arena, sync=True)
            except FileNotFoundError:
                return None
            except NotAFileError:
                return Discrepancy(path, DiscrepancyKind.NOT_A_FILE, "destination")
            except ChangedError:
                return Discrepancy(path, DiscrepancyKind.CHANGED, "destination")
        fault = difference(entry, found, "destination")
        if fault is None:
            self._meter.add(found.size_bytes)
            return Staged(entry, read_back)
        self._meter.add(-found.size_bytes)
        return None if self._options.replace_suspect else fault

    def _write(self, entry: ManifestEntry, arena: Arena, alone: bool) -> str | Discrepancy:
        """Write an unfinished copy; give its hidden path."""
        if self._stop.is_set():
            raise Stopped
        path = entry.relative_path
        part = self._attempt.part(path)
        try:
            with translated("source", path):
                fault = self._copy(entry, part, arena, alone)
        except NotAFileError:
            fault = Discrepancy(path, DiscrepancyKind.NOT_A_FILE, "source")
        except ChangedError:
            fault = Discrepancy(path, DiscrepancyKind.CHANGED, "source")
        if fault is None:
            return part
        self._attempt.discard(part)
        return fault

    def _copy(
        self, entry: ManifestEntry, part: str, arena: Arena, alone: bool
    ) -> Discrepancy | None:
        """Read the source once: digest, write, compare with the manifest."""
        try:
            with self._source.opened(entry.relative_path) as file:
                size = file.stat().st_size
                if size != entry.size_bytes:
                    return wrong_size(entry, size, "source")
                return self._pour(entry, file, part, arena, alone)
        except FileNotFoundError:
            return Discrepancy(entry.relative_path, DiscrepancyKind.MISSING, "source")

    def _pour(
        self, entry: ManifestEntry, file: Opened, part: str, arena: Arena, alone: bool
    ) -> Discrepancy | None:
        def here() -> AbstractContextManager[None]:
            return translated("destination", entry.relative_path, self._destination.fd)

        with here():
            target = self._destination.create(part, self._options.file_mode)
        try:

            def write(block: memoryview, offset: int) -> None:
                with here():
                    target.write_at(block, offset)
                self._meter.add(len(block))

            with here():
                if entry.size_bytes > BLOCK:
                    libc.reserve(target.fd, entry.size_bytes)
            found = read_through(file, arena, self._stop, write)
            fault = difference(entry, found, "source")
            if fault is None:
                with here():
                    self._settle(target, file, alone)
            return fault
        finally:
            os.close(target.fd)

    def _settle(self, target: Opened, source: Opened, alone: bool) -> None:
        """Give the copy the source's times; bring it to the medium unless a batch does."""
        times = source.stat()
        os.utime(target.fd, ns=(times.st_atime_ns, times.st_mtime_ns))
        if alone:
            os.fsync(target.fd)

    def _prove(self, entry: ManifestEntry, part: str, arena: Arena) -> Staged | Discrepancy:
        """Read an unfinished copy back from the medium and compare it with the manifest."""
        if self._after_write is not None:
            self._after_write(entry.relative_path, self._destination.path / part)
        fault: Discrepancy | None
        with translated("destination", entry.relative_path, self._destination.fd):
            try:
                found, read_back = self._read(self._destination, part, arena, sync=False)
                fault = difference(entry, found, "copy")
            except (NotAFileError, ChangedError):
                fault = Discrepancy(entry.relative_path, DiscrepancyKind.CHANGED, "copy")
        if fault is None:
            return Staged(entry, read_back, part)
        self._attempt.discard(part)
        return fault

    def _read(
        self, folder: Folder, path: str, arena: Arena, *, sync: bool
    ) -> tuple[FileDigest, ReadBack]:
        """Read a file from the medium, not from memory."""
        with folder.opened(path) as file:
            if sync:
                file.sync()
            if not file.direct:
                file.forget()
            found = read_through(
                file, arena, self._stop, lambda block, _: self._meter.add(len(block))
            )
            return found, file.read_back
