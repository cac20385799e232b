"""What is due or stuck right now."""

from dataclasses import dataclass
from datetime import datetime

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
    rows = session.exec(
        select(Obligation)
        .where(col(Obligation.settled_at).is_(None), Obligation.due_at <= now)
        .order_by(col(Obligation.due_at), col(Obligation.id))
        .limit(limit)
    )
    return [Due(r.id or 0, r.duty, r.proposal, r.run, r.due_at) for r in rows]


def stuck_runs(session: Session, now: datetime, limit: int = 500) -> list[Stuck]:
    """Runs in a state that should have been left, with nobody at work on them."""
    overdue = or_(
        *(
            and_(col(Run.state) == state, col(Run.state_since) < now - wait)
            for state, wait in TRANSIENT_LIMIT.items()
        )
    )
    rows = session.exec(
        select(Run, Proposal.number)
        .join(Proposal, col(Proposal.id) == Run.proposal_id)
        .where(overdue, ~exists(_blocking()))
        .order_by(col(Run.state_since))
        .limit(limit)
    )
    found = [
        Stuck(number, run.run_number, run.state, run.state_since, "nobody works on it")
        for run, number in rows
        if not _busy(session, number, run.run_number, now)
    ]
    return found + _incomplete(session, now, limit)


def _blocking() -> "SelectOfScalar[int] | SelectOfScalar[None]":
    """Open findings that forbid a run's migration: a person must act, asking again is vain."""
    return (
        select(Finding.id)
        .where(col(Finding.run_id) == Run.id, col(Finding.blocks_migration))
        .where(col(Finding.resolved_at).is_(None))
    )


def _incomplete(session: Session, now: datetime, limit: int) -> list[Stuck]:
    """Migrated runs whose further copies are still only intended."""
    missing = (
        select(Replica.id)
        .join(RunDataGroup, col(RunDataGroup.data_group_id) == Replica.data_group_id)
        .where(col(RunDataGroup.run_id) == Run.id, col(Replica.flg_available))
        .where(Replica.state_since < now - TRANSIENT_LIMIT[RunState.MIGRATION_REQUESTED])
        .where(
            col(Replica.state).in_(
                [ReplicaState.PLANNED, ReplicaState.COPYING, ReplicaState.SUSPECT]
            )
        )
    )
    rows = session.exec(
        select(Run, Proposal.number)
        .join(Proposal, col(Proposal.id) == Run.proposal_id)
        .where(Run.state == RunState.MIGRATED, exists(missing))
        .order_by(col(Run.id))
        .limit(limit)
    )
    return [
        Stuck(number, run.run_number, run.state, run.state_since, "a further copy is missing")
        for run, number in rows
        if not _busy(session, number, run.run_number, now)
    ]


def uninspected_runs(session: Session, now: datetime, limit: int = 500) -> list[Stuck]:
    """Runs that ended and whose files nobody has registered yet."""
    rows = session.exec(
        select(Run, Proposal.number)
        .join(Proposal, col(Proposal.id) == Run.proposal_id)
        .where(col(Run.inspected_at).is_(None), Run.state != RunState.OPEN)
        .where(Run.state_since < now - UNINSPECTED_LIMIT)
        .order_by(col(Run.state_since))
        .limit(limit)
    )
    return [
        Stuck(n, r.run_number, r.state, r.state_since, "files not registered", Work.RUN_CLOSED)
        for r, n in rows
        if not _busy(session, n, r.run_number, now, Work.RUN_CLOSED)
    ]


def _busy(
    session: Session, proposal: int, run: int, now: datetime, work: Work = Work.RUN_MIGRATE
) -> bool:
    """Whether a lease is alive or an asking is still on its way."""
    lease = session.get(Lease, f"{work}:{proposal}:{run}")
    if lease is not None and lease.released_at is None and lease.expires_at > now:
        return True
    waiting = session.exec(
        select(Outbox.id)
        .where(Outbox.work == work, Outbox.proposal == proposal, Outbox.run == run)
        .where(col(Outbox.concluded_at).is_(None), col(Outbox.given_up_at).is_(None))
        .limit(1)
    ).first()
    return waiting is not None
