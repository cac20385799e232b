"""What becomes of a half-done command: undone by a savepoint, or never begun.

A savepoint costs two round trips and writes everything that waits. Commands ask first and
write afterwards, so a refusal has written nothing; where many are done in one transaction,
that is checked instead of guarded against.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlmodel import Session

from catalog.memory import memory
from policies.errors import BeamkeeperError

Guard = Callable[[Session], AbstractContextManager[None]]


class Surprise(Exception):
    """Something was written and refused afterwards; only a savepoint undoes that."""


@contextmanager
def guarded(session: Session) -> Iterator[None]:
    """Whatever the block wrote is undone when it fails."""
    with session.begin_nested():
        yield


@contextmanager
def unguarded(session: Session) -> Iterator[None]:
    """As fast as possible: a block that is refused must have written nothing.

    Raises:
        Surprise: It has written something: the whole transaction is to be rolled back.
    """
    before = _written(session)
    try:
        yield
    except BeamkeeperError as error:
        if _written(session) != before:
            raise Surprise from error
        raise


def _written(session: Session) -> tuple[object, ...]:
    """What tells whether anything was written: the journal's end, new and changed rows."""
    return (memory(session, "journal").get("tail"), len(session.new), len(session.dirty))
