"""The beamtime is reviewed: shifts and runs are assessed."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Operator, ProposalNumber, Reason
from flows.moving import conduct_move
from policies.vocabulary import BeamtimeEvent, Work


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
    return conduct_move(Work.BEAMTIME_REVIEW, BeamtimeEvent.REVIEW, proposal, operator, reason)
