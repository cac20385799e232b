"""The form that keeps raw data on disk, or lets them go after all."""

from enum import StrEnum
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Person, ProposalNumber, Reason
from flows.outcome import Result, conduct
from policies.layout import proposal_folder
from policies.vocabulary import ArchivalEvent, Work
from tasks.records import archival
from tasks.records.work import Working


class ArchivalAsk(StrEnum):
    """What can be asked of an archival."""

    VETO = "keep the raw data on disk"
    """Nothing moves until the veto is taken back."""
    LIFT_VETO = "take the veto back"
    """The team is told anew, the grace begins anew."""


EVENTS = {
    ArchivalAsk.VETO: ArchivalEvent.VETO,
    ArchivalAsk.LIFT_VETO: ArchivalEvent.LIFT_VETO,
}


@flow(name="archival-ask", flow_run_name="p{proposal:06d} {ask}")
def archival_ask(
    proposal: ProposalNumber, ask: ArchivalAsk, operator: Person, reason: Reason
) -> State[Any]:
    """Veto that raw data move to tape only, or take the veto back.

    Args:
        proposal: Proposal number.
        ask: What is to happen.
        operator: Your account name; it is for the principal investigator, data managers of the
            team and the administration.
        reason: Why. The history keeps it.
    """

    def body(_unit: Working) -> Result:
        state = archival.decide(proposal, EVENTS[ask], operator, reason)
        return Result(f"{proposal_folder(proposal)}: the archival is {state}")

    return conduct(Work.ARCHIVAL_ASK, body, proposal=proposal)
