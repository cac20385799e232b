"""Lists of calibrations, and what of them is open or stands still."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from catalog.queries.calibration import ExecutionView, executions_of
from catalog.queries.find import proposal_row
from catalog.queries.sweeps import Stuck, unattended
from catalog.tables.calibration import (
    BatchJob,
    CalibrationRequest,
    Execution,
    Report,
)
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.calibration import STALE_REQUEST
from policies.vocabulary import CalibrationState, JobState, Work


def open_jobs() -> ColumnElement[bool]:
    """Jobs that are not over, in the words and the order of the index on them."""
    states = (JobState.PLANNED, JobState.QUEUED, JobState.RUNNING)
    return or_(*(col(BatchJob.state) == state for state in states))


def open_job_keys(session: Session) -> list[str]:
    """Names of every job that is not over."""
    return list(session.exec(select(BatchJob.key).where(open_jobs())))


@dataclass(frozen=True)
class JobPlace:
    """Where a job leaves its marks: its name, its folder as the catalog names it, its tasks."""

    key: str
    folder: str
    tasks: int


def places_of(session: Session, keys: Sequence[str]) -> list[JobPlace]:
    """Where these jobs leave their marks; those that nobody has submitted yet are left out."""
    rows = session.exec(
        select(BatchJob.key, Execution.folder, BatchJob.tasks)
        .join(Execution, col(Execution.id) == BatchJob.execution_id)
        .where(col(BatchJob.key).in_(keys), BatchJob.state != JobState.PLANNED)
        .order_by(BatchJob.key)
    )
    return [JobPlace(*row) for row in rows]


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


def stuck_calibrations(session: Session, now: datetime, limit: int = 500) -> list[Stuck]:
    """Runs whose request should move on by itself and stands still, with nobody at work on it.

    Those that wait for nobody: requested, or in progress with no job at the cluster.
    """
    moving = (CalibrationState.REQUESTED, CalibrationState.IN_PROGRESS)
    at_cluster = (
        select(Execution.request_id)
        .join(BatchJob, col(BatchJob.execution_id) == Execution.id)
        .where(or_(*(col(BatchJob.state) == s for s in (JobState.QUEUED, JobState.RUNNING))))
        .where(col(Execution.request_id).is_not(None))
    )
    query = (
        sa.select(
            col(Proposal.number),
            col(Run.run_number),
            col(Run.state),
            col(CalibrationRequest.state_since),
        )
        .join(Run, col(Run.proposal_id) == Proposal.id)
        .join(CalibrationRequest, col(CalibrationRequest.run_id) == Run.id)
        .where(or_(*(col(CalibrationRequest.state) == state for state in moving)))
        .where(col(CalibrationRequest.state_since) < now - STALE_REQUEST)
        .where(col(CalibrationRequest.id).not_in(at_cluster))
        .order_by(col(CalibrationRequest.state_since))
    )
    rows = unattended(session, query, Work.RUN_CALIBRATE, now, limit)
    return [Stuck(*row, "its calibration stands still", Work.RUN_CALIBRATE) for row in rows]
