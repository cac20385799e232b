"""Executions and the names of their jobs: on record first, then submitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from catalog.commands import leases
from catalog.commands.calibration import demand_open
from catalog.commands.calibration_steps import fail, over, place_of, see
from catalog.commands.calibration_write import (
    by_system,
    move_execution,
    move_request,
)
from catalog.commands.journal import ask, record
from catalog.commands.leases import Held
from catalog.queries.calibration_list import open_jobs
from catalog.queries.find import run_row
from catalog.tables.calibration import BatchJob, DarkRun, Execution
from policies import calibration as rules
from policies import reservation
from policies.actor import SYSTEM
from policies.calibration import CalibrationFacts
from policies.errors import Missing
from policies.vocabulary import (
    CalibrationEvent,
    CalibrationState,
    ExecutionEvent,
    ExecutionState,
    JobEvent,
    JobState,
    RunState,
    Subject,
    Work,
)

_ENDS = {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST}
_CHUNK = 500


@dataclass(frozen=True)
class PlannedJob:
    """A job that is to be submitted.

    Attributes:
        key: Its name on the cluster.
        step: What it does, one word.
        command: Program and arguments.
        tasks: Size of the array.
        minutes: Time limit.
        memory_mb: Memory per node, MiB; 0: what the partition gives by itself.
    """

    key: str
    step: str
    command: tuple[str, ...]
    tasks: int
    minutes: int
    memory_mb: int = 0


@dataclass(frozen=True)
class PlannedExecution:
    """One detector of a request.

    Attributes:
        key: Name of its first job.
        karabo_id: The detector.
        detector_type: Its type.
        folder: Where the result is written first.
        report_path: Where the report goes, empty: none.
        partition: Where the jobs run.
        reservation: Reservation that they use, empty: none.
        job: The job file.
        jobs: Its jobs in order; each waits for the one before.
        fault: Why it cannot be done; empty: it can.
    """

    key: str
    karabo_id: str
    detector_type: str
    folder: str = ""
    report_path: str = ""
    partition: str = ""
    reservation: str = ""
    job: Mapping[str, Any] = field(default_factory=dict)
    jobs: tuple[PlannedJob, ...] = ()
    fault: str = ""


def begin(
    session: Session,
    number: int,
    run_number: int,
    planned: Sequence[PlannedExecution],
    held: Held,
    now: datetime,
) -> CalibrationState:
    """Put a request's executions and the names of their jobs on record, before any is submitted.

    Without executions the run has nothing to calibrate and the request is over.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Missing: No request is open.
        Refused: It is not due, or the run is not migrated.
    """
    leases.check(session, held, now)
    place = run_row(session, number, run_number)
    row = demand_open(session, place[1], number)
    facts = CalibrationFacts(migrated=place[1].state is RunState.MIGRATED)
    event = CalibrationEvent.BEGIN if planned else CalibrationEvent.FIND_NOTHING
    details = {"detectors": [p.karabo_id for p in planned]}
    move_request(session, place, row, event, facts, by_system(now), details)
    if not planned:
        row.end_at, row.reply = now, rules.NO_DETECTOR
        place[1].cal_pipeline_reply = row.reply
        return row.state
    row.begin_at = place[1].cal_last_begin_at = now
    place[1].cal_last_end_at = None
    for plan in planned:
        execution = _put(session, plan, now, request_id=row.id)
        if plan.fault:
            fail(session, (number, run_number), execution, plan.fault, now)
    session.flush()
    over(session, execution, now)
    return row.state


def put_dark(session: Session, dark_run: DarkRun, plan: PlannedExecution, now: datetime) -> None:
    """Put a dark request's execution on record; for `catalog.commands.dark_work`."""
    _put(session, plan, now, dark_run_id=dark_run.id)


def _watch(session: Session, key: str, now: datetime) -> None:
    """Ask for somebody to look at the cluster, when nobody has a reason to yet."""
    busy = session.exec(select(BatchJob.id).where(open_jobs()).limit(1)).first()
    if busy is None:
        ask(session, Work.BATCH_WATCH, key=f"{Work.BATCH_WATCH}:{key}", now=now, parameters={})


def _put(
    session: Session,
    plan: PlannedExecution,
    now: datetime,
    *,
    request_id: int | None = None,
    dark_run_id: int | None = None,
) -> Execution:
    if plan.jobs:
        _watch(session, plan.key, now)
    execution = Execution(
        key=plan.key,
        request_id=request_id,
        dark_run_id=dark_run_id,
        karabo_id=plan.karabo_id,
        detector_type=plan.detector_type,
        state_since=now,
        folder=plan.folder,
        report_path=plan.report_path,
        partition=plan.partition,
        reservation=plan.reservation,
        job=dict(plan.job),
        created_at=now,
    )
    session.add(execution)
    session.flush()
    for job in plan.jobs:
        session.add(
            BatchJob(
                execution_id=execution.id or 0,
                key=job.key,
                step=job.step,
                tasks=job.tasks,
                minutes=job.minutes,
                memory_mb=job.memory_mb,
                command=list(job.command),
                state_since=now,
            )
        )
    session.flush()
    return execution


def submitted(session: Session, key: str, job_id: str, held: Held, now: datetime) -> None:
    """The cluster has a job, and said its number.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Missing: No such job.
    """
    leases.check(session, held, now)
    job, execution = _job(session, key)
    job.job_id, job.submitted_at = job_id, job.submitted_at or now
    if job.state is JobState.PLANNED:
        see(job, JobEvent.QUEUE, now)
    session.flush()
    states = session.exec(select(BatchJob.state).where(BatchJob.execution_id == execution.id))
    if execution.state is ExecutionState.PLANNED and JobState.PLANNED not in set(states):
        move_execution(
            session, place_of(session, execution), execution, ExecutionEvent.SUBMIT, by_system(now)
        )


def leave_reservation(session: Session, key: str, why: str, held: Held, now: datetime) -> None:
    """The cluster does not let a job into the beamtime's reservation: it goes where others go.

    Args:
        session: A writing session.
        key: Name of the job.
        why: What the cluster said.
        held: The caller's lease.
        now: When, aware.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Missing: No such job.
    """
    leases.check(session, held, now)
    _, execution = _job(session, key)
    number, run_number = place_of(session, execution)
    record(
        session,
        subject=Subject.EXECUTION,
        subject_id=execution.id or 0,
        proposal=number,
        run=run_number,
        event="leave-reservation",
        source=execution.reservation,
        target=execution.partition,
        actor=SYSTEM,
        now=now,
        reason=why,
        policy=reservation.VERSION,
    )
    execution.reservation = ""


def refuse(session: Session, key: str, why: str, held: Held, now: datetime) -> None:
    """An execution cannot be done: its job was refused or its result is wrong.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Missing: No such execution.
    """
    leases.check(session, held, now)
    execution = session.exec(select(Execution).where(Execution.key == key)).first()
    if execution is None:
        raise Missing(f"there is no execution {key}")
    for job in session.exec(select(BatchJob).where(BatchJob.execution_id == execution.id)):
        if job.state is JobState.PLANNED:
            see(job, JobEvent.FAIL, now)
            job.words = why
    session.flush()
    fail(session, place_of(session, execution), execution, why, now)
    over(session, execution, now)


def _job(session: Session, key: str) -> tuple[BatchJob, Execution]:
    job = session.exec(select(BatchJob).where(BatchJob.key == key)).first()
    if job is None:
        raise Missing(f"there is no batch job {key}")
    return job, session.get_one(Execution, job.execution_id)
