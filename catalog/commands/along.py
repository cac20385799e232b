"""Units of work that a flow takes along from the outbox when its own is done.

Taking is claiming: in one transaction the row leaves the relay's sight and the unit's lease
is held. A flow that dies leaves a row without an end and a lease that runs out, as one that
had been started for it alone, and the same sweep asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from catalog.commands import leases
from catalog.commands.leases import Held
from catalog.commands.outbox import Item, item_of, lease_key
from catalog.tables.journal import Lease, Outbox
from policies.along import ASKINGS
from policies.errors import LeaseLost
from policies.vocabulary import OutboxKind

ALONG = "along:"
"""How `sent_to` begins of a unit that was taken along; the flow run's id follows."""

LOOK = 8
"""Rows looked at for one whose unit nobody works on."""


@dataclass(frozen=True)
class Taken:
    """A unit that was taken along.

    Attributes:
        item: The outbox row.
        held: The lease on its unit.
    """

    item: Item
    held: Held


def waits(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Conditions on a row that asks for a flow now and that nobody has taken up."""
    return (
        col(Outbox.sent_at).is_(None),
        col(Outbox.given_up_at).is_(None),
        col(Outbox.kind) == OutboxKind.FLOW,
        col(Outbox.due_at) <= now,
    )


def own() -> ColumnElement[bool]:
    """Condition on a row that was handed over as a flow run of its own."""
    return col(Outbox.sent_to).not_like(f"{ALONG}%")


def taken_along(row: Outbox) -> bool:
    """Whether a flow run took the row along with its own."""
    return row.sent_to.startswith(ALONG)


def waiting(
    session: Session,
    work: str,
    proposal: int,
    now: datetime,
    limit: int,
    askings: int | None = None,
) -> Sequence[Outbox]:
    """Rows of one work and proposal that nobody has taken up, oldest first.

    Args:
        session: Any session.
        work: Flow name.
        proposal: Proposal number.
        now: When, aware.
        limit: Rows at the most.
        askings: Only what was asked for so often at the most; None: all.
    """
    query = select(Outbox).where(*waits(now), Outbox.work == work, Outbox.proposal == proposal)
    if askings is not None:
        query = query.where(Outbox.attempt <= askings)
    return session.exec(query.order_by(col(Outbox.id)).limit(limit)).all()


def hand_over(
    session: Session, work: str, proposal: int, now: datetime, limit: int, until: datetime
) -> list[Item]:
    """Rows that a relay hands over now; until then no flow takes them along.

    Args:
        session: A writing session.
        work: Flow name.
        proposal: Proposal number.
        now: When, aware.
        limit: Rows at the most.
        until: When they come back if the relay dies.
    """
    rows = waiting(session, work, proposal, now, limit)
    for row in rows:
        row.due_at = until
    session.flush()
    return [item_of(row) for row in rows]


def take(
    session: Session, work: str, proposal: int, holder: str, now: datetime, duration: timedelta
) -> Taken | None:
    """Take the oldest waiting unit along: from now on it is this flow run's.

    Args:
        session: A writing session.
        work: Flow name.
        proposal: Only units of this proposal: they are done at the same place.
        holder: Flow run id.
        now: When, aware.
        duration: How long the lease lasts without a renewal.

    Returns:
        The unit; None when nothing waits that could be taken.
    """
    for row in waiting(session, work, proposal, now, LOOK, ASKINGS):
        key = lease_key(row.work, row.proposal, row.run)
        if _busy(session, key, now):
            continue
        held = leases.acquire(session, key, holder, now, duration)
        row.sent_at, row.sent_to, row.last_error = now, f"{ALONG}{holder}", ""
        row.tries += 1
        session.flush()
        return Taken(item_of(row), held)
    return None


def _busy(session: Session, key: str, now: datetime) -> bool:
    lease = session.get(Lease, key)
    return lease is not None and lease.released_at is None and lease.expires_at > now


def went_wrong(session: Session, outbox_id: int, error: str) -> None:
    """Note why a unit came to no end; the sweep asks for it again."""
    row = session.get(Outbox, outbox_id)
    if row is not None and row.concluded_at is None:
        row.last_error = error[:2000]
        session.flush()


def demand_open(session: Session, outbox_ids: Sequence[int], holder: str) -> None:
    """Make sure that no other flow run took along and ended what this one was started for.

    Raises:
        LeaseLost: One did: there is nothing left to do.
    """
    for outbox_id in outbox_ids:
        row = session.get(Outbox, outbox_id)
        if row is None or row.concluded_at is None or not taken_along(row):
            continue
        if row.sent_to != f"{ALONG}{holder}":
            other = row.sent_to.removeprefix(ALONG)
            raise LeaseLost(f"{row.key} was taken along by flow run {other}: {row.outcome}")
