"""Lists of calibrations, and what of them is open or stands still."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, or_, select

from catalog.queries.calibration import ExecutionView, executions_of
from catalog.queries.find import proposal_row
from catalog.tables.calibration import (
    BatchJob,
    CalibrationRequest,
    Execution,
    Report,
)
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.executions import ENDED_JOBS
from policies.vocabulary import CalibrationState, JobState


def open_job_keys(session: Session) -> list[str]:
    """Names of every job that is not over."""
    # In the words and the order of the index on such jobs.
    states = (JobState.PLANNED, JobState.QUEUED, JobState.RUNNING)
    still = or_(*(col(BatchJob.state) == state for state in states))
    return list(session.exec(select(BatchJob.key).where(still)))


@dataclass(frozen=True)
class CalibrationRow:
    """A line of the list of calibrations."""

    proposal: int
    run: int
    request: int
    state: CalibrationState
    kind: str
    requested_by: str
    requested_at: datetime
    begin_at: datetime | None
    end_at: datetime | None
    reply: str
    executions: tuple[ExecutionView, ...] = ()
    reports: tuple[str, ...] = field(default=())


def calibrations(
    session: Session, number: int, run_number: int | None = None, limit: int = 200
) -> list[CalibrationRow]:
    """A proposal's or a run's requests, newest first."""
    proposal = proposal_row(session, number)
    query = (
        select(CalibrationRequest, Run.run_number)
        .join(Run, col(Run.id) == CalibrationRequest.run_id)
        .where(CalibrationRequest.proposal_id == proposal.id)
        .order_by(col(CalibrationRequest.id).desc())
        .limit(limit)
    )
    if run_number is not None:
        query = query.where(Run.run_number == run_number)
    return [
        CalibrationRow(
            number,
            run,
            row.id or 0,
            row.state,
            row.kind,
            row.requested_by,
            row.requested_at,
            row.begin_at,
            row.end_at,
            row.reply,
            executions_of(session, request=row.id),
            _reports(session, row.id or 0),
        )
        for row, run in session.exec(query).all()
    ]


def _reports(session: Session, request: int) -> tuple[str, ...]:
    rows = session.exec(
        select(Report)
        .join(Execution, col(Execution.id) == Report.execution_id)
        .where(Execution.request_id == request)
        .order_by(Report.name)
    )
    return tuple(f"{row.cal_report_path.rstrip('/')}/{row.name}" for row in rows)


def stuck_requests(session: Session, before: datetime) -> list[tuple[int, int]]:
    """Runs whose request should move on by itself and stands still since before that moment.

    Those wait for nobody: requested, or in progress with no open job.
    """
    at_work = (
        select(Execution.request_id)
        .join(BatchJob, col(BatchJob.execution_id) == Execution.id)
        .where(col(BatchJob.state).not_in(ENDED_JOBS | {JobState.PLANNED}))
        .where(col(Execution.request_id).is_not(None))
    )
    moving = (CalibrationState.REQUESTED, CalibrationState.IN_PROGRESS)
    rows = session.exec(
        select(Proposal.number, Run.run_number)
        .join(Run, col(Run.proposal_id) == Proposal.id)
        .join(CalibrationRequest, col(CalibrationRequest.run_id) == Run.id)
        .where(col(CalibrationRequest.state).in_(moving))
        .where(CalibrationRequest.state_since < before)
        .where(col(CalibrationRequest.id).not_in(at_work))
        .order_by(col(CalibrationRequest.state_since))
        .limit(500)
    )
    return [(number, run) for number, run in rows]
