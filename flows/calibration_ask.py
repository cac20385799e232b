"""The form for calibrations: ask, repeat, cancel; one run or many; constants of darks."""

from collections.abc import Callable
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows import artifacts
from flows.calibration_forms import CalibrationAsk as Ask
from flows.deploying import deploy_constants
from flows.forms import Person, ProposalNumber, Reason
from flows.outcome import Result, conduct
from policies import layout
from policies.errors import BeamkeeperError, Refused
from policies.vocabulary import Work
from tasks.records import calibration, darks
from tasks.records.work import Working

Numbers = Annotated[list[Annotated[int, Field(ge=0, le=99_999)]], Field(min_length=1)]


@flow(name="calibration-ask", flow_run_name="p{proposal:06d} {ask}")
def calibration_ask(
    proposal: ProposalNumber,
    ask: Ask,
    runs: Numbers,
    operator: Person,
    detectors: list[str] | None = None,
    reason: Reason = "",
) -> State[Any]:
    """Ask for corrected data of runs, repeat or cancel it; use the constants of dark requests.

    Args:
        proposal: Proposal number.
        ask: What is to happen.
        runs: Run numbers, one or many; for the choices that begin with "dark" the numbers of
            dark requests.
        operator: Your account name.
        detectors: Karabo ids, for example MID_DET_AGIPD1M-1; left out: every detector.
        reason: Why. Cancelling needs it; the history keeps it.
    """

    def body(_unit: Working) -> Result:
        rows, refused = [], 0
        for number in sorted(set(runs)):
            try:
                words = ACTIONS[ask](proposal, number, operator, detectors or [], reason)
            except BeamkeeperError as error:
                refused, words = refused + 1, f"refused: {error.message}"
            rows.append({"number": number, "outcome": words})
        label = f"{layout.proposal_folder(proposal)} {ask}"
        artifacts.table(artifacts.slug(label), rows, f"{ask}: what became of each")
        if refused == len(rows):
            raise Refused("; ".join(f"{r['number']} {r['outcome']}" for r in rows[:20]))
        told = rows[0]["outcome"] if len(rows) == 1 else f"{len(rows) - refused} of {len(rows)}"
        return Result(f"{label}: {told}")

    return conduct(Work.CALIBRATION_ASK, body, proposal=proposal)


def _calibrate(proposal: int, run: int, operator: str, detectors: list[str], reason: str) -> str:
    asked = calibration.request(proposal, run, operator, detectors, reason)
    how = "" if asked.changed else ", it was open already"
    return f"{layout.run_folder(run)}: request {asked.request}, {asked.state.label}{how}"


def _repeat(proposal: int, run: int, operator: str, _detectors: list[str], reason: str) -> str:
    asked = calibration.repeat(proposal, run, operator, reason)
    which = ", ".join(asked.detectors) or "every detector"
    return f"{layout.run_folder(run)}: request {asked.request} for {which}, {asked.state.label}"


def _cancel(proposal: int, run: int, operator: str, _detectors: list[str], reason: str) -> str:
    return f"{layout.run_folder(run)}: {calibration.cancel(proposal, run, operator, reason).label}"


def _deploy(proposal: int, number: int, operator: str, _d: list[str], reason: str) -> str:
    return deploy_constants(proposal, number, operator, reason)


def _cancel_dark(proposal: int, number: int, operator: str, _d: list[str], reason: str) -> str:
    state = darks.cancel(proposal, number, operator, reason)
    return f"dark request {number}: {state.label}"


ACTIONS: dict[Ask, Callable[[int, int, str, list[str], str], str]] = {
    Ask.CALIBRATE: _calibrate,
    Ask.REPEAT: _repeat,
    Ask.CANCEL: _cancel,
    Ask.DEPLOY_CONSTANTS: _deploy,
    Ask.CANCEL_DARK: _cancel_dark,
}
"""What each choice does with one run or dark request; answers with a sentence."""
