"""Proposals and beamtimes."""

from datetime import datetime
from typing import Any

from catalog.commands import holds, preferences, proposals
from catalog.queries.proposals import proposal_view
from catalog.views import BeamtimeMove, ProposalView
from policies import permissions
from policies.access_table import Phase, phase_of
from policies.vocabulary import BeamtimeEvent, BeamtimeState, HoldKind, StepName, StepState
from tasks.records.base import actor, database, now


def proposal(number: int) -> ProposalView:
    """A proposal with its team and steps.

    Raises:
        Missing: No such proposal.
    """
    with database().read() as session:
        return proposal_view(session, number)


def phase(view: ProposalView) -> Phase:
    """The phase that rights on its folders follow now: time alone ends some of them."""
    return phase_of(view.state, now(), view.writable_until)


def moment() -> datetime:
    """The moment at which a step looks at dates, aware."""
    return now()


def demand(action: str, number: int, operator: str) -> None:
    """Refuse what the operator may not ask.

    Raises:
        Missing: No such proposal or account.
        Forbidden: Not the operator's to ask.
    """
    with database().read() as session:
        permissions.demand(action, actor(session, operator, number).roles)


def preview(number: int, event: BeamtimeEvent, operator: str, reason: str) -> BeamtimeMove:
    """What `advance` would do.

    Raises:
        Refused: The table says no.
    """
    with database().read() as session:
        who = actor(session, operator, number)
        return proposals.preview(session, number, event, who, now(), reason)


def advance(
    number: int, event: BeamtimeEvent, operator: str = "", reason: str = ""
) -> BeamtimeMove:
    """Move the beamtime one step.

    Raises:
        Refused: The table says no.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return proposals.advance(session, number, event, who, now(), reason)


def override(number: int, target: BeamtimeState, operator: str, reason: str) -> BeamtimeMove:
    """Set the status as an administrator.

    Raises:
        Refused: Not an administrator, no reason, or another proposal is Active.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return proposals.override(session, number, target, who, now(), reason)


def prefer_output(number: int, output: str, operator: str, reason: str) -> bool:
    """Say which data a proposal works with; answers whether this said something new.

    Raises:
        Forbidden: Not the operator's to ask.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return preferences.prefer_output(session, number, output, who, now(), reason)


def set_hold(number: int, kind: HoldKind, operator: str, reason: str) -> bool:
    """Put a hold on a proposal; answers whether this said something new.

    Raises:
        Refused: Not an administrator, or no reason.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return holds.set_hold(session, number, kind, who, now(), reason)


def lift_hold(number: int, kind: HoldKind, operator: str, reason: str) -> None:
    """Take a hold away.

    Raises:
        Refused: Not an administrator, no reason, or no such hold stands.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        holds.lift_hold(session, number, kind, who, now(), reason)


def begin_step(number: int, name: StepName, operator: str = "") -> int:
    """Note that a provisioning step starts; answers which attempt it is."""
    with database().write() as session:
        return proposals.begin_step(session, number, name, actor(session, operator, number), now())


def end_step(
    number: int, name: StepName, state: StepState, message: str, proof: dict[str, Any]
) -> None:
    """Record what a provisioning step came to."""
    with database().write() as session:
        who = actor(session, "", number)
        proposals.record_step(
            session, number, name, state, who, now(), message=message, proof=proof
        )


def fill_shifts(number: int, shifts: int, operator: str) -> None:
    """Enter the number of delivered shifts.

    Raises:
        Forbidden: Only leading scientists and administrators may.
        Invalid: Out of range.
    """
    with database().write() as session:
        proposals.fill_shifts(session, number, shifts, actor(session, operator, number), now())
