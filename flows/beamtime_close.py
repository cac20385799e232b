"""The proposal is frozen: its folders lose every write bit."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Operator, ProposalNumber, Reason
from flows.moving import conduct_move
from policies.vocabulary import BeamtimeEvent, Work


@flow(name="beamtime-close", flow_run_name="p{proposal:06d} close")
def beamtime_close(
    proposal: ProposalNumber, operator: Operator = "", reason: Reason = ""
) -> State[Any]:
    """Reviewed ⇒ Closed.

    Args:
        proposal: Proposal number.
        operator: Your account name; empty when the system asks.
        reason: Only needed to pass a guard as administrator.
    """
    return conduct_move(Work.BEAMTIME_CLOSE, BeamtimeEvent.CLOSE, proposal, operator, reason)
