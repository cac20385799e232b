"""The storage as Prefect tasks; a retry helps only where the error says so."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from policies.access import FolderPlan, Plan
from tasks import storage, worth_a_retry

_OPTIONS: dict[str, Any] = {
    "tags": ["system:storage"],
    "retries": 3,
    "retry_delay_seconds": [2, 15, 60],
    "retry_jitter_factor": 0.5,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@task(
    name="storage-ensure-folders",
    task_run_name="folders on {repository}",
    retry_condition_fn=worth_a_retry,
    **_OPTIONS,
)
def ensure_folders(repository: str, plan: Plan) -> int:
    """Make a proposal's folders and links exist; answers how many were made.

    Raises:
        Unavailable, Denied, Mismatch: As `StoragePort`.
    """
    return storage.storage(repository).ensure_folders(plan)


@task(
    name="storage-ensure-access",
    task_run_name="rights on {repository}",
    retry_condition_fn=worth_a_retry,
    **_OPTIONS,
)
def ensure_access(repository: str, plan: Plan) -> int:
    """Owners and ACLs as planned, read back; answers how many folders changed.

    Raises:
        Unavailable, Denied, Mismatch, Missing: As `StoragePort`.
    """
    return storage.storage(repository).ensure_access(plan)


@task(
    name="storage-freeze",
    task_run_name="freeze {folder.path}",
    retry_condition_fn=worth_a_retry,
    **_OPTIONS,
)
def freeze(repository: str, folder: FolderPlan) -> int:
    """Take every write bit off what is inside; answers how many entries changed.

    Raises:
        Unavailable, Denied, Mismatch, Missing: As `StoragePort`.
    """
    return storage.storage(repository).freeze(folder)


@task(
    name="storage-drift",
    task_run_name="check {repository}",
    retry_condition_fn=worth_a_retry,
    **_OPTIONS,
)
def drift(repository: str, plan: Plan) -> list[str]:
    """Differences between a plan and what is there, in words.

    Raises:
        Unavailable, Denied: As `StoragePort`.
    """
    return storage.storage(repository).drift(plan)
