"""What the choices of `operator-ask` do; each answers with a sentence."""

from collections.abc import Callable

from policies import asking, layout
from policies.asking import Ask
from policies.errors import Refused
from policies.vocabulary import HoldKind, Work
from tasks.records import asked, beamtimes, runs


class Form:
    """What was filled in."""

    def __init__(
        self, proposal: int, ask: Ask, operator: str, run: int, value: str, reason: str
    ) -> None:
        self.proposal, self.ask, self.operator = proposal, ask, operator
        self.run, self.value, self.reason = run, value, reason
        self.label = layout.run_label(proposal, run)


def _beamtime(form: Form) -> str:
    event = asking.BEAMTIME[form.ask]
    move = beamtimes.advance(form.proposal, event, form.operator, form.reason)
    return f"{layout.proposal_folder(form.proposal)}: {move.source.label} ⇒ {move.target.label}"


def _override(form: Form) -> str:
    target = asking.status(form.value)
    if target is None:
        raise Refused(f"value: {form.value!r} is no status", fields={"value": "a status"})
    move = beamtimes.override(form.proposal, target, form.operator, form.reason)
    folder = layout.proposal_folder(form.proposal)
    return f"{folder}: {move.source.label} ⇒ {move.target.label} (override)"


def _shifts(form: Form) -> str:
    if not form.value.strip().isdigit():
        raise Refused("value: the number of delivered shifts is a whole number")
    beamtimes.fill_shifts(form.proposal, int(form.value), form.operator)
    return f"{layout.proposal_folder(form.proposal)}: {form.value} delivered shifts"


def _abort(form: Form) -> str:
    move = runs.abort(form.proposal, form.run, form.operator, form.reason)
    return f"{form.label}: {move.source} ⇒ {move.target}"


def _retry(form: Form) -> str:
    move = runs.retry_migration(form.proposal, form.run, form.operator, form.reason)
    return f"{form.label}: {move.source} ⇒ {move.target}"


def _accept(form: Form) -> str:
    count = runs.resolve_findings(form.proposal, form.run, form.operator, form.reason)
    return f"{form.label}: {count} blocking findings accepted"


def _inspect(form: Form) -> str:
    asked.ask_run(Work.RUN_CLOSED, form.proposal, form.run, form.operator)
    return f"{form.label}: its files will be read again"


def _set_hold(form: Form) -> str:
    beamtimes.set_hold(form.proposal, _hold(form), form.operator, form.reason)
    return f"{layout.proposal_folder(form.proposal)}: {_hold(form)} stands"


def _lift_hold(form: Form) -> str:
    beamtimes.lift_hold(form.proposal, _hold(form), form.operator, form.reason)
    return f"{layout.proposal_folder(form.proposal)}: {_hold(form)} lifted"


def _hold(form: Form) -> HoldKind:
    kind = asking.hold(form.value)
    if kind is None:
        raise Refused(f"value: {form.value!r} is no hold", fields={"value": "a hold"})
    return kind


def _prefer(form: Form) -> str:
    output = asking.preferred_output(form.value)
    if output is None:
        raise Refused(f"value: {form.value!r} is neither Raw nor Processed")
    beamtimes.prefer_output(form.proposal, output, form.operator, form.reason)
    return f"{layout.proposal_folder(form.proposal)}: prefers {form.value}"


def _team(form: Form) -> str:
    asked.ask_proposal(Work.TEAM_SYNC, form.proposal, form.operator)
    return f"{layout.proposal_folder(form.proposal)}: groups will be brought in line"


ACTIONS: dict[Ask, Callable[[Form], str]] = {
    Ask.BEAMTIME_STEP_BACK: _beamtime,
    Ask.BEAMTIME_REOPEN: _beamtime,
    Ask.BEAMTIME_MAKE_READY: _beamtime,
    Ask.BEAMTIME_OVERRIDE: _override,
    Ask.SHIFTS: _shifts,
    Ask.RUN_ABORT: _abort,
    Ask.RUN_RETRY_MIGRATION: _retry,
    Ask.RUN_ACCEPT_FINDINGS: _accept,
    Ask.RUN_INSPECT_AGAIN: _inspect,
    Ask.SET_HOLD: _set_hold,
    Ask.LIFT_HOLD: _lift_hold,
    Ask.PREFERRED_OUTPUT: _prefer,
    Ask.TEAM_SYNC: _team,
}
"""What each choice does."""
