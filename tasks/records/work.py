"""Units of work: a lease that keeps itself alive, and the end of what was asked for."""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

from catalog.commands import along, leases, outbox
from catalog.commands.leases import Held
from policies.errors import BeamkeeperError, LeaseLost, Unavailable
from settings.model import load
from tasks.records.base import database, now

log = logging.getLogger("beamkeeper.work")


def lease_time() -> timedelta:
    """How long a unit stays taken without a sign of life."""
    return timedelta(seconds=load().work.lease_seconds)


class Working:
    """A unit of work that this process holds.

    Attributes:
        held: The lease; shown to every command that records an effect.
    """

    def __init__(self, held: Held) -> None:
        self.held = held
        self._lost: LeaseLost | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Stop work that somebody else has taken over.

        Raises:
            LeaseLost: The lease is gone.
        """
        if self._lost is not None:
            raise self._lost

    def end(self) -> None:
        """Stop renewing."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _keep(self) -> None:
        while not self._stop.wait(load().work.renew_seconds):
            try:
                with database().write() as session:
                    leases.renew(session, self.held, now(), lease_time())
            except LeaseLost as error:
                self._lost = error
                return
            except Unavailable as error:
                # Not lost yet: the commands check the row itself before they write.
                log.warning("lease %s not renewed: %s", self.held.key, error.message)


@contextlib.contextmanager
def working(
    work: str, holder: str, proposal: int | None, run: int | None, asked: Sequence[int] = ()
) -> Iterator[Working]:
    """Hold a unit of work while the body runs.

    Args:
        work: Flow name.
        holder: Flow run id.
        proposal: Proposal number, None for facility-wide work.
        run: Run number, None for work on a proposal.
        asked: Outbox rows that this flow run was started for.

    Raises:
        Conflict: Somebody else holds it.
        LeaseLost: Another flow run took it along and ended it.
    """
    key = outbox.lease_key(work, proposal, run)
    with database().write() as session:
        along.demand_open(session, asked, holder)
        held = leases.acquire(session, key, holder, now(), lease_time())
    unit = Working(held)
    try:
        yield unit
    finally:
        unit.end()
        with contextlib.suppress(BeamkeeperError), database().write() as session:
            leases.release(session, held, now())


def conclude(outbox_id: int, outcome: str) -> None:
    """Note that what an outbox row asked for has come to its end."""
    with database().write() as session:
        outbox.conclude(session, outbox_id, outcome, now())
