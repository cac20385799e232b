"""Worker processes that open files, and are replaced when a file kills one.

Threads would not help: h5py holds one lock for the whole process.
"""

import atexit
import os
import pickle
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Self

from policies.audit_facts import FileFacts
from tasks.rawfiles.entries import describe
from tasks.rawfiles.worker import HEAD

_ROOT = Path(__file__).parents[2]
_PIECE = 1 << 20
_BURIAL_S = 10.0
_BENCH = 2


class _Worker:
    """One process and the name it is busy with."""

    def __init__(self) -> None:
        search = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tasks.rawfiles.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": search},
        )
        assert self.process.stdin
        assert self.process.stdout
        self._stdin, self.stdout = self.process.stdin, self.process.stdout
        self.busy_with: str | None = None
        self.since = 0.0
        self._received = b""

    def give(self, folder: Path, name: str) -> None:
        """Hand over one name; a worker that died is noticed when its answer is awaited."""
        self.busy_with, self.since = name, monotonic()
        try:
            self._stdin.write(os.fsencode(folder / name) + b"\0")
            self._stdin.flush()
        except OSError:
            return

    def receive(self) -> FileFacts | None:
        """Facts when an answer is complete, else None.

        Raises:
            EOFError: The process is gone.
        """
        piece = os.read(self.stdout.fileno(), _PIECE)
        if not piece:
            raise EOFError
        self._received += piece
        if len(self._received) < HEAD.size:
            return None
        end = HEAD.size + HEAD.unpack_from(self._received)[0]
        if len(self._received) < end:
            return None
        body, self._received = self._received[HEAD.size : end], self._received[end:]
        facts: FileFacts = pickle.loads(body)  # noqa: S301  from our own process
        self.busy_with = None
        return facts

    def stop(self) -> int:
        """Kill the process and collect it.

        Returns:
            Its exit status; negative: the signal that ended it.
        """
        status = self.process.poll()
        self.process.kill()
        with suppress(OSError):
            self._stdin.close()
        self.stdout.close()
        with suppress(subprocess.TimeoutExpired):  # not even a kill ends a hanging file system
            status = self.process.wait(_BURIAL_S)
        return -signal.SIGKILL if status is None else status


class _Bench:
    """Workers without work, kept because starting one costs more than most files.

    They end when this process does: their input closes.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: list[_Worker] = []

    def take(self) -> _Worker:
        """A living worker, new if need be."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.process.poll() is None:
                    return worker
                worker.stop()
        return _Worker()

    def put_back(self, worker: _Worker) -> None:
        """Keep a worker for later; one that is busy or too many is stopped."""
        with self._lock:
            if worker.busy_with is None and len(self._idle) < _BENCH:
                self._idle.append(worker)
                return
        worker.stop()

    def clear(self) -> None:
        """Stop all of them."""
        with self._lock:
            while self._idle:
                self._idle.pop().stop()

    def forget(self) -> None:
        """Leave them to the parent: a forked child must not talk to its workers."""
        self._lock, self._idle = Lock(), []


_bench = _Bench()
atexit.register(_bench.clear)
os.register_at_fork(after_in_child=_bench.forget)


def dismiss_idle_workers() -> None:
    """Stop the reader processes that wait for the next run."""
    _bench.clear()


class Crew:
    """Reads many files of one folder with a few processes; use as a context."""

    def __init__(self, folder: Path, size: int, file_timeout_s: float) -> None:
        self._folder = folder
        self._timeout_s = file_timeout_s
        self._selector = selectors.DefaultSelector()
        self._size = size
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        for _ in range(self._size):
            self._hire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._selector.close()
        for worker in self._workers:
            _bench.put_back(worker)

    def _hire(self) -> _Worker:
        worker = _bench.take()
        self._workers.append(worker)
        self._selector.register(worker.stdout, selectors.EVENT_READ, worker)
        return worker

    def _dismiss(self, worker: _Worker) -> int:
        self._selector.unregister(worker.stdout)
        self._workers.remove(worker)
        return worker.stop()

    def read(self, names: Sequence[str], done: Callable[[str, FileFacts], None]) -> None:
        """Read files; each is reported as soon as it is known.

        Args:
            names: Names as the file system has them.
            done: Receives each name with its facts.
        """
        waiting = deque(names)
        for worker in self._workers:
            self._next(worker, waiting)
        while any(w.busy_with is not None for w in self._workers):
            for key, _ in self._selector.select(timeout=self._patience()):
                self._collect(key.data, waiting, done)
            for worker in list(self._workers):
                if worker.busy_with and monotonic() - worker.since > self._timeout_s:
                    reason = f"reading took more than {self._timeout_s:g} s"
                    self._replace(worker, reason, waiting, done)

    def _patience(self) -> float:
        since = min(w.since for w in self._workers if w.busy_with is not None)
        return max(0.05, since + self._timeout_s - monotonic())

    def _next(self, worker: _Worker, waiting: deque[str]) -> None:
        if waiting:
            worker.give(self._folder, waiting.popleft())

    def _collect(
        self, worker: _Worker, waiting: deque[str], done: Callable[[str, FileFacts], None]
    ) -> None:
        name = worker.busy_with
        try:
            facts = worker.receive()
        except EOFError:
            self._replace(worker, "", waiting, done)
            return
        if facts is not None and name is not None:
            done(name, facts)
            self._next(worker, waiting)

    def _replace(
        self,
        worker: _Worker,
        reason: str,
        waiting: deque[str],
        done: Callable[[str, FileFacts], None],
    ) -> None:
        """Report the file that a worker was lost on, and go on with a new one."""
        name, status = worker.busy_with, self._dismiss(worker)
        if name is not None:
            facts = describe(self._folder, name)
            done(name, replace(facts, readable=False, problem=reason or _death(status)))
        if waiting:
            self._next(self._hire(), waiting)


def _death(status: int) -> str:
    try:
        ending = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    except ValueError:
        ending = f"signal {-status}"
    return f"the reader died on it ({ending})"
