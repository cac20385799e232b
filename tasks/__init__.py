"""One sub-package per outside system."""

from typing import Any

from policies.errors import BeamkeeperError


def worth_a_retry(_task: Any, _run: Any, state: Any) -> bool:  # noqa: ANN401 - Prefect's signature
    """Whether the failure behind a task's state may pass by itself.

    Given to Prefect as `retry_condition_fn`: an error of ours says it, any other is shown now.
    """
    try:
        state.result()
    except BeamkeeperError as error:
        return error.retry
    except Exception:  # noqa: BLE001 - an error nobody foresaw: show it now, do not repeat it
        return False
    return False
