"""shifts and runs are assessed:The beamtime is reviewed."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Operator, ProposalNumber, Reason
from flows.moving import move
from flows.outcome import Result, conduct
from policies.vocabulary import BeamtimeEvent, Work
from tasks.records.work import Working


@flow(name="beamtime-review", flow_run_name="p{proposal:06d} review")
def beamtime_review(
    proposal: ProposalNumber, operator: Operator = "", reason: Reason = ""
) -> State[Any]:
    """Finished ⇒ Reviewed.

    Args:
        proposal: Proposal number.
        operator: Your account name; empty when the system asks.
        reason: Only needed to pass a guard as administrator.
    """

    def body(_unit: Working) -> Result:
        return move(proposal, BeamtimeEvent.REVIEW, operator, reason)

    return conduct(Work.BEAMTIME_REVIEW, body, proposal=proposal)
