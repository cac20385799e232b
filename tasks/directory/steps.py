"""The directory as Prefect tasks; a retry helps only where the error says so."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from settings.directory import DirectorySettings
from tasks import worth_a_retry
from tasks.directory.check import check_group as drift_of
from tasks.directory.ldap_directory import LdapDirectory
from tasks.directory.port import GroupSpec, GroupState


@task(
    name="directory-ensure-group",
    task_run_name="ensure group {spec.name}",
    tags=["system:directory"],
    retries=4,
    retry_delay_seconds=[2, 10, 30, 120],
    retry_jitter_factor=0.5,
    retry_condition_fn=worth_a_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def ensure_group(settings: DirectorySettings, spec: GroupSpec) -> GroupState:
    """Make one group be as given.

    Args:
        settings: Which directory.
        spec: The group as it should be.

    Raises:
        Unavailable, Denied, Mismatch, Conflict, Invalid: As `DirectoryPort.ensure_group`.
    """
    directory = LdapDirectory(settings)
    return directory.ensure_group(spec.name, spec.gid, spec.member_uids, spec.description)


@task(
    name="directory-check-group",
    task_run_name="check group {spec.name}",
    tags=["system:directory"],
    retries=4,
    retry_delay_seconds=[2, 10, 30, 120],
    retry_jitter_factor=0.5,
    retry_condition_fn=worth_a_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def check_group(settings: DirectorySettings, spec: GroupSpec) -> list[str]:
    """Differences between the directory and the given group, in words.

    Args:
        settings: Which directory.
        spec: The group as it should be.

    Raises:
        Unavailable, Denied: As `DirectoryPort.get_group`.
    """
    return drift_of(LdapDirectory(settings), spec)
