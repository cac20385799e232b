"""Work that went nowhere is asked for again."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.artifacts import table
from flows.outcome import Result, conduct
from policies.vocabulary import Work
from tasks.records import sweeps
from tasks.records.work import Working


@flow(name="stuck-sweep", flow_run_name="stuck-sweep")
def stuck_sweep() -> State[Any]:
    """Find flows without an end and runs that do not move, and ask for them again.

    The engine may say Failed although the work is done, or Running although its worker is
    dead: the catalog's rows and leases decide here.
    """

    def body(_unit: Working) -> Result:
        swept = sweeps.sweep_lost() + sweeps.sweep_stuck()
        rows = [{"what": s.what, "outcome": s.outcome} for s in swept]
        table("stuck-sweep", rows, "What was stuck, and what was done about it")
        trouble = tuple({"outcome:trouble"} if any(s.trouble for s in swept) else ())
        return Result(f"{len(swept)} stuck", tags=trouble)

    return conduct(Work.STUCK_SWEEP, body)
