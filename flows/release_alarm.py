"""An embargo that is over for a day while the data are closed is told to people."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.artifacts import table
from flows.outcome import Result, conduct
from policies.layout import proposal_folder
from policies.vocabulary import Work
from tasks.records import releases
from tasks.records.work import Working


@flow(name="release-alarm", flow_run_name="release-alarm")
def release_alarm() -> State[Any]:
    """Look for what should be open for more than a day, whatever the sweep did or did not do."""

    def body(_unit: Working) -> Result:
        late = releases.alarm()
        rows = [
            {"proposal": proposal_folder(o.proposal), "over since": f"{o.since:%F %H:%M} UTC",
             "last attempt": o.why or "none"}
            for o in late
        ]  # fmt: skip
        table("release-alarm", rows, "Embargo over, data closed")
        trouble = ("outcome:trouble",) if late else ()
        return Result(f"{len(late)} proposals should be open", tags=trouble)

    return conduct(Work.RELEASE_ALARM, body)
