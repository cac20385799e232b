"""The data of a proposal open, or a part of them: proved by a stranger, or closed as before."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows import release_steps as steps
from flows.forms import ProposalNumber
from flows.outcome import Result, conduct
from flows.release_back import demand_stranger, shut
from policies.errors import Denied, Mismatch, Missing, Refused
from policies.layout import proposal_folder
from policies.opening import Opening
from policies.vocabulary import ReleaseState, Work
from tasks.records import releases
from tasks.records.work import Working

PartId = Annotated[int, Field(ge=0)]
"""Row id of a part that opens by itself; 0: the whole proposal."""


@flow(name="release-one", flow_run_name="p{proposal:06d} open")
def release_one(proposal: ProposalNumber, part: PartId = 0) -> State[Any]:
    """Open what is due: sums, rights, a stranger reads; only then it is called open.

    Args:
        proposal: Proposal number.
        part: Part that opens by itself; 0: the whole proposal.
    """

    def body(unit: Working) -> Result:
        demand_stranger()
        try:
            found = releases.begin(proposal, part, unit.held)
        except Refused as no:
            if releases.state(proposal, part) is ReleaseState.OPENING:
                back(unit, proposal, part, no.message)
            raise
        return carry_out(unit, found)

    return conduct(Work.RELEASE_ONE, body, proposal=proposal)


def carry_out(unit: Working, found: Opening) -> Result:
    """Do and prove every step, or close everything as it was before."""
    label = proposal_folder(found.proposal)
    if found.state is ReleaseState.OPEN:
        return Result(f"{label} is open")
    try:
        steps.digests(unit, found)
        steps.rights(unit, found)
        steps.stranger(unit, found)
        releases.confirm(found, unit.held)
    except (Mismatch, Denied, Missing, Refused) as fault:
        back(unit, found.proposal, found.part, fault.message)
        words = f"{label} is closed as before: {fault.message}"
        return Result(words, "Stopped", ("outcome:trouble",))
    return Result(f"{label} is open: {len(found.groups)} data groups, read by a stranger")


def back(unit: Working, number: int, part: int, why: str) -> None:
    """Close everything as it was before, and say so."""
    groups, kept = releases.closing(number, part, failed=True)
    shut(unit, groups, kept, number)
    releases.close_again(number, part, unit.held, why)
