"""The form about a release: closing, restricting, withdrawing, opening anew."""

from enum import StrEnum
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Person, ProposalNumber, Reason
from flows.outcome import Result, conduct
from flows.release_back import demand_stranger
from flows.release_one import PartId, carry_out
from policies.layout import proposal_folder
from policies.vocabulary import ReleaseEvent, Work
from tasks.records import releases
from tasks.records.work import Working


class ReleaseAsk(StrEnum):
    """What can be asked of a release."""

    RECLOSE = "close what is open: an incident"
    """Every public door closes at once, the files right after; the DOI keeps resolving."""
    REOPEN = "open anew what was closed"
    """Everything is proved again."""
    RESTRICT = "never open by date"
    """The reason begins with one that the policy knows, such as "personal data"."""
    LIFT = "lift the restriction"
    """The date counts again."""
    WITHDRAW = "withdraw for good"
    """A tombstone answers; this cannot be undone."""


EVENTS = {
    ReleaseAsk.RECLOSE: ReleaseEvent.RECLOSE,
    ReleaseAsk.RESTRICT: ReleaseEvent.RESTRICT,
    ReleaseAsk.LIFT: ReleaseEvent.LIFT_RESTRICTION,
    ReleaseAsk.WITHDRAW: ReleaseEvent.WITHDRAW,
}


@flow(name="release-ask", flow_run_name="p{proposal:06d} {ask}")
def release_ask(
    proposal: ProposalNumber, ask: ReleaseAsk, operator: Person, reason: Reason, part: PartId = 0
) -> State[Any]:
    """Decide about the release of a proposal; for the administration.

    Args:
        proposal: Proposal number.
        ask: What is to happen.
        operator: Your account name.
        reason: Why. The history keeps it, and people are told.
        part: Part that had opened by itself; 0: the whole proposal.
    """

    def body(unit: Working) -> Result:
        if ask is ReleaseAsk.REOPEN:
            demand_stranger()
            return carry_out(unit, releases.begin_anew(proposal, part, unit.held, operator, reason))
        state = releases.decide(proposal, part, EVENTS[ask], operator, reason)
        return Result(f"{proposal_folder(proposal)}: the data are {state}")

    # Opening shares its unit of work with whoever opens or closes; deciding to close never waits.
    unit = Work.RELEASE_ONE if ask is ReleaseAsk.REOPEN else Work.RELEASE_ASK
    return conduct(unit, body, proposal=proposal)
