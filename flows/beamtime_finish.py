"""no more runs:The beamtime ends."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Operator, ProposalNumber, Reason
from flows.moving import move
from flows.outcome import Result, conduct
from policies.vocabulary import BeamtimeEvent, Work
from tasks.records.work import Working


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

    def body(_unit: Working) -> Result:
        return move(proposal, BeamtimeEvent.FINISH, operator, reason)

    return conduct(Work.BEAMTIME_FINISH, body, proposal=proposal)
