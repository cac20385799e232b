"""Run inspection as a Prefect task."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from policies.audit_facts import RunFacts
from tasks import worth_a_retry
from tasks.rawfiles import inspection


@task(
    name="rawfiles-inspect-run",
    task_run_name="inspect {folder}",
    tags=["system:storage"],
    retries=3,
    retry_delay_seconds=[2, 15, 60],
    retry_jitter_factor=0.5,
    retry_condition_fn=worth_a_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def inspect_run(folder: Path, file_timeout_s: float = inspection.FILE_TIMEOUT_S) -> RunFacts:
    """Look at a run folder; damaged files are facts.

    Args:
        folder: The run folder.
        file_timeout_s: Seconds that one file may take.

    Raises:
        Unavailable: The folder is missing or cannot be listed.
    """
    return inspection.inspect_run(folder, file_timeout_s=file_timeout_s)
