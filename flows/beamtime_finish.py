"""The beamtime ends: no more runs."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Operator, ProposalNumber, Reason
from flows.moving import conduct_move
from policies.vocabulary import BeamtimeEvent, Work


@flow(name="beamtime-finish", flow_run_name="p{proposal:06d} finish")
def beamtime_finish(
    proposal: ProposalNumber, operator: Operator = "", reason: Reason = ""
) -> State[Any]:
    """Active ⇒ Finished.

    Args:
        proposal: Proposal number.
        operator: Your account name; empty when the system asks.
        reason: Only needed to pass a guard as administrator.
    """
    return conduct_move(Work.BEAMTIME_FINISH, BeamtimeEvent.FINISH, proposal, operator, reason)
