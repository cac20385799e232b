"""One form for everything else that an operator may ask."""

from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Person, ProposalNumber, Reason, RunNumber
from flows.outcome import Result, conduct
from policies import asking, layout
from policies.asking import Ask
from policies.errors import Refused
from policies.vocabulary import Work
from tasks.records import asked, beamtimes, runs
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
        ask: What is to happen. Steps back, reopening, aborting, overriding and accepting
            findings need a reason.
        operator: Your account name; what you may ask follows from your role on the proposal.
        run: Run number, for the choices that begin with "run".
        value: The number of delivered shifts, or the status for an override.
        reason: Why. The history keeps it.
    """

    def body(_unit: Working) -> Result:
        faults = asking.lacking(ask, run, value)
        if faults:
            raise Refused("; ".join(faults.values()), fields=faults)
        return Result(_ACTIONS[ask](_Form(proposal, ask, operator, run or 0, value, reason)))

    return conduct(Work.OPERATOR_ASK, body, proposal=proposal, run=run)


class _Form:
    """What was filled in."""

    def __init__(
        self, proposal: int, ask: Ask, operator: str, run: int, value: str, reason: str
    ) -> None:
        self.proposal, self.ask, self.operator = proposal, ask, operator
        self.run, self.value, self.reason = run, value, reason
        self.label = layout.run_label(proposal, run)


def _beamtime(form: _Form) -> str:
    event = asking.BEAMTIME[form.ask]
    move = beamtimes.advance(form.proposal, event, form.operator, form.reason)
    return f"{layout.proposal_folder(form.proposal)}: {move.source.label} ⇒ {move.target.label}"


def _override(form: _Form) -> str:
    target = asking.status(form.value)
    if target is None:
        raise Refused(f"value: {form.value!r} is no status", fields={"value": "a status"})
    move = beamtimes.override(form.proposal, target, form.operator, form.reason)
    folder = layout.proposal_folder(form.proposal)
    return f"{folder}: {move.source.label} ⇒ {move.target.label} (override)"


def _shifts(form: _Form) -> str:
    if not form.value.strip().isdigit():
        raise Refused("value: the number of delivered shifts is a whole number")
    beamtimes.fill_shifts(form.proposal, int(form.value), form.operator)
    return f"{layout.proposal_folder(form.proposal)}: {form.value} delivered shifts"


def _abort(form: _Form) -> str:
    move = runs.abort(form.proposal, form.run, form.operator, form.reason)
    return f"{form.label}: {move.source} ⇒ {move.target}"


def _retry(form: _Form) -> str:
    move = runs.retry_migration(form.proposal, form.run, form.operator, form.reason)
    return f"{form.label}: {move.source} ⇒ {move.target}"


def _accept(form: _Form) -> str:
    count = runs.resolve_findings(form.proposal, form.run, form.operator, form.reason)
    return f"{form.label}: {count} blocking findings accepted"


def _inspect(form: _Form) -> str:
    asked.ask_run(Work.RUN_CLOSED, form.proposal, form.run, form.operator)
    return f"{form.label}: its files will be read again"


def _team(form: _Form) -> str:
    asked.ask_proposal(Work.TEAM_SYNC, form.proposal, form.operator)
    return f"{layout.proposal_folder(form.proposal)}: groups will be brought in line"


_ACTIONS: dict[Ask, Callable[[_Form], str]] = {
    Ask.BEAMTIME_STEP_BACK: _beamtime,
    Ask.BEAMTIME_REOPEN: _beamtime,
    Ask.BEAMTIME_MAKE_READY: _beamtime,
    Ask.BEAMTIME_OVERRIDE: _override,
    Ask.SHIFTS: _shifts,
    Ask.RUN_ABORT: _abort,
    Ask.RUN_RETRY_MIGRATION: _retry,
    Ask.RUN_ACCEPT_FINDINGS: _accept,
    Ask.RUN_INSPECT_AGAIN: _inspect,
    Ask.TEAM_SYNC: _team,
}
