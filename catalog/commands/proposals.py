"""The functions that move a proposal's beamtime."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from catalog.commands import duties
from catalog.commands.journal import record
from catalog.queries.facts import beamtime_facts, online_store
from catalog.queries.find import proposal_row
from catalog.tables.proposals import Proposal, ProvisioningStep, TeamMember, TeamSnapshot
from catalog.views import BeamtimeMove
from policies import permissions, veto
from policies.actor import Actor
from policies.beamtime import BEAMTIME, VERSION
from policies.errors import Invalid, Refused
from policies.vocabulary import BeamtimeEvent, BeamtimeState, StepName, StepState, Subject

MAX_SHIFTS = 200
"""More shifts than a year of beamtime has; a larger number is a typing error."""

STEP_LIMIT = timedelta(hours=1)
"""A step that says running for longer was left by a dead worker."""


def preview(
    session: Session,
    number: int,
    event: BeamtimeEvent,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> BeamtimeMove:
    """What `advance` would do; changes nothing.

    Raises:
        Missing: No such proposal.
        Refused: The table says no.
    """
    proposal = proposal_row(session, number)
    facts = beamtime_facts(session, proposal, now)
    decision = BEAMTIME.decide(proposal.flg_beamtime_status, event, actor.roles, facts, reason)
    return BeamtimeMove(
        number, decision.row.source, decision.row.target, decision.overridden, changed=False
    )


def advance(
    session: Session,
    number: int,
    event: BeamtimeEvent,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> BeamtimeMove:
    """Move a proposal's beamtime one step and write its history.

    Args:
        session: A writing session.
        number: Proposal number.
        event: What is asked.
        actor: Who asks, with the roles held on this proposal.
        now: When, aware.
        reason: Why; needed for steps back and overrides.

    Raises:
        Missing: No such proposal.
        Refused: The table says no; names the guard and what is possible instead.
    """
    proposal = proposal_row(session, number)
    facts = beamtime_facts(session, proposal, now)
    decision = BEAMTIME.decide(proposal.flg_beamtime_status, event, actor.roles, facts, reason)
    row = decision.row
    _move(session, proposal, row.target, now)
    record(
        session,
        subject=Subject.BEAMTIME,
        subject_id=proposal.id or 0,
        proposal=number,
        event=event,
        source=row.source.label,
        target=row.target.label,
        actor=actor,
        now=now,
        reason=reason,
        policy=VERSION,
        override=decision.overridden,
        details={"from": str(row.source), "to": str(row.target)},
    )
    duties.plan(session, proposal, facts, now)
    return BeamtimeMove(number, row.source, row.target, decision.overridden, changed=True)


def override(
    session: Session, number: int, target: BeamtimeState, actor: Actor, now: datetime, reason: str
) -> BeamtimeMove:
    """Set the status as an administrator; status only, no effects, marked in the history.

    Raises:
        Missing: No such proposal.
        Forbidden: Not an administrator.
        Refused: No reason, a hold stands, or another proposal is Active on the instrument.
    """
    permissions.demand("beamtime:override", actor.roles)
    proposal = proposal_row(session, number)
    facts = beamtime_facts(session, proposal, now)
    if not reason.strip():
        raise Refused("an override needs a reason", guard="reason")
    if held := veto.against_override(proposal.hold):
        raise Refused(held, veto="hold")
    if target is BeamtimeState.ACTIVE and facts.other_active is not None:
        raise Refused(f"proposal {facts.other_active} is Active on this instrument")
    source = proposal.flg_beamtime_status
    _move(session, proposal, target, now)
    record(
        session,
        subject=Subject.BEAMTIME,
        subject_id=proposal.id or 0,
        proposal=number,
        event="override",
        source=source.label,
        target=target.label,
        actor=actor,
        now=now,
        reason=reason,
        policy=VERSION,
        override=["table"],
        details={"from": str(source), "to": str(target)},
    )
    duties.plan(session, proposal, facts, now)
    return BeamtimeMove(number, source, target, ("table",), changed=True)


def _move(session: Session, proposal: Proposal, target: BeamtimeState, now: datetime) -> None:
    """Write the status and the facts that come with it."""
    source = proposal.flg_beamtime_status
    proposal.flg_beamtime_status = target
    proposal.status_since = proposal.updated_at = now
    if target is BeamtimeState.GPFS_ONLINE_DONE and proposal.orig_repository_id is None:
        proposal.orig_repository_id = online_store(session, proposal).id
    if target is BeamtimeState.ACTIVE and source is BeamtimeState.READY:
        proposal.beamtime_start_at = proposal.beamtime_start_at or now
        proposal.beamtime_end_at = None
    if target is BeamtimeState.FINISHED and source is BeamtimeState.ACTIVE:
        proposal.beamtime_end_at = now
        snapshot_team(session, proposal, now)
    session.flush()


def snapshot_team(session: Session, proposal: Proposal, now: datetime) -> None:
    """Keep the team as it is now: `[user id, data access role, lab access]`, ids only."""
    members = session.exec(
        select(TeamMember)
        .where(TeamMember.proposal_id == proposal.id)
        .order_by(col(TeamMember.data_access_role), col(TeamMember.id))
    )
    rows = [[m.user_id, m.data_access_role, m.flg_lab_access] for m in members]
    session.add(TeamSnapshot(proposal_id=proposal.id or 0, taken_at=now, team_snapshot=rows))


def begin_step(session: Session, number: int, name: StepName, actor: Actor, now: datetime) -> int:
    """Note that a provisioning step starts, before anything outside is touched.

    Returns:
        Which attempt this is, from 1.
    """
    step = _step(session, proposal_row(session, number), name)
    step.state, step.message = StepState.RUNNING, f"started by {actor.name}"
    step.started_at, step.ended_at = now, None
    step.attempts += 1
    session.flush()
    return step.attempts


def record_step(
    session: Session,
    number: int,
    name: StepName,
    state: StepState,
    actor: Actor,
    now: datetime,
    *,
    message: str = "",
    proof: dict[str, object] | None = None,
) -> bool:
    """Record what a provisioning step came to, with what was read back.

    Returns:
        Whether this said something new; a repeated step writes no second history row.

    Raises:
        Missing: No such proposal.
    """
    proposal = proposal_row(session, number)
    step = _step(session, proposal, name)
    last = step.proof.get("state_recorded")
    news = (last, step.proof.get("message_recorded")) != (str(state), message)
    step.state, step.message, step.ended_at = state, message, now
    step.proof = {**(proof or {}), "state_recorded": str(state), "message_recorded": message}
    session.flush()
    if news:
        record(
            session,
            subject=Subject.STEP,
            subject_id=step.id or 0,
            proposal=number,
            event=str(name),
            source=str(last or StepState.PENDING),
            target=str(state),
            actor=actor,
            now=now,
            reason=message,
            policy=VERSION,
            details={"attempt": step.attempts},
        )
    return news


def _step(session: Session, proposal: Proposal, name: StepName) -> ProvisioningStep:
    step = session.exec(
        select(ProvisioningStep).where(
            ProvisioningStep.proposal_id == proposal.id, ProvisioningStep.name == name
        )
    ).first()
    if step is None:
        step = ProvisioningStep(proposal_id=proposal.id or 0, name=name)
        session.add(step)
        session.flush()
    return step


def fill_shifts(session: Session, number: int, shifts: int, actor: Actor, now: datetime) -> None:
    """Enter the number of delivered shifts.

    Raises:
        Missing: No such proposal.
        Forbidden: Only leading scientists and administrators may.
        Invalid: Not between 0 and 200.
    """
    permissions.demand("shifts:fill", actor.roles)
    if not 0 <= shifts <= MAX_SHIFTS:
        raise Invalid(
            f"num_delivered_shifts must be between 0 and {MAX_SHIFTS}, not {shifts}",
            fields={"num_delivered_shifts": f"0 to {MAX_SHIFTS}"},
        )
    proposal = proposal_row(session, number)
    former = proposal.num_delivered_shifts
    if former == shifts:
        return
    proposal.num_delivered_shifts, proposal.updated_at = shifts, now
    record(
        session,
        subject=Subject.PROPOSAL,
        subject_id=proposal.id or 0,
        proposal=number,
        event="fill-shifts",
        source="---" if former is None else str(former),
        target=str(shifts),
        actor=actor,
        now=now,
        policy=permissions.VERSION,
    )
