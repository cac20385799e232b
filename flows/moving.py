"""A beamtime moves a step, and its folders follow."""

from typing import Any

from prefect.client.schemas.objects import State

from flows.folders import offline_stores, online_plan
from flows.outcome import Result, conduct
from flows.reservation import end_reservation
from policies.access import Phase, phase_of
from policies.layout import proposal_folder
from policies.vocabulary import BeamtimeEvent, Work
from tasks import storage
from tasks.records import beamtimes
from tasks.records.views import ProposalView


def conduct_move(
    work: Work, event: BeamtimeEvent, proposal: int, operator: str, reason: str
) -> State[Any]:
    """Put a beamtime event as the work of a flow."""
    return conduct(work, lambda _unit: move(proposal, event, operator, reason), proposal=proposal)


def move(proposal: int, event: BeamtimeEvent, operator: str, reason: str) -> Result:
    """Put a beamtime event; where the phase changes, rights are set before the status says so.

    The table is asked first, so that nothing is touched for an event it refuses; and again
    inside the transaction that records the move.
    """
    plan = beamtimes.preview(proposal, event, operator, reason)
    before, after = phase_of(plan.source), phase_of(plan.target)
    touched = 0
    if after is not before:
        touched = set_phase(beamtimes.proposal(proposal), after)
    done = beamtimes.advance(proposal, event, operator, reason)
    if event is BeamtimeEvent.FINISH:
        end_reservation(proposal)
    words = f"; {touched} folders and files changed" if after is not before else ""
    passed = f" (passed: {', '.join(done.overridden)})" if done.overridden else ""
    folder = proposal_folder(proposal)
    return Result(f"{folder}: {done.source.label} ⇒ {done.target.label}{passed}{words}")


def set_phase(view: ProposalView, phase: Phase) -> int:
    """Bring rights in line with a phase, online and offline; answers how much changed."""
    stores = [
        *offline_stores(view, phase),
        (storage.storage(view.online_repository), online_plan(view, phase)),
    ]
    changed = 0
    for store, plan in stores:
        changed += store.ensure_folders(plan) + store.ensure_rights(plan)
    return changed
