"""Messages that wait are tried again."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.outcome import Result, conduct
from policies.vocabulary import Work
from tasks.records import sweeps
from tasks.records.work import Working


@flow(name="inbox-sweep", flow_run_name="inbox-sweep")
def inbox_sweep() -> State[Any]:
    """Try held messages of the DAQ again; what still cannot be applied stays held."""

    def body(_unit: Working) -> Result:
        counts = sweeps.sweep_inbox()
        said = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
        return Result(said or "nothing is held", data={"counts": counts})

    return conduct(Work.INBOX_SWEEP, body)
