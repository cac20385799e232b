"""The end of a calibration request: what it came to, and who hears of it."""

from datetime import datetime

from sqlmodel import Session, select

from catalog.commands import leases
from catalog.commands.calibration import demand_open
from catalog.commands.calibration_write import by_system, move_request
from catalog.commands.journal import emit, notice
from catalog.commands.leases import Held
from catalog.queries.find import run_row
from catalog.tables.calibration import CalibrationRequest, Execution
from catalog.tables.runs import Run
from policies import calibration as rules
from policies.calibration import CalibrationFacts
from policies.vocabulary import (
    CalibrationEvent,
    CalibrationState,
    ExecutionState,
    Role,
    RunState,
    Topic,
)


def facts_of(session: Session, run: Run, request: CalibrationRequest) -> CalibrationFacts:
    """What the end of a request depends on."""
    rows = session.exec(select(Execution).where(Execution.request_id == request.id)).all()

    def those(*states: ExecutionState) -> tuple[str, ...]:
        return tuple(sorted(row.karabo_id for row in rows if row.state in states))

    return CalibrationFacts(
        migrated=run.state is RunState.MIGRATED,
        at_work=those(ExecutionState.PLANNED, ExecutionState.AT_WORK),
        unpublished=those(ExecutionState.SUCCEEDED),
        failed=those(ExecutionState.FAILED, ExecutionState.CANCELLED),
    )


def conclude(
    session: Session, number: int, run_number: int, held: Held, now: datetime
) -> tuple[CalibrationState, str]:
    """End a request whose results are in place.

    Returns:
        Its state and the reply that people read.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Missing: No request is open.
        Refused: A job is at work, or a result is not in place.
    """
    leases.check(session, held, now)
    proposal, run = run_row(session, number, run_number)
    row = demand_open(session, run, number)
    facts = facts_of(session, run, row)
    executions = session.exec(select(Execution).where(Execution.request_id == row.id)).all()
    good = [e.karabo_id for e in executions if e.state is ExecutionState.PUBLISHED]
    row.end_at = run.cal_last_end_at = now
    row.reply = run.cal_pipeline_reply = rules.reply(good, facts.failed)
    row.feedback = "\n".join(f"{e.karabo_id}: {e.words}" for e in executions if e.words)
    event = CalibrationEvent.FAIL if facts.failed else CalibrationEvent.SUCCEED
    details = {"reply": row.reply, "request": row.id}
    move_request(session, (proposal, run), row, event, facts, by_system(now), details)
    if facts.failed:
        _tell(session, number, run_number, row, now)
    if good:
        key = f"{Topic.RUN_CORRECTIONS_COMPLETE}:{number}:{run_number}:{row.id}"
        emit(
            session,
            Topic.RUN_CORRECTIONS_COMPLETE,
            key=key,
            now=now,
            proposal=number,
            run=run_number,
            data={"detectors": sorted(good)},
        )
    return row.state, row.reply


def _tell(
    session: Session, number: int, run_number: int, row: CalibrationRequest, now: datetime
) -> None:
    text = f"Calibration of run {run_number} of proposal {number}: {row.reply}."
    notice(
        session,
        key=f"calibration-failed:{row.id}",
        now=now,
        to=[Role.T_DM, Role.LC],
        text=f"{text}\n{row.feedback}",
        proposal=number,
        run=run_number,
    )
