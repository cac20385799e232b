"""The beamtime begins."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Operator, ProposalNumber, Reason
from flows.moving import conduct_move
from policies.vocabulary import BeamtimeEvent, Work


@flow(name="beamtime-start", flow_run_name="p{proposal:06d} start")
def beamtime_start(
    proposal: ProposalNumber, operator: Operator = "", reason: Reason = ""
) -> State[Any]:
    """Ready ⇒ Active: the instrument's one active proposal.

    Args:
        proposal: Proposal number.
        operator: Your account name; empty when the system asks.
        reason: Only needed to pass a guard as administrator.
    """
    return conduct_move(Work.BEAMTIME_START, BeamtimeEvent.START, proposal, operator, reason)
