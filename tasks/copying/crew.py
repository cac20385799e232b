"""Workers that read and write, and a caller's thread that decides.

Hooks of the caller (progress, lease, cancel) run on its own thread only: between two
looks at the workers, and before each result is handed over. When a hook raises, the
workers end at their next block.
"""

import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

from tasks.copying.blocks import Arena
from tasks.copying.meter import Meter
from tasks.copying.model import Check

U = TypeVar("U")
R = TypeVar("R")

TICK_SECONDS = 0.05
"""Longest pause between two calls of the caller's hooks while bytes move."""


class Crew:
    """A few threads with a buffer each.

    Args:
        workers: How many.
        meter: Told to report at each tick.
        should_continue: The caller's check; None for none.

    Attributes:
        stop: Set when the work shall end early.
    """

    def __init__(self, workers: int, meter: Meter, should_continue: Check | None) -> None:
        self.stop = threading.Event()
        self._workers, self._meter, self._check = max(1, workers), meter, should_continue
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="copy")
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def each(self, units: Iterable[U], work: Callable[[U, Arena], R]) -> Generator[R]:
        """Work on units, a few at a time; yield results as they come, on the caller's thread.

        Raises:
            Exception: What `work` or the caller's check raised first; later units are not
                begun.
        """
        waiting = iter(units)
        running: set[Future[R]] = set()
        while True:
            self._tick()
            fresh = islice(waiting, self._workers + 1 - len(running))
            running |= {self._pool.submit(self._with_arena, work, unit) for unit in fresh}
            if not running:
                return
            done, running = wait(running, TICK_SECONDS, FIRST_COMPLETED)
            for future in done:
                result = future.result()
                self._tick()
                yield result

    def _tick(self) -> None:
        if self._check is not None:
            self._check()
        self._meter.tell()

    def _with_arena(self, work: Callable[[U, Arena], R], unit: U) -> R:
        arena: Arena | None = getattr(self._local, "arena", None)
        if arena is None:
            arena = self._local.arena = Arena()
        return work(unit, arena)
