"""Units of work that a flow takes along, one at a time, each with a lease of its own."""

import contextlib
from dataclasses import dataclass

from catalog.commands import along, leases, outbox
from catalog.commands.outbox import Item
from catalog.engine import Session
from policies.errors import BeamkeeperError
from settings.model import load
from tasks.records.base import database, now
from tasks.records.work import Working, lease_time


@dataclass(frozen=True)
class Limits:
    """How much one flow run takes along.

    Attributes:
        units: Units at the most.
        seconds: After so long no further one is begun.
    """

    units: int
    seconds: float


def limits() -> Limits:
    """What the site's settings say."""
    work = load().work
    return Limits(work.along_units, work.along_seconds)


class Turn:
    """One unit that was taken along.

    Attributes:
        item: What was asked for.
        unit: The lease, kept alive.
    """

    def __init__(self, item: Item, unit: Working) -> None:
        self.item, self.unit = item, unit
        self._outcome = self._error = ""

    def conclude(self, outcome: str) -> None:
        """It has come to its end."""
        self._outcome = outcome

    def fail(self, error: str) -> None:
        """It has come to no end; the sweep asks for it again."""
        self._error = error

    def settle(self, session: Session) -> None:
        """Put what came of it on record and give the unit back."""
        if self._outcome:
            outbox.conclude(session, self.item.id, self._outcome, now())
        if self._error:
            along.went_wrong(session, self.item.id, self._error)
        leases.release(session, self.unit.held, now())


class Convoy:
    """Takes units of one work and proposal along; use as a context.

    The end of one unit and the claim on the next are one transaction, so whoever counts the
    flows at work never misses this one.

    Args:
        work: Flow name.
        proposal: Proposal number.
        holder: Flow run id.
    """

    def __init__(self, work: str, proposal: int, holder: str) -> None:
        self._work, self._proposal, self._holder = work, proposal, holder
        self._turn: Turn | None = None

    def __enter__(self) -> "Convoy":
        return self

    def __exit__(self, *_error: object) -> None:
        """Settle the last one; when that fails its lease runs out and the sweep asks again."""
        turn = self._part()
        if turn is not None:
            with contextlib.suppress(BeamkeeperError), database().write() as session:
                turn.settle(session)

    def following(self) -> Turn | None:
        """Settle the unit before and take the next one.

        Returns:
            The unit, None when nothing waits.

        Raises:
            Unavailable: The catalog does not answer.
        """
        last = self._part()
        with database().write() as session:
            if last is not None:
                last.settle(session)
            taken = along.take(
                session, self._work, self._proposal, self._holder, now(), lease_time()
            )
        if taken is not None:
            self._turn = Turn(taken.item, Working(taken.held))
        return self._turn

    def _part(self) -> Turn | None:
        """Part with the unit at hand: its lease is not renewed any more."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.unit.end()
        return turn
