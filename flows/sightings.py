"""What the cluster says of jobs, for the catalog and for people."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from policies.batch import Judgement, after_reading
from tasks import storage
from tasks.batch import Batch, JobSeen, ended, last_words
from tasks.records import calibration
from tasks.records.calibration import ExecutionView, Sighting

KILLED = frozenset({"0:9", "0:15"})
"""Ends after which the output says more than SLURM does."""


def look(cluster: Batch, keys: Sequence[str]) -> dict[str, Sighting]:
    """What the cluster says of jobs, in one question; of forgotten ones what their scripts left.

    Raises:
        Unavailable: The cluster is silent: nothing is known, nothing changes.
    """
    found = {key: sighting(seen) for key, seen in cluster.look(keys).items()}
    killed = [key for key, seen in found.items() if seen.exit_code in KILLED]
    for place in calibration.places_of(killed) if killed else ():
        said = last_words(storage.offline().path(place.folder), place.key, place.tasks)
        seen = found[place.key]
        words = after_reading(Judgement(seen.state, seen.words), said).words
        found[place.key] = replace(seen, words=words)
    missing = [key for key in keys if key not in found]
    for place in calibration.places_of(missing) if missing else ():
        left = ended(storage.offline().path(place.folder), place.key, place.tasks)
        if left is not None:
            found[place.key] = sighting(left)
    return found


def sighting(seen: JobSeen) -> Sighting:
    """What the cluster says of a job, as the catalog keeps it."""
    return Sighting(
        seen.key,
        seen.job_id,
        seen.state,
        seen.words,
        seen.reason,
        seen.exit_code,
        seen.begin_at,
        seen.end_at,
        seen.elapsed_seconds,
    )


def rows(executions: Sequence[ExecutionView]) -> list[dict[str, Any]]:
    """Jobs as a table for the run's page."""
    return [
        {
            "detector": execution.karabo_id,
            "step": job.step,
            "job": job.job_id,
            "tasks": job.tasks,
            "state": str(job.state),
            "what": job.words,
            "begin": str(job.begin_at or ""),
            "seconds": job.elapsed_seconds,
        }
        for execution in executions
        for job in execution.jobs
    ] + [
        {
            "detector": execution.karabo_id,
            "step": "",
            "state": str(execution.state),
            "what": execution.words,
        }
        for execution in executions
        if execution.words
    ]


def metadata_rows(execution: ExecutionView) -> list[dict[str, Any]]:
    """An execution's jobs as its metadata file lists them."""
    return [
        {
            "job_id": job.job_id,
            "state": str(job.state),
            "begin_at": job.begin_at,
            "end_at": job.end_at,
            "elapsed_seconds": job.elapsed_seconds,
        }
        for job in execution.jobs
    ]
