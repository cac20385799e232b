"""The portal as a Prefect task; a retry helps only where the error says so."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from policies.errors import BeamkeeperError
from policies.portal_export import Export
from settings.portal import PortalSettings
from tasks.portal.client import HttpPortal


def worth_a_retry(_task: Any, _run: Any, state: Any) -> bool:  # noqa: ANN401 - Prefect's signature
    """Whether the failure behind a state may pass by itself."""
    try:
        state.result()
    except BeamkeeperError as error:
        return error.retry
    except Exception:  # noqa: BLE001 - an error nobody foresaw: show it now, do not repeat it
        return False
    return False


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
