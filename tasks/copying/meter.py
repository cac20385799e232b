"""How far a piece of work is, told at most a few times a second."""

import threading
import time

from tasks.copying.model import Progress

EVERY_SECONDS = 0.25
"""Shortest pause between two reports."""


class Meter:
    """Counts from any thread; reports on the caller's.

    Args:
        bytes_total: Bytes of work.
        files_total: Files of work.
        report: Told how far it is; None tells nobody.
        passes: How often each byte is counted; reports are divided by it.
    """

    def __init__(
        self, bytes_total: int, files_total: int, report: Progress | None, passes: int = 1
    ) -> None:
        self._total, self._files_total = bytes_total, files_total
        self._report, self._passes = report, passes
        self._done = self._files = 0
        self._lock = threading.Lock()
        self._last = -EVERY_SECONDS

    def add(self, count: int) -> None:
        """Count bytes; negative takes back what must be done again."""
        with self._lock:
            self._done += count

    def file_done(self) -> None:
        """Count a finished file."""
        self._files += 1

    def tell(self) -> None:
        """Report, unless it was done a moment ago."""
        moment = time.monotonic()
        if self._report is not None and moment - self._last >= EVERY_SECONDS:
            self._last = moment
            self._report(self._bytes(), self._total, self._files, self._files_total)

    def end(self) -> None:
        """Report that everything is done."""
        if self._report is not None:
            self._report(self._total, self._total, self._files_total, self._files_total)

    def _bytes(self) -> int:
        return min(self._total, self._done // self._passes)
