"""What both kinds of worker share: one claim per run, and a stop that lets work end.

A stock worker that gets SIGTERM kills its flows and leaves their runs *Running* for ever.
Ours stops taking runs, waits for those it has, and reports what is left as *Crashed* with
a sentence, so that nobody reads a state that is not true.
"""

import abc
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
from prefect.states import Crashed
from prefect.workers.base import BaseWorker

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

STEP_SECONDS = 0.1
"""Pause between two looks at what is still running."""


class DrainingWorker(BaseWorker[Any, Any, Any], abc.ABC):
    """A worker that claims a run only while it waits, and that can be drained.

    Attributes:
        taking: Whether new runs are taken; False from the start of a drain.
        active: Runs that are being executed now.
        hurried: Set by a second signal: the drain waits no longer.
    """

    taking: bool = True
    hurried: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.active: dict[UUID, FlowRun] = {}

    async def get_and_submit_flow_runs(self) -> list["FlowRun"]:
        """Poll once; takes nothing during a drain."""
        if not self.taking:
            return []
        return await super().get_and_submit_flow_runs()

    async def _propose_pending_state(self, flow_run: "FlowRun") -> bool:
        """Claim the run, only if it still waits to be started.

        The server would let a run go from *Completed* back to *Pending*; a worker that
        polled the run before another one finished it must not execute it again.
        """
        now = await self.client.read_flow_run(flow_run.id)
        if now.state is None or not now.state.is_scheduled():
            self._logger.info("Flow run %s is taken: %s", flow_run.id, now.state)
            return False
        return await super()._propose_pending_state(flow_run)

    @property
    def busy(self) -> bool:
        """Whether a run is claimed or executed."""
        return bool(self.active or self._submitting_flow_run_ids)

    async def drain(self, seconds: float) -> int:
        """Take no more runs, wait, then end what is left.

        Args:
            seconds: How long running flows may go on.

        Returns:
            The number of runs that had to be ended.
        """
        self.taking = False
        end = time.monotonic() + seconds
        while self.busy and time.monotonic() < end and not self.hurried:
            await anyio.sleep(STEP_SECONDS)
        left = list(self.active.values())
        for flow_run in left:
            await self.end_run(flow_run)
            await self.report_crashed(
                flow_run,
                f"Worker {self.name} was stopped and the run did not end within "
                f"{seconds:.0f} s; what it had recorded in the catalog stands, "
                "the rest will be asked for again.",
            )
        return len(left)

    @abc.abstractmethod
    async def end_run(self, flow_run: "FlowRun") -> None:
        """Make sure that no code of this run goes on, as far as this kind can."""

    async def report_crashed(self, flow_run: "FlowRun", sentence: str) -> None:
        """Set the run *Crashed* with the sentence unless it ended by itself."""
        now = await self.client.read_flow_run(flow_run.id)
        if now.state is not None and now.state.is_final() and not now.state.is_crashed():
            return
        await self.client.set_flow_run_state(flow_run.id, Crashed(message=sentence), force=True)
