"""What executions share, whoever moves them: where they belong, their end, a job's next state."""

from datetime import datetime

from sqlmodel import Session, select

from catalog.commands.calibration_write import Asker, ask_dark, ask_run, move_execution
from catalog.tables.calibration import BatchJob, CalibrationRequest, DarkRun, Execution
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.actor import SYSTEM
from policies.executions import ENDED_EXECUTIONS, JOB
from policies.vocabulary import ExecutionEvent, JobEvent, Work


def see(job: BatchJob, event: JobEvent, now: datetime) -> None:
    """Move a batch job by its table."""
    job.state = JOB.decide(job.state, event, SYSTEM.roles, None).row.target
    job.state_since = now


def fail(
    session: Session, place: tuple[int, int | None], execution: Execution, why: str, now: datetime
) -> None:
    """An execution comes to no result; the words say why."""
    move_execution(session, place, execution, ExecutionEvent.FAIL, Asker(SYSTEM, now, why))


def over(session: Session, execution: Execution, now: datetime) -> str | None:
    """Ask for the end of a request whose executions are all over; answers which."""
    same = (
        Execution.request_id == execution.request_id
        if execution.request_id is not None
        else Execution.dark_run_id == execution.dark_run_id
    )
    states = set(session.exec(select(Execution.state).where(same)).all())
    if states - ENDED_EXECUTIONS:
        return None
    number, run_number = place_of(session, execution)
    if run_number is None:
        ask_dark(session, number, f"{execution.dark_run_id}:over", now)
        return f"dark run request {execution.dark_run_id}"
    mark = f"{execution.request_id}:over"
    ask_run(session, Work.RUN_CALIBRATE, number, run_number, mark, now)
    return f"calibration {execution.request_id}"


def place_of(session: Session, execution: Execution) -> tuple[int, int | None]:
    """Proposal and run of an execution; no run for a dark request."""
    if execution.request_id is not None:
        request = session.get_one(CalibrationRequest, execution.request_id)
        proposal = session.get_one(Proposal, request.proposal_id)
        return proposal.number, session.get_one(Run, request.run_id).run_number
    dark_run = session.get_one(DarkRun, execution.dark_run_id or 0)
    return session.get_one(Proposal, dark_run.proposal_id).number, None
