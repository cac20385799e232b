"""How units of work get on that flows take along: what waits, what begins, what is at work."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from catalog.commands.along import own, waits
from catalog.commands.outbox import lease_key
from catalog.tables.journal import Lease, Outbox
from policies.along import STILL_SECONDS, Traffic
from policies.vocabulary import OutboxKind

START = timedelta(seconds=60)
"""A flow run that does not work after so long waits in a queue of the engine, or never came."""


def waiting_for(session: Session, works: Collection[str], now: datetime) -> list[tuple[str, int]]:
    """Work and proposal of everything that waits to be handed over or taken along."""
    rows = session.exec(
        select(Outbox.work, Outbox.proposal)
        .where(*waits(now), col(Outbox.work).in_(works), col(Outbox.proposal).is_not(None))
        .distinct()
        .order_by(Outbox.work, col(Outbox.proposal))
    )
    return [(work, number) for work, number in rows if number is not None]


def traffic(session: Session, work: str, proposal: int, now: datetime) -> Traffic:
    """How a proposal's units of one work get on.

    Args:
        session: Any session.
        work: Flow name.
        proposal: Proposal number.
        now: When, aware.
    """
    recent = session.exec(
        select(Lease)
        .where(col(Lease.key).startswith(f"{work}:{proposal}:", autoescape=True))
        .where(Lease.expires_at > now - timedelta(seconds=STILL_SECONDS))
    ).all()
    at_work = {x.holder for x in recent if x.released_at is None and x.expires_at > now}
    starting = _starting(session, work, proposal, now)
    signs = [x.released_at or x.acquired_at for x in recent] + starting
    still = (now - max(signs)).total_seconds() if signs else None
    return Traffic(len(starting), len(at_work), still)


def _starting(session: Session, work: str, proposal: int, now: datetime) -> list[datetime]:
    """When flow runs were handed over that have not taken up their own unit yet."""
    rows = session.exec(
        select(Outbox)
        .where(Outbox.kind == OutboxKind.FLOW, Outbox.work == work, Outbox.proposal == proposal)
        .where(col(Outbox.concluded_at).is_(None), own(), col(Outbox.sent_at) > now - START)
    )
    found = []
    for row in rows:
        lease = session.get(Lease, lease_key(row.work, row.proposal, row.run))
        if row.sent_at is not None and (lease is None or lease.acquired_at < row.sent_at):
            found.append(row.sent_at)
    return found
