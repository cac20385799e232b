"""Writes messages that arrive together in one transaction, then answers each of them.

One disk flush serves a whole batch, so the gateway keeps up with a burst although every
answer is given only after its message is on disk.
"""

import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

from catalog.commands.inbox import Answer, Message, accept
from catalog.engine import Database, Session
from policies.errors import Conflict, Unavailable

log = logging.getLogger("beamkeeper.gateway")

_Job = tuple[Message, "Future[Answer]"]


class Writer:
    """A thread that owns the gateway's writing session.

    Args:
        database: The catalog.
        max_batch: Messages of one transaction at the most.
    """

    def __init__(self, database: Database, max_batch: int = 64) -> None:
        self._database = database
        self._max_batch = max_batch
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=10_000)
        self._thread = threading.Thread(target=self._run, name="gateway-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end."""
        self._jobs.put(None)
        self._thread.join(timeout=30)

    def submit(self, message: Message) -> "Future[Answer]":
        """Queue a message.

        Returns:
            A future that holds the answer once the message is on disk, or `Conflict` or
            `Unavailable`.

        Raises:
            Unavailable: Too many messages wait already.
        """
        future: Future[Answer] = Future()
        try:
            self._jobs.put_nowait((message, future))
        except queue.Full:
            raise Unavailable("too many messages wait to be written") from None
        return future

    def _run(self) -> None:
        while True:
            batch, last = self._take()
            if batch:
                self._write(batch)
            if last:
                return

    def _take(self) -> tuple[list[_Job], bool]:
        batch: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) >= self._max_batch:
                return batch, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _write(self, batch: Sequence[_Job]) -> None:
        try:
            with self._database.write() as session:
                answers = [self._one(session, message) for message, _ in batch]
        except Exception as error:
            if len(batch) > 1:
                for job in batch:
                    self._write([job])
                return
            log.exception("message %s could not be written", batch[0][0].event_id)
            batch[0][1].set_exception(
                error if isinstance(error, Unavailable) else Unavailable("not written: see log")
            )
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Answer):
                future.set_result(answer)
            else:
                future.set_exception(answer)

    @staticmethod
    def _one(session: Session, message: Message) -> Answer | Conflict:
        try:
            with session.begin_nested():
                return accept(session, message, datetime.now(UTC))
        except Conflict as error:
            return error
