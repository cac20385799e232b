"""What is due or stuck right now."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import cast, literal
from sqlmodel import Session, and_, col, exists, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from catalog.tables.files import Finding, Replica, RunDataGroup
from catalog.tables.journal import Lease, Obligation, Outbox
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.run import TRANSIENT_LIMIT, UNINSPECTED_LIMIT
from policies.vocabulary import Duty, ReplicaState, RunState, Work


@dataclass(frozen=True)
class Due:
    """An obligation whose time has come."""

    id: int
    duty: Duty
    proposal: int | None
    run: int | None
    due_at: datetime


@dataclass(frozen=True)
class Stuck:
    """A run that heads for another state and does not get there.

    Attributes:
        proposal: Proposal number.
        run: Run number.
        state: Where it stands.
        since: Since when.
        why: What is missing, in words.
        work: The flow that brings it on.
    """

    proposal: int
    run: int
    state: RunState
    since: datetime
    why: str
    work: Work = Work.RUN_MIGRATE


def due_obligations(session: Session, now: datetime, limit: int = 500) -> list[Due]:
    """Obligations to drain, the longest due first."""
    o = Obligation
    rows = session.execute(
        sa.select(col(o.id), col(o.duty), col(o.proposal), col(o.run), col(o.due_at))
        .where(col(o.settled_at).is_(None), col(o.due_at) <= now)
        .order_by(col(o.due_at), col(o.id))
        .limit(limit)
    )
    return [Due(*row) for row in rows]


def stuck_runs(session: Session, now: datetime, limit: int = 500) -> list[Stuck]:
    """Runs in a state that should have been left, with nobody at work on them."""
    overdue = or_(
        *(
            and_(col(Run.state) == state, col(Run.state_since) < now - wait)
            for state, wait in TRANSIENT_LIMIT.items()
        )
    )
    query = _runs().where(overdue, ~exists(_blocking())).order_by(col(Run.state_since))
    rows = unattended(session, query, Work.RUN_MIGRATE, now, limit)
    return [Stuck(*row, "nobody works on it") for row in rows] + _incomplete(session, now, limit)


def _blocking() -> "SelectOfScalar[int] | SelectOfScalar[None]":
    """Open findings that forbid a run's migration: a person must act, asking again is vain."""
    return (
        select(Finding.id)
        .where(col(Finding.run_id) == Run.id, col(Finding.blocks_migration))
        .where(col(Finding.resolved_at).is_(None))
    )


def _incomplete(session: Session, now: datetime, limit: int) -> list[Stuck]:
    """Migrated runs whose further copies are still only intended.

    From the few copies that are neither proved nor gone to their runs, not the other way
    round: the order and the words are those of the index on such copies.
    """
    query = (
        _runs()
        .join(RunDataGroup, col(RunDataGroup.run_id) == Run.id)
        .join(Replica, col(Replica.data_group_id) == RunDataGroup.data_group_id)
        .where(col(Replica.state) != ReplicaState.VERIFIED)
        .where(col(Replica.state) != ReplicaState.GONE)
        .where(col(Replica.state_since) < now - TRANSIENT_LIMIT[RunState.MIGRATION_REQUESTED])
        .where(col(Replica.flg_available), col(Run.state) == RunState.MIGRATED)
        .order_by(col(Replica.state_since))
    )
    rows = unattended(session, query, Work.RUN_MIGRATE, now, limit)
    return [Stuck(*row, "a further copy is missing") for row in dict.fromkeys(rows)]


def uninspected_runs(session: Session, now: datetime, limit: int = 500) -> list[Stuck]:
    """Runs that ended and whose files nobody has registered yet."""
    query = (
        _runs()
        .where(col(Run.inspected_at).is_(None), col(Run.state) != RunState.OPEN)
        .where(col(Run.state_since) < now - UNINSPECTED_LIMIT)
        .order_by(col(Run.state_since))
    )
    rows = unattended(session, query, Work.RUN_CLOSED, now, limit)
    return [Stuck(*row, "files not registered", Work.RUN_CLOSED) for row in rows]


_Row = tuple[int, int, RunState, datetime]


def _runs() -> sa.Select[_Row]:
    """Proposal number, run number, state, since when."""
    return sa.select(
        col(Proposal.number), col(Run.run_number), col(Run.state), col(Run.state_since)
    ).join(Run, col(Run.proposal_id) == Proposal.id)


def unattended(
    session: Session, query: sa.Select[_Row], work: Work, now: datetime, limit: int
) -> list[_Row]:
    """Those of the runs that nobody works on and for which no asking is on its way."""
    unit = literal(f"{work}:") + cast(Proposal.number, sa.String)
    at_work = (
        select(Lease.key)
        .where(Lease.key == unit + literal(":") + cast(Run.run_number, sa.String))
        .where(Lease.expires_at > now, col(Lease.released_at).is_(None))
    )
    asked = (
        select(Outbox.id)
        .where(Outbox.work == work, Outbox.proposal == Proposal.number)
        .where(Outbox.run == Run.run_number)
        .where(col(Outbox.concluded_at).is_(None), col(Outbox.given_up_at).is_(None))
    )
    idle = query.where(~exists(at_work), ~exists(asked)).limit(limit)
    found = session.execute(idle)
    return [(proposal, run, state, since) for proposal, run, state, since in found]
