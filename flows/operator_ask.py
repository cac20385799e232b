"""One form for everything else that an operator may ask."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import ACTIONS, Form
from flows.forms import Person, ProposalNumber, Reason, RunNumber
from flows.outcome import Result, conduct
from policies import asking
from policies.asking import Ask
from policies.errors import Refused
from policies.vocabulary import Work
from tasks.records.work import Working


@flow(name="operator-ask", flow_run_name="p{proposal:06d} {ask}")
def operator_ask(
    proposal: ProposalNumber,
    ask: Ask,
    operator: Person,
    run: RunNumber | None = None,
    value: str = "",
    reason: Reason = "",
) -> State[Any]:
    """Ask for a lifecycle event that has no form of its own.

    Args:
        proposal: Proposal number.
        ask: What is to happen. Steps back, reopening, aborting, overriding, accepting
            findings and holds need a reason.
        operator: Your account name; what you may ask follows from your role on the proposal.
        run: Run number, for the choices that begin with "run".
        value: The number of delivered shifts, the status for an override, or the hold.
        reason: Why. The history keeps it.
    """

    def body(_unit: Working) -> Result:
        faults = asking.lacking(ask, run, value)
        if faults:
            raise Refused("; ".join(faults.values()), fields=faults)
        return Result(ACTIONS[ask](Form(proposal, ask, operator, run or 0, value, reason)))

    return conduct(Work.OPERATOR_ASK, body, proposal=proposal, run=run)
