"""Every night: what is due is opened, unless something looks wrong."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.outcome import Result, conduct
from policies.vocabulary import Work
from tasks.records import releases
from tasks.records.work import Working


@flow(name="release-sweep", flow_run_name="release-sweep")
def release_sweep() -> State[Any]:
    """Ask for the opening of everything that is due; each proposal opens by itself.

    Too many, too much, or a clock that jumped stop the round before anything opens; then
    release-confirm lets it go on.
    """

    def body(_unit: Working) -> Result:
        found = releases.begin_round()
        if found.stopped:
            return Result(f"stopped for a person: {found.stopped}", "Stopped", ("outcome:trouble",))
        asked, parts = releases.ask_round(found)
        return Result(f"asked to open {asked} proposals and {parts} parts")

    return conduct(Work.RELEASE_SWEEP, body)
