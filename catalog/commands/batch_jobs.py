"""What the cluster was seen to do: one look, one transaction for all open jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.commands.calibration_steps import fail, over, place_of, see
from catalog.commands.calibration_write import by_system, move_execution
from catalog.tables.calibration import BatchJob, Execution
from policies.executions import ENDED_JOBS, EVENT_OF
from policies.vocabulary import ExecutionEvent, ExecutionState, JobEvent, JobState

_CHUNK = 500
"""Keys in one question."""


@dataclass(frozen=True)
class Sighting:
    """What the cluster says of a job.

    Attributes:
        key: Its name.
        job_id: Its number.
        state: What that is in our words.
        words: The same for people.
        reason: The cluster's own word.
        exit_code: As the cluster writes it, for example `3:0`.
        begin_at: Begin, aware.
        end_at: End, aware.
        elapsed_seconds: Run time.
    """

    key: str
    job_id: str
    state: JobState
    words: str = ""
    reason: str = ""
    exit_code: str = ""
    begin_at: datetime | None = None
    end_at: datetime | None = None
    elapsed_seconds: int | None = None


@dataclass
class Saw:
    """What a look at the cluster changed.

    Attributes:
        open: Jobs that were asked about.
        changed: Jobs in another state than before, with words.
        over: Requests whose jobs are all over now.
    """

    open: int = 0
    changed: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)


def saw(
    session: Session,
    sightings: Mapping[str, Sighting],
    asked: Collection[str],
    now: datetime,
    lost_after: timedelta,
) -> Saw:
    """Take over what the cluster says of its jobs, in one transaction for all.

    A job that the cluster does not know is not lost at once: the controller may have restarted,
    or the job is being submitted.

    Args:
        session: A writing session.
        sightings: By job key; a key that is missing is not known there, and one that is `planned`
            left the queue while the accounting is silent: nothing new is known.
        asked: Keys that were asked about.
        now: When the cluster said so, aware.
        lost_after: How long a job may be unknown before it is lost.
    """
    told = Saw(open=len(asked))
    touched: dict[int, None] = {}
    for job in _open_jobs(session, asked):
        before = job.state
        if (seen := sightings.get(job.key)) is not None:
            _take(job, seen, now)
        elif job.state is not JobState.PLANNED:
            _miss(job, now, lost_after)
        if job.state is not before:
            told.changed.append(f"{job.key}: {job.state}" + (f", {job.words}" if job.words else ""))
            touched[job.execution_id] = None
    known = {key for key, seen in sightings.items() if seen.state is not JobState.PLANNED}
    _note_seen(session, [key for key in asked if key in known], now)
    for execution_id in touched:
        _settle(session, session.get_one(Execution, execution_id), now, told)
    return told


def _miss(job: BatchJob, now: datetime, lost_after: timedelta) -> None:
    job.missing_since = job.missing_since or now
    if now - job.missing_since >= lost_after:
        see(job, JobEvent.LOSE, now)
        job.words = "the cluster does not know this job any more"


def _note_seen(session: Session, keys: Sequence[str], now: datetime) -> None:
    session.flush()
    for start in range(0, len(keys), _CHUNK):
        session.connection().execute(
            sa.update(BatchJob)
            .where(col(BatchJob.key).in_(keys[start : start + _CHUNK]))
            .values(last_seen_at=now)
        )


def _open_jobs(session: Session, asked: Collection[str]) -> list[BatchJob]:
    keys = sorted(asked)
    found: list[BatchJob] = []
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        found += session.exec(
            select(BatchJob)
            .where(col(BatchJob.key).in_(part), col(BatchJob.state).not_in(ENDED_JOBS))
            .order_by(col(BatchJob.id))
        ).all()
    return found


def _take(job: BatchJob, seen: Sighting, now: datetime) -> None:
    if seen.state is JobState.PLANNED:
        # Neither the queue nor the accounting, which is silent, says anything: it is not missing.
        job.words, job.missing_since = seen.words, None
        return
    job.job_id = seen.job_id or job.job_id
    job.submitted_at = job.submitted_at or now
    job.words, job.reason, job.exit_code = seen.words, seen.reason, seen.exit_code
    job.begin_at, job.end_at = seen.begin_at, seen.end_at
    job.elapsed_seconds, job.missing_since = seen.elapsed_seconds, None
    if seen.state is not job.state:
        see(job, EVENT_OF[seen.state], now)


def drop(session: Session, keys: Collection[str], now: datetime) -> int:
    """Jobs that were cancelled before the cluster ever had them.

    Args:
        session: A writing session.
        keys: Their names; the cluster was asked and does not know them.
        now: When, aware.

    Returns:
        How many.
    """
    jobs = [job for job in _open_jobs(session, keys) if job.state is JobState.PLANNED]
    for job in jobs:
        see(job, JobEvent.CANCEL, now)
        job.words = "cancelled before it was submitted"
    session.flush()
    return len(jobs)


def _settle(session: Session, execution: Execution, now: datetime, told: Saw) -> None:
    """Say what an execution came to when its jobs are over, and ask for the request's end."""
    jobs = session.exec(
        select(BatchJob).where(BatchJob.execution_id == execution.id).order_by(col(BatchJob.id))
    ).all()
    if any(job.state not in ENDED_JOBS for job in jobs):
        return
    place = place_of(session, execution)
    if execution.state is ExecutionState.PLANNED:
        move_execution(session, place, execution, ExecutionEvent.SUBMIT, by_system(now))
    if execution.state is ExecutionState.AT_WORK:
        bad = next((job for job in jobs if job.state is not JobState.SUCCEEDED), None)
        if bad is None:
            move_execution(session, place, execution, ExecutionEvent.SUCCEED, by_system(now))
        else:
            fail(session, place, execution, f"{bad.step}: {bad.words or bad.state}", now)
    if (ended := over(session, execution, now)) is not None:
        told.over.append(ended)
