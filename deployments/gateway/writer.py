"""Writes messages that arrive together in one transaction, then answers each of them.

One disk flush serves a whole batch, so the gateway keeps up with a burst although every
answer is given only after its message is on disk.
"""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from catalog.commands.inbox import Answer, Message, accept, accept_all
from catalog.engine import Database, Session
from policies.errors import Conflict, Unavailable
from settings.clock import utc_now

log = logging.getLogger("beamkeeper.gateway")

_MAX_WAITING = 10_000
_STOP_SECONDS = 15.0
_GATHER_SECONDS = 0.01
"""A commit costs as much as several messages: under load the next ones are waited for."""


@dataclass(frozen=True)
class _Job:
    message: Message
    size: int
    future: "Future[Answer]" = field(default_factory=Future)


class Writer:
    """A thread that owns the gateway's writing session.

    Args:
        database: The catalog.
        max_batch: Messages of one transaction at the most.
        max_bytes: Bodies that may wait at the most.
    """

    def __init__(
        self, database: Database, max_batch: int = 64, max_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self._database = database
        self._max_batch = max_batch
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._stopped = False
        self._expected = 1
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="gateway-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end; what comes later is refused."""
        with self._lock:
            self._stopped = True
            self._jobs.put(None)
        self._thread.join(timeout=_STOP_SECONDS)

    def submit(self, message: Message, size: int = 0) -> "Future[Answer]":
        """Queue a message.

        Args:
            message: A verified message.
            size: Bytes of its body.

        Returns:
            A future that holds the answer once the message is on disk, or `Conflict` or
            `Unavailable`.

        Raises:
            Unavailable: Too much waits already, or we are about to end.
        """
        job = _Job(message, size)
        with self._lock:
            if self._stopped:
                raise Unavailable("the gateway is about to end")
            if self._bytes + size > self._max_bytes or self._jobs.qsize() >= _MAX_WAITING:
                raise Unavailable("too many messages wait to be written")
            self._bytes += size
            self._jobs.put(job)
        return job.future

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._take()
            if batch:
                self._write(batch)
            with self._lock:
                self._bytes -= sum(job.size for job in batch)

    def _take(self) -> tuple[list[_Job], bool]:
        """What waits now; as many as came last time are given a moment to come again.

        Returns:
            The batch and whether it is the last one.
        """
        batch: list[_Job] = []
        ends_at = 0.0
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            ends_at = ends_at or time.monotonic() + _GATHER_SECONDS
            patience = ends_at - time.monotonic() if len(batch) < self._expected else 0.0
            try:
                if len(batch) >= self._max_batch:
                    raise queue.Empty
                job = self._jobs.get(timeout=max(0.0, patience))
            except queue.Empty:
                self._expected = len(batch)
                return batch, False
        return batch, True

    def _write(self, batch: Sequence[_Job]) -> None:
        try:
            with self._database.write() as session:
                answers = self._accepted(session, [job.message for job in batch])
        except Unavailable as error:
            log.warning("%d messages not written: %s", len(batch), error.message)
            _fail(batch, error)
        except Exception as error:
            if len(batch) == 1:
                log.exception("message %s could not be written", batch[0].message.event_id)
            self._isolate(batch, Unavailable(f"not written: {type(error).__name__}, see the log"))
        else:
            for job, answer in zip(batch, answers, strict=True):
                _tell(job, answer)

    def _isolate(self, batch: Sequence[_Job], fault: Unavailable) -> None:
        """One message spoils the transaction for all: each gets its own."""
        if len(batch) == 1:
            _fail(batch, fault)
            return
        for job in batch:
            self._write([job])

    @staticmethod
    def _accepted(session: Session, messages: Sequence[Message]) -> list[Answer | Conflict]:
        """Several messages quickly; a single one with all care, whatever it brings."""
        if len(messages) > 1:
            return accept_all(session, messages, utc_now)
        try:
            return [accept(session, messages[0], utc_now())]
        except Conflict as error:
            return [error]


def _tell(job: _Job, answer: Answer | Conflict) -> None:
    if not isinstance(answer, Answer):
        _fail([job], answer)
    elif job.future.set_running_or_notify_cancel():
        job.future.set_result(answer)


def _fail(batch: Sequence[_Job], error: Exception) -> None:
    for job in batch:
        # A sender that has gone away has cancelled its future.
        if job.future.set_running_or_notify_cancel():
            job.future.set_exception(error)
