"""Askings that were handed over and went nowhere, told from those that only wait their turn."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from catalog.commands.along import own, taken_along
from catalog.commands.outbox import Item, item_of, lease_key
from catalog.tables.journal import Lease, Outbox
from policies.vocabulary import OutboxKind

LOST = "lost:"
"""How the outcome of an asking begins that came to no end of its own."""


def unconcluded(session: Session, now: datetime, older_than: timedelta) -> list[Item]:
    """Flow rows that were handed over and will not come to an end by themselves.

    In a burst the engine works through a queue. So an asking is lost only when it is old, no
    live lease works on it, and either a later asking of the same work has ended before it or
    nothing of that work has ended for as long: then the queue does not move. What a flow took
    along waited in no queue: it is lost when it is old and no live lease works on it, and its
    end says nothing about the queue.

    Args:
        session: Any session.
        now: When, aware.
        older_than: How old an asking must be.
    """
    rows = session.exec(
        select(Outbox)
        .where(Outbox.kind == OutboxKind.FLOW, col(Outbox.concluded_at).is_(None))
        .where(col(Outbox.sent_at).is_not(None), col(Outbox.sent_at) < now - older_than)
        .order_by(col(Outbox.id))
        .limit(500)
    ).all()
    ends = _ends(session, {row.work for row in rows}, now - older_than)
    busy = _at_work(session, {lease_key(r.work, r.proposal, r.run) for r in rows}, now)
    return [item_of(row) for row in rows if _lost(row, ends, busy)]


def _ends(session: Session, works: set[str], since: datetime) -> dict[str, datetime]:
    """Per work: when the youngest asking was handed over that has ended since."""
    rows = session.exec(
        select(Outbox.work, func.max(Outbox.sent_at))
        .where(Outbox.kind == OutboxKind.FLOW, col(Outbox.work).in_(works))
        .where(col(Outbox.concluded_at) >= since, col(Outbox.outcome).not_like(f"{LOST}%"), own())
        .group_by(Outbox.work)
    )
    return {work: sent_at for work, sent_at in rows if sent_at is not None}


def _at_work(session: Session, keys: set[str], now: datetime) -> set[str]:
    """Units of work that somebody holds a live lease on."""
    return set(
        session.exec(
            select(Lease.key)
            .where(col(Lease.key).in_(keys), Lease.expires_at > now)
            .where(col(Lease.released_at).is_(None))
        )
    )


def _lost(row: Outbox, ends: dict[str, datetime], busy: set[str]) -> bool:
    if lease_key(row.work, row.proposal, row.run) in busy:
        return False
    if taken_along(row):
        return True
    youngest_ended = ends.get(row.work)
    moving = (
        youngest_ended is not None and row.sent_at is not None and youngest_ended <= row.sent_at
    )
    return not moving
