"""The DAQ closed a run: read its files, register them, say what is odd."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.along import take_along
from flows.forms import ProposalNumber, RunNumber
from flows.inspection import show
from flows.looking import look
from flows.outcome import Result, conduct
from policies import layout
from policies.vocabulary import Work
from tasks.records.along import Turn
from tasks.records.work import Working


@flow(name="run-closed", flow_run_name="p{proposal:06d} r{run:04d}")
def run_closed(proposal: ProposalNumber, run: RunNumber) -> State[Any]:
    """Read a closed run's files, register them with digests and compare with the DAQ's word.

    What is odd becomes a finding on the run, never a crash. Run it again at any time: the
    same files change nothing. When many runs of a proposal close at once, a flow that was
    started for one of them goes on with those that wait, and lists them.

    Args:
        proposal: Proposal number.
        run: Run number.
    """

    def body(unit: Working) -> Result:
        seen = look(proposal, run, unit)
        show(proposal, run, seen.facts, seen.findings)
        return seen.result

    def other(turn: Turn) -> Result:
        return look(proposal, int(turn.item.parameters["run"]), turn.unit).result

    def others(result: Result) -> Result:
        name = layout.run_label(proposal, run)
        return take_along(Work.RUN_CLOSED, proposal, name, other).added_to(result)

    return conduct(Work.RUN_CLOSED, body, proposal=proposal, run=run, afterwards=others)
