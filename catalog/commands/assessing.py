"""The functions that say what a run is worth."""

from datetime import datetime

from sqlmodel import Session

from catalog.commands import duties
from catalog.commands.run_write import By, apply
from catalog.queries.facts import run_facts
from catalog.queries.find import run_row
from catalog.views import RunMove
from policies.actor import SYSTEM, Actor
from policies.run import ASSESS, QUALITY, RUN
from policies.vocabulary import Assessment, Duty, RunQuality, RunState


def assess_run(
    session: Session,
    number: int,
    run_number: int,
    assessment: Assessment,
    actor: Actor,
    now: datetime,
    comment: str = "",
) -> RunMove:
    """Say whether a run is Good, Unclear or Not interesting.

    Good and Unclear ask for the migration in the same transaction.

    Raises:
        Missing: No such proposal or run.
        Refused: The table says no (still open, not the actor's to judge).
    """
    proposal, run = run_row(session, number, run_number)
    event = ASSESS[assessment]
    facts = run_facts(session, run)
    decision = RUN.decide(run.state, event, actor.roles, facts, comment)
    source, quality = run.state, QUALITY[event]
    if run.flg_run_quality == quality and decision.row.target is source:
        return RunMove(number, run_number, source, source, changed=False)
    details = {"quality": [run.flg_run_quality, int(quality)]}
    run.flg_run_quality = quality
    if decision.row.target is RunState.MIGRATION_REQUESTED and source is not decision.row.target:
        run.migration_request_at, run.migration_attempts = now, 0
    if decision.row.target is RunState.NOT_INTERESTING:
        run.migration_request_at = None
    apply(session, proposal, run, decision, By(actor, now, comment), details)
    duties.settle_for_run(session, Duty.AUTO_QUALITY, number, run_number, now, "assessed")
    return RunMove(number, run_number, source, run.state, changed=True)


def auto_assess(session: Session, number: int, run_number: int, now: datetime) -> RunMove | None:
    """Set Good on a run that nobody judged, where the proposal asks for it.

    Returns:
        None when a person was faster or the proposal no longer asks for it.
    """
    proposal, run = run_row(session, number, run_number)
    untouched = run.flg_run_quality == RunQuality.NOT_ASSESSED
    if proposal.flg_auto_run_quality != RunQuality.GOOD or not untouched:
        return None
    return assess_run(
        session, number, run_number, Assessment.GOOD, SYSTEM, now, "automatic run quality"
    )
