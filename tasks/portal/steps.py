"""The portal as a Prefect task; a retry helps only where the error says so."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from policies.portal_export import Export
from settings.portal import PortalSettings
from tasks import worth_a_retry
from tasks.portal.client import HttpPortal


@task(
    name="portal-export",
    task_run_name="read the portal's export",
    tags=["system:portal"],
    retries=3,
    retry_delay_seconds=[5, 30, 120],
    retry_jitter_factor=0.5,
    retry_condition_fn=worth_a_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def portal_export(settings: PortalSettings) -> Export:
    """Read the whole export.

    Raises:
        Unavailable, Denied, Invalid, Mismatch: As `PortalPort.export`.
    """
    with HttpPortal(settings) as portal:
        return portal.export()
