"""Batch jobs of an execution: submitted once, cancelled, looked at."""

from collections.abc import Sequence
from dataclasses import replace

from flows.sightings import look
from policies.errors import Denied, Invalid, Refused
from policies.executions import ENDED_EXECUTIONS, ENDED_JOBS
from policies.vocabulary import ExecutionState, JobState
from tasks import results, storage
from tasks.batch import Batch, JobSpec
from tasks.records import calibration
from tasks.records.calibration import ExecutionView
from tasks.records.work import Working

UNCONFIGURED = "no batch system is configured: set batch in the settings"


def submit(executions: Sequence[ExecutionView], cluster: Batch, unit: Working) -> list[str]:
    """Submit every job that has no number yet; a job that is there already is adopted.

    Args:
        executions: Whose jobs.
        cluster: The batch system.
        unit: The caller's lease.

    Returns:
        What was done, a sentence per job.

    Raises:
        Unavailable: The cluster is silent: unknown whether it has the job, ask again.
    """
    told = []
    for execution in executions:
        if execution.state in ENDED_EXECUTIONS:
            continue
        try:
            told += _submit_one(execution, cluster, unit)
        except (Denied, Invalid, Refused) as error:
            calibration.refuse(execution.key, error.message, unit.held)
            told.append(f"{execution.key}: refused, {error.message}")
    return told


def _submit_one(execution: ExecutionView, cluster: Batch, unit: Working) -> list[str]:
    folder = storage.offline().path(execution.folder)
    results.prepare(folder, execution.job)
    told: list[str] = []
    after: tuple[str, ...] = ()
    inside = execution.reservation
    for job in execution.jobs:
        number = job.job_id
        if job.state is JobState.PLANNED:
            unit.check()
            spec = JobSpec(
                key=job.key,
                command=job.command,
                folder=str(folder),
                partition=execution.partition,
                minutes=job.minutes,
                memory_mb=job.memory_mb,
                tasks=job.tasks,
                reservation=inside,
                after=after,
            )
            number, inside = _put(spec, cluster, unit)
            calibration.submitted(job.key, number, unit.held)
            where = f"in {inside}" if inside else f"on {execution.partition}"
            told.append(f"{job.key}: job {number} {where}")
        after = (number,)
    return told


def _put(spec: JobSpec, cluster: Batch, unit: Working) -> tuple[str, str]:
    """Submit a job; answers its number and the reservation that took it.

    A reservation that is gone, or not for our account, holds no calibration up.
    """
    try:
        return cluster.submit(spec), spec.reservation
    except Denied as error:
        if not spec.reservation or "reservation" not in error.message.lower():
            raise
        calibration.leave_reservation(spec.key, error.message, unit.held)
    return cluster.submit(replace(spec, reservation="")), ""


def withdraw(executions: Sequence[ExecutionView], cluster: Batch | None) -> int:
    """Cancel the jobs of executions that were withdrawn; what runs by now is cancelled too.

    Returns:
        Number of jobs that were cancelled or will be seen so.
    """
    keys = [
        job.key
        for execution in executions
        if execution.state in {ExecutionState.CANCELLED, ExecutionState.FAILED}
        for job in execution.jobs
        if job.state not in ENDED_JOBS
    ]
    if not keys:
        return 0
    if cluster is None:
        return calibration.drop(keys)
    for key in keys:
        cluster.cancel(key)
    known = look(cluster, keys)
    calibration.drop([key for key in keys if key not in known])
    calibration.saw(known, list(known))
    return len(keys)
