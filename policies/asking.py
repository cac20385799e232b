"""What an operator may ask for in one form: every lifecycle event and the special actions."""

from dataclasses import dataclass
from enum import StrEnum

from policies.vocabulary import BeamtimeEvent, BeamtimeState, HoldKind, RunEvent


class Ask(StrEnum):
    """Choices of the form `operator-ask`."""

    BEAMTIME_STEP_BACK = "beamtime: step back"
    """One state back; needs a reason."""
    BEAMTIME_REOPEN = "beamtime: reopen"
    """Leave Closed; administrators only; needs a reason."""
    BEAMTIME_MAKE_READY = "beamtime: make ready"
    """Declare Ready when every step is green."""
    BEAMTIME_OVERRIDE = "beamtime: override status"
    """Set the status to `value`; administrators only; needs a reason."""
    SHIFTS = "beamtime: fill delivered shifts"
    """`value` is the number of delivered shifts."""
    RUN_ABORT = "run: abort"
    """Close a run by force that the DAQ never closed; needs a reason."""
    RUN_RETRY_MIGRATION = "run: retry migration"
    """Ask for a failed copy again."""
    RUN_ACCEPT_FINDINGS = "run: accept findings"
    """Take responsibility for findings that block the migration; needs a reason."""
    RUN_INSPECT_AGAIN = "run: inspect again"
    """Read the files once more."""
    SET_HOLD = "proposal: set hold"
    """Forbid what `value` forbids, `legal-hold` or `frozen`; administrators; needs a reason."""
    LIFT_HOLD = "proposal: lift hold"
    """Take the hold `value` away; administrators only; needs a reason."""
    PREFERRED_OUTPUT = "proposal: set preferred data output"
    """`value` is Raw or Processed; runs of a proposal that prefers Processed are calibrated by
    themselves."""
    TEAM_SYNC = "proposal: sync team"
    """Bring groups in line with the team now."""


@dataclass(frozen=True)
class Need:
    """What a choice needs in the form.

    Attributes:
        run: A run number.
        value: A value, and what it is.
    """

    run: bool = False
    value: str = ""


_HOLDS = "a hold: " + ", ".join(HoldKind)

NEEDS: dict[Ask, Need] = {
    Ask.BEAMTIME_STEP_BACK: Need(),
    Ask.BEAMTIME_REOPEN: Need(),
    Ask.BEAMTIME_MAKE_READY: Need(),
    Ask.BEAMTIME_OVERRIDE: Need(value="a status: " + ", ".join(s.label for s in BeamtimeState)),
    Ask.SHIFTS: Need(value="the number of delivered shifts"),
    Ask.RUN_ABORT: Need(run=True),
    Ask.RUN_RETRY_MIGRATION: Need(run=True),
    Ask.RUN_ACCEPT_FINDINGS: Need(run=True),
    Ask.RUN_INSPECT_AGAIN: Need(run=True),
    Ask.SET_HOLD: Need(value=_HOLDS),
    Ask.LIFT_HOLD: Need(value=_HOLDS),
    Ask.PREFERRED_OUTPUT: Need(value="Raw or Processed"),
    Ask.TEAM_SYNC: Need(),
}
"""What each choice needs."""

BEAMTIME: dict[Ask, BeamtimeEvent] = {
    Ask.BEAMTIME_STEP_BACK: BeamtimeEvent.STEP_BACK,
    Ask.BEAMTIME_REOPEN: BeamtimeEvent.REOPEN,
    Ask.BEAMTIME_MAKE_READY: BeamtimeEvent.MAKE_READY,
}
"""Choices that are events of the beamtime table."""

RUN: dict[Ask, RunEvent] = {
    Ask.RUN_ABORT: RunEvent.ABORT,
    Ask.RUN_RETRY_MIGRATION: RunEvent.RETRY_MIGRATION,
}
"""Choices that are events of the run table."""


def lacking(ask: Ask, run: int | None, value: str) -> dict[str, str]:
    """Fields that the choice needs and the form does not give: field → rule."""
    need = NEEDS[ask]
    faults = {}
    if need.run and run is None:
        faults["run"] = f"{ask} needs a run number"
    if need.value and not value.strip():
        faults["value"] = f"{ask} needs {need.value}"
    return faults


def status(value: str) -> BeamtimeState | None:
    """A status by its label or wire code, None when there is none like it."""
    wanted = value.strip().casefold()
    for state in BeamtimeState:
        if wanted in {state.label.casefold(), state.value.casefold()}:
            return state
    return None


def hold(value: str) -> HoldKind | None:
    """A kind of hold by its word, None when there is none like it."""
    wanted = value.strip().casefold().replace(" ", "-")
    return next((kind for kind in HoldKind if kind == wanted), None)


def preferred_output(value: str) -> str | None:
    """Wire code of `flg_preferred_data_output` by word or code, None when there is none like it."""
    return {"raw": "R", "r": "R", "processed": "P", "p": "P"}.get(value.strip().casefold())
