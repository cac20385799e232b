"""The files of what is not open any more are closed."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import ProposalNumber
from flows.outcome import Result, conduct
from flows.release_back import shut
from flows.release_one import PartId
from policies.layout import proposal_folder
from policies.vocabulary import Work
from tasks.records import releases
from tasks.records.work import Working


@flow(name="release-close", flow_run_name="p{proposal:06d} close its files")
def release_close(proposal: ProposalNumber, part: PartId = 0) -> State[Any]:
    """Take everybody's rights away and prove it as a stranger.

    The pages and all other public doors are closed already: they ask the catalog.

    Args:
        proposal: Proposal number.
        part: Part that had opened by itself; 0: the whole proposal.
    """

    def body(unit: Working) -> Result:
        groups, kept = releases.closing(proposal, part)
        closed = shut(unit, groups, kept, proposal)
        releases.closed(proposal, part, unit.held, closed)
        return Result(f"{proposal_folder(proposal)}: {closed} folders are closed")

    # The same unit of work as opening: one hand at a time changes everybody's rights.
    return conduct(Work.RELEASE_ONE, body, proposal=proposal)
