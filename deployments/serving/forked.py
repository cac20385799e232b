"""Flow runs in processes forked from a warm one: isolated, cancellable and quick to start.

The stock process worker pays for two fresh interpreters per run. This one serves the same
pools (type `process`) and keeps its crash reports, hooks and cancel, but its starter forks
the run from `nursery`. Where a run needs what a fork cannot give (pull steps, a command of
its own) the stock way is taken.
"""

import abc
import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import anyio
import anyio.abc
import anyio.to_thread
from prefect.client.schemas.objects import FlowRun
from prefect.flows import load_flow_from_flow_run
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle, create_isolated_termination_scope
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments.serving.draining import DrainingWorker
from deployments.serving.nursery import start_child, warm_context, warm_up

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

GRACE_SECONDS = 10.0
"""How long a flow may clean up after SIGTERM before it is killed."""


class ForkedWorker(DrainingWorker, ProcessWorker, abc.ABC):
    """A process worker whose runs start in forked children.

    Args:
        preload: Dotted names of flow modules to import before the first run.
    """

    def __init__(self, *args: Any, preload: Sequence[str] = (), **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._nursery: ForkServerContext = warm_context(preload)
        self._executors = FlowRunExecutorContext()

    async def __aenter__(self) -> Self:
        """Warm up, open the shared cancel observer, then start as any worker."""
        await anyio.to_thread.run_sync(warm_up, self._nursery)
        await self._executors.__aenter__()
        try:
            await super().__aenter__()
        except BaseException as error:
            await self._executors.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(self, *exc_info: Any) -> None:  # noqa: ANN401
        """Stop as any worker, then close the shared parts."""
        try:
            await super().__aexit__(*exc_info)
        finally:
            await self._executors.__aexit__(*exc_info)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Execute one claimed run; blocks until its process is gone."""
        self.active[flow_run.id] = flow_run
        try:
            if _needs_interpreter(configuration):
                return await ProcessWorker.run(self, flow_run, configuration, task_status)
            return await self._run_forked(flow_run, configuration, task_status)
        finally:
            self.active.pop(flow_run.id, None)

    async def _run_forked(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None,
    ) -> ProcessWorkerResult:
        starter = _ForkStarter(self._nursery, configuration, self._executors)
        executor = self._executors.create_executor(
            flow_run, starter, resolve_flow=load_flow_from_flow_run, propose_submitting=False
        )
        status = task_status or anyio.TASK_STATUS_IGNORED
        async with anyio.create_task_group() as group:
            handle: ProcessHandle = await group.start(executor.submit)
            status.started(handle.pid or 0)
        return ProcessWorkerResult(status_code=handle.returncode or 0, identifier=str(handle.pid))

    async def end_run(self, flow_run: FlowRun) -> None:
        """Ask the run's process to end, then kill it."""
        await self._executors.process_manager.kill(flow_run.id, grace_seconds=GRACE_SECONDS)


class _ForkStarter:
    """Starts one run in a forked child; see Prefect's protocol `ProcessStarter`."""

    def __init__(
        self,
        nursery: "ForkServerContext",
        configuration: ProcessJobConfiguration,
        executors: FlowRunExecutorContext,
    ) -> None:
        self._nursery = nursery
        self._configuration = configuration
        self._channel = executors.control_channel

    async def start(
        self,
        flow_run: FlowRun,
        task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        port, token = self._channel.register(flow_run.id)
        environment: dict[str, str | None] = {
            **self._configuration.env,
            "PREFECT__FLOW_RUN_ID": str(flow_run.id),
            "PREFECT__FLOW_ENTRYPOINT": _deployment(self._configuration).entrypoint,
            # The worker runs these hooks; the child must not run them a second time.
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
            "PREFECT__CONTROL_PORT": str(port),
            "PREFECT__CONTROL_TOKEN": token,
        }
        folder = str(self._configuration.working_dir or os.getcwd())  # noqa: PTH109
        try:
            process = await anyio.to_thread.run_sync(
                start_child, self._nursery, environment, folder
            )
        except BaseException:
            self._channel.unregister(flow_run.id)
            raise
        await _own_group(process.pid or 0)
        scope = create_isolated_termination_scope(process.pid or 0)
        # The handle only reads `pid` and `exitcode`, which both kinds of process have.
        task_status.started(ProcessHandle(process, termination_scope=scope))  # type: ignore[arg-type]
        await anyio.wait_readable(process.sentinel)
        await anyio.to_thread.run_sync(process.join)


def _deployment(configuration: ProcessJobConfiguration) -> Any:  # noqa: ANN401
    return configuration._related_objects.get("deployment")  # noqa: SLF001


def _needs_interpreter(configuration: ProcessJobConfiguration) -> bool:
    """Return whether a run asks for something that only a fresh interpreter gives."""
    deployment = _deployment(configuration)
    return (
        configuration._command_configured  # noqa: SLF001
        or deployment is None
        or bool(deployment.pull_steps)
        or not deployment.entrypoint
    )


async def _own_group(pid: int) -> None:
    """Wait until the child leads its own process group, so that a kill reaches all of it."""
    with contextlib.suppress(ProcessLookupError):
        while os.getpgid(pid) != pid:
            await anyio.sleep(0.002)
