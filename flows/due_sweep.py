"""What is due today is done today."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.artifacts import table
from flows.outcome import Result, conduct
from policies.vocabulary import Work
from tasks.records import sweeps
from tasks.records.work import Working


@flow(name="due-sweep", flow_run_name="due-sweep")
def due_sweep() -> State[Any]:
    """Drain obligations: reminders, retries, automatic assessment and transitions, rights that end.

    Automatic transitions happen only where the site's settings switch them on.
    """

    def body(_unit: Working) -> Result:
        swept = sweeps.sweep_due()
        rows = [{"what": s.what, "outcome": s.outcome} for s in swept]
        table("due-sweep", rows, "Obligations that were due")
        trouble = tuple({"outcome:trouble"} if any(s.trouble for s in swept) else ())
        return Result(f"{len(swept)} due", tags=trouble)

    return conduct(Work.DUE_SWEEP, body)
