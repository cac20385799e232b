"""Starting flows as an operator does, and waiting for their end."""

import time
from typing import Any

from deployments.serving.rest import EngineApi

ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Operator:
    """Somebody who fills in forms.

    Args:
        api: The flow engine.
    """

    def __init__(self, api: EngineApi) -> None:
        self._api = api

    def start(self, work: str, **parameters: Any) -> str:  # noqa: ANN401
        """Submit a form; answers the flow run's id."""
        deployment = self._api.get(f"deployments/name/{work}/{work}")
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        run = self._api.post(f"deployments/{deployment['id']}/create_flow_run", body)
        return str(run["id"])

    def wait(self, run_id: str, seconds: float = 180) -> dict[str, Any]:
        """Wait for the end of a flow run.

        Raises:
            TimeoutError: It does not end.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            run: dict[str, Any] = self._api.get(f"flow_runs/{run_id}")
            if run["state_type"] in ENDS:
                return run
            time.sleep(0.2)
        raise TimeoutError(f"flow run {run_id} does not end")

    def do(self, work: str, **parameters: Any) -> tuple[str, str]:  # noqa: ANN401
        """Submit a form and wait; answers state name and message."""
        run = self.wait(self.start(work, **parameters))
        return run["state_name"], run["state"]["message"] or ""
