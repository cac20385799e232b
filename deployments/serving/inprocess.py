"""Flow runs as threads of one long-lived worker: the fastest start there is.

The price: a cancel is not delivered before the flow's end, a crash of the interpreter
takes all its runs along, and code is as old as the worker. For short flows only.
"""

import abc
import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.abc
import anyio.to_thread
from prefect.flow_engine import run_flow
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorkerResult

from deployments.serving.draining import DrainingWorker
from policies.errors import Conflict

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, State


class InProcessResult(BaseWorkerResult):
    """How a run in a thread ended."""


class InProcessWorker(DrainingWorker, abc.ABC):
    """Worker of a pool of type `inprocess`."""

    type = "inprocess"
    job_configuration = BaseJobConfiguration
    job_configuration_variables = BaseVariables
    _display_name = "In process"
    _description = "Runs flows as threads of one long-lived worker. For short flows."

    async def run(
        self,
        flow_run: "FlowRun",
        configuration: BaseJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> InProcessResult:
        """Execute one claimed run in a thread.

        Raises:
            Conflict: The run is not *Pending*: it was started, cancelled or ended meanwhile.
        """
        status = task_status or anyio.TASK_STATUS_IGNORED
        current = await self.client.read_flow_run(flow_run.id)
        if current.state is None or not current.state.is_pending():
            raise Conflict(f"flow run {flow_run.id} is {current.state}, not Pending")
        self.active[flow_run.id] = current
        identifier = f"thread:{flow_run.id}"
        status.started(identifier)
        try:
            # Threads of our own limiter: the shared one serves the worker's own calls.
            state = await anyio.to_thread.run_sync(
                partial(_execute, current, await self._entrypoint(current)),
                limiter=anyio.CapacityLimiter(1),
                abandon_on_cancel=True,
            )
        finally:
            self.active.pop(flow_run.id, None)
        # A failed flow is a result of the flow, not of the worker.
        return InProcessResult(status_code=0 if state is not None else 1, identifier=identifier)

    async def end_run(self, flow_run: "FlowRun") -> None:
        """Nothing can end a thread; the process exits right after the drain."""

    async def _entrypoint(self, flow_run: "FlowRun") -> str:
        if flow_run.deployment_id is None:
            raise Conflict(f"flow run {flow_run.id} belongs to no deployment")
        deployment = await self.client.read_deployment(flow_run.deployment_id)
        if not deployment.entrypoint:
            raise Conflict(f"deployment {deployment.name} has no entrypoint")
        return deployment.entrypoint


def _execute(flow_run: "FlowRun", entrypoint: str) -> "State[Any] | None":
    """Load the flow (cached by the interpreter) and run it in this thread."""
    flow: Flow[Any, Any] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    state = run_flow(flow, flow_run=flow_run, parameters=flow_run.parameters, return_type="state")
    return cast("State[Any] | None", asyncio.run(state) if inspect.iscoroutine(state) else state)
