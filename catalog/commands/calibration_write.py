"""How rows of calibration and their history are written: always together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from catalog.commands.journal import ask, record
from catalog.tables.calibration import BatchJob, CalibrationRequest, DarkRun, Execution
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies import calibration, dark
from policies.actor import SYSTEM, Actor
from policies.calibration import CALIBRATION, CalibrationFacts
from policies.dark import DARK, DarkFacts
from policies.executions import ENDED_EXECUTIONS, EXECUTION, ExecutionFacts
from policies.vocabulary import (
    CalibrationEvent,
    CalibrationState,
    DarkEvent,
    ExecutionEvent,
    ExecutionState,
    JobState,
    Subject,
    Work,
)


@dataclass(frozen=True)
class Asker:
    """Who moves something, when and why."""

    actor: Actor
    now: datetime
    reason: str = ""


def by_system(now: datetime, reason: str = "") -> Asker:
    """A flow or sweep of ours."""
    return Asker(SYSTEM, now, reason)


def move_request(
    session: Session,
    place: tuple[Proposal, Run],
    row: CalibrationRequest,
    event: CalibrationEvent,
    facts: CalibrationFacts,
    by: Asker,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Move a calibration request by its table, with history, run columns and further work.

    Raises:
        Refused: The table says no.
    """
    proposal, run = place
    decision = CALIBRATION.decide(row.state, event, by.actor.roles, facts, by.reason)
    source = row.state
    row.state, row.state_since = decision.row.target, by.now
    change = record(
        session,
        subject=Subject.CALIBRATION,
        subject_id=row.id or 0,
        proposal=proposal.number,
        run=run.run_number,
        event=event,
        source=source.label,
        target=row.state.label,
        actor=by.actor,
        now=by.now,
        reason=by.reason,
        policy=calibration.VERSION,
        details=details,
    )
    show_on_run(session, run, row, by.now)
    for work in decision.row.then:
        ask_run(session, work, proposal.number, run.run_number, str(change.seq), by.now)


def ask_run(
    session: Session, work: Work, number: int, run_number: int, mark: str, now: datetime
) -> None:
    """Ask for work on a run; the same mark asks once."""
    ask(
        session,
        work,
        key=f"{work}:{number}:{run_number}:{mark}",
        now=now,
        parameters={"proposal": number, "run": run_number},
        proposal=number,
        run=run_number,
    )


def show_on_run(session: Session, run: Run, row: CalibrationRequest, now: datetime) -> None:
    """Bring the run's own columns in line with its newest request."""
    has_result = published(session, run) is not None
    status = calibration.run_status(row.state, has_result)
    run.flg_cal_data_status, run.updated_at = str(status), now


def published(session: Session, run: Run) -> Execution | None:
    """Some result of the run that is in place, None when there is none."""
    return session.exec(
        select(Execution)
        .join(CalibrationRequest, col(CalibrationRequest.id) == Execution.request_id)
        .where(CalibrationRequest.run_id == run.id, Execution.state == ExecutionState.PUBLISHED)
    ).first()


def move_dark(
    session: Session,
    proposal: Proposal,
    row: DarkRun,
    event: DarkEvent,
    facts: DarkFacts,
    by: Asker,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Move a dark-run request by its table, with history and further work.

    Raises:
        Refused: The table says no.
    """
    decision = DARK.decide(row.flg_status, event, by.actor.roles, facts, by.reason)
    source = row.flg_status
    row.flg_status, row.state_since, row.updated_at = decision.row.target, by.now, by.now
    change = record(
        session,
        subject=Subject.DARK_RUN,
        subject_id=row.id or 0,
        proposal=proposal.number,
        event=event,
        source=source.label,
        target=row.flg_status.label,
        actor=by.actor,
        now=by.now,
        reason=by.reason,
        policy=dark.VERSION,
        details={"dark_run": row.id, "detector": row.detector_identifier, **dict(details or {})},
    )
    if decision.row.then:
        ask_dark(session, proposal.number, f"{row.id}:{change.seq}", by.now)


def ask_dark(session: Session, number: int, mark: str, now: datetime) -> None:
    """Ask for work on a proposal's dark-run requests; the same mark asks once."""
    ask(
        session,
        Work.DARK_CALIBRATE,
        key=f"{Work.DARK_CALIBRATE}:{number}:{mark}",
        now=now,
        parameters={"proposal": number},
        proposal=number,
    )


def move_execution(
    session: Session,
    place: tuple[int, int | None],
    row: Execution,
    event: ExecutionEvent,
    by: Asker,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Move an execution by its table, with history.

    Args:
        session: A writing session.
        place: Proposal number and run number, None for a dark request.
        row: The execution.
        event: What happened.
        by: Who says so.
        details: Further facts.

    Raises:
        Refused: The table says no.
    """
    states = session.exec(select(BatchJob.state).where(BatchJob.execution_id == row.id)).all()
    facts = ExecutionFacts(tuple(JobState(s) for s in states))
    decision = EXECUTION.decide(row.state, event, by.actor.roles, facts, by.reason)
    source = row.state
    row.state, row.state_since = decision.row.target, by.now
    if row.state in ENDED_EXECUTIONS and row.ended_at is None:
        row.ended_at = by.now
    row.words = by.reason or row.words
    record(
        session,
        subject=Subject.EXECUTION,
        subject_id=row.id or 0,
        proposal=place[0],
        run=place[1],
        event=f"{event}:{row.karabo_id}",
        source=source,
        target=row.state,
        actor=by.actor,
        now=by.now,
        reason=by.reason,
        policy=calibration.VERSION,
        details={"key": row.key, **dict(details or {})},
    )


def new_request(
    session: Session, place: tuple[Proposal, Run], row: CalibrationRequest, by: Asker
) -> None:
    """Put a fresh request on record, as requested."""
    proposal, run = place
    session.add(row)
    session.flush()
    run.cal_num_requests += 1
    run.cal_last_request_at = by.now
    record(
        session,
        subject=Subject.CALIBRATION,
        subject_id=row.id or 0,
        proposal=proposal.number,
        run=run.run_number,
        event="request",
        source="---",
        target=CalibrationState.REQUESTED.label,
        actor=by.actor,
        now=by.now,
        reason=by.reason,
        policy=calibration.VERSION,
        details={"kind": row.kind, "detectors": row.detectors or "all", "request": row.id},
    )
    show_on_run(session, run, row, by.now)
