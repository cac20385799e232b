"""Raw data go to tape only: planned, announced, and begun when the grace is over."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.artifacts import table
from flows.outcome import Result, conduct
from policies.layout import proposal_folder
from policies.vocabulary import Work
from tasks.records import archival
from tasks.records.work import Working


@flow(name="archival-sweep", flow_run_name="archival-sweep")
def archival_sweep() -> State[Any]:
    """Plan archivals, tell the teams in time, begin what nobody objected to.

    One proposal that does not fit never stops the others.
    """

    def body(_unit: Working) -> Result:
        swept = archival.sweep()
        rows = [{"proposal": proposal_folder(s.proposal), "outcome": s.outcome} for s in swept]
        table("archival-sweep", rows, "Raw data on their way to tape only")
        trouble = tuple({"outcome:trouble"} if any(s.trouble for s in swept) else ())
        return Result(f"{len(swept)} proposals", tags=trouble)

    return conduct(Work.ARCHIVAL_SWEEP, body)
