"""The life of a dark-run request: the wait for the migration, its end, its withdrawal."""

from datetime import datetime

from sqlmodel import Session, col, select

from catalog.commands.calibration_write import Asker, by_system, move_dark, move_execution
from catalog.queries.find import find_run, proposal_row
from catalog.tables.calibration import DarkRun, DarkRunPart, Execution
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies import dark as rules
from policies.actor import Actor
from policies.dark import DarkFacts
from policies.errors import Missing
from policies.executions import ENDED_EXECUTIONS
from policies.vocabulary import (
    DarkEvent,
    DarkState,
    ExecutionEvent,
    ExecutionState,
    RunState,
)


def facts_of(session: Session, row: DarkRun) -> DarkFacts:
    """What the dark table asks about a request."""
    waiting = session.exec(
        select(Run.run_number)
        .join(DarkRunPart, col(DarkRunPart.run_id) == Run.id)
        .where(DarkRunPart.dark_run_id == row.id, Run.state != RunState.MIGRATED)
        .order_by(col(Run.run_number))
    ).all()
    states = session.exec(select(Execution.state).where(Execution.dark_run_id == row.id)).all()
    at_work = bool(set(states) - ENDED_EXECUTIONS)
    return DarkFacts(tuple(waiting), at_work)


def follow_migration(session: Session, number: int, run_number: int, now: datetime) -> None:
    """Wake the dark requests whose last run was just migrated."""
    proposal = proposal_row(session, number)
    run = find_run(session, proposal, run_number)
    if run is None:
        return
    rows = session.exec(
        select(DarkRun)
        .join(DarkRunPart, col(DarkRunPart.dark_run_id) == DarkRun.id)
        .where(DarkRunPart.run_id == run.id, DarkRun.flg_status == DarkState.WAITING)
        .order_by(col(DarkRun.id))
    ).all()
    for row in rows:
        facts = facts_of(session, row)
        if not facts.waiting_for:
            move_dark(session, proposal, row, DarkEvent.WAKE, facts, by_system(now))


def time_out(session: Session, number: int, now: datetime) -> str:
    """Give up the dark requests of a proposal whose deadline has passed.

    Returns:
        What happened, in words.
    """
    proposal = proposal_row(session, number)
    rows = session.exec(
        select(DarkRun)
        .where(DarkRun.proposal_id == proposal.id, DarkRun.flg_status == DarkState.WAITING)
        .where(DarkRun.deadline_at <= now)
    ).all()
    for row in rows:
        facts = facts_of(session, row)
        move_dark(session, proposal, row, DarkEvent.TIME_OUT, facts, by_system(now))
        row.end_at, row.calcat_feedback = now, rules.TIMED_OUT
    return f"{rules.TIMED_OUT}: {len(rows)}" if rows else "nothing waits any more"


def cancel(
    session: Session, number: int, dark_run: int, actor: Actor, now: datetime, reason: str
) -> DarkState:
    """Withdraw a dark request; its jobs are cancelled.

    Raises:
        Missing: The proposal has no such request.
        Refused: It is over, no reason, or not the actor's to ask.
    """
    proposal = proposal_row(session, number)
    row = dark_row(session, proposal, dark_run)
    by = Asker(actor, now, reason)
    move_dark(session, proposal, row, DarkEvent.CANCEL, facts_of(session, row), by)
    row.end_at, row.calcat_feedback = now, f"Cancelled by {actor.name}: {reason}"
    for execution in session.exec(select(Execution).where(Execution.dark_run_id == row.id)):
        if execution.state in {
            ExecutionState.PLANNED,
            ExecutionState.AT_WORK,
            ExecutionState.SUCCEEDED,
        }:
            move_execution(session, (number, None), execution, ExecutionEvent.CANCEL, by)
    return row.flg_status


def dark_row(session: Session, proposal: Proposal, dark_run: int) -> DarkRun:
    """A dark request of a proposal.

    Raises:
        Missing: The proposal has no such request.
    """
    row = session.get(DarkRun, dark_run)
    if row is None or row.proposal_id != proposal.id:
        raise Missing(
            f"proposal {proposal.number} has no dark-run request {dark_run}", field="dark_run"
        )
    return row
