"""What a person decides of a release: close it again, restrict it, withdraw it, open it anew."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.commands.journal import ask, notice
from catalog.commands.release_write import Carrier, carrier, facts, move, touch_dois
from catalog.commands.releases import TOLD
from catalog.queries.data_policies import pinned
from catalog.tables.files import DataGroup, RunDataGroup
from catalog.tables.release import PartRelease
from policies.actor import Actor
from policies.errors import Invalid
from policies.vocabulary import ReleaseEvent, ReleaseState, Role, Work

CLOSING = frozenset({ReleaseEvent.RECLOSE, ReleaseEvent.WITHDRAW, ReleaseEvent.RESTRICT})
"""After these the files are closed, whatever their rights were."""


def decide(
    session: Session,
    number: int,
    event: ReleaseEvent,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    part: int = 0,
) -> ReleaseState:
    """Move a release by a person's decision.

    Every public door follows at once, since each asks the catalog; the files follow with the
    flow that is asked for here.

    Args:
        session: A writing session.
        number: Proposal number.
        event: What is asked; not the opening itself, which needs proofs.
        actor: Who asks.
        now: When, aware.
        reason: Why; everybody who asks reads it.
        part: Row id of the part; 0: the whole proposal.

    Returns:
        Where it stands now.

    Raises:
        Missing: No such proposal or part.
        Forbidden: Not the actor's to ask.
        Refused: No reason, or the table says no.
        Invalid: The event is none of a person's; the policy knows no such reason to restrict.
    """
    if event not in CLOSING | {ReleaseEvent.LIFT_RESTRICTION}:
        rule = "is proved by a flow, not decided"
        raise Invalid(f"event {event} {rule}", fields={"event": rule})
    row = carrier(session, number, part)
    if event is ReleaseEvent.RESTRICT and row.part is None:
        _demand_known_reason(session, row, reason)
    move(session, row, event, facts(session, row, [], now), actor, now, reason)
    if row.part is None:
        _whole(session, row, event, actor, now, reason)
    touch_dois(session, row.proposal, now)
    if event in CLOSING:
        _close(session, row, now)
        text = f"The data of proposal {number} are closed ({event}): {reason}"
        key = f"release-closed:{number}:{part}:{now:%Y%m%d%H%M%S}"
        notice(session, key=key, now=now, to=[*TOLD, Role.ADMIN], text=text, proposal=number)
    return row.state


def _demand_known_reason(session: Session, row: Carrier, reason: str) -> None:
    policy = pinned(session, row.proposal)
    known = policy.embargo.permanent_restriction_reasons if policy else ()
    words = [one.replace("_", " ") for one in known]
    if words and not any(reason.strip().lower().startswith(one) for one in words):
        rule = f"must begin with one of: {', '.join(words)}"
        raise Invalid(f"reason {rule}", fields={"reason": rule})


def _whole(
    session: Session,
    row: Carrier,
    event: ReleaseEvent,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    proposal = row.proposal
    if event is ReleaseEvent.RESTRICT:
        proposal.restriction = reason.strip()
    elif event is ReleaseEvent.LIFT_RESTRICTION:
        proposal.restriction = ""
    if event is not ReleaseEvent.RECLOSE:
        return
    # What had opened by itself before goes with the whole.
    parts = select(PartRelease).where(
        PartRelease.proposal_id == proposal.id,
        col(PartRelease.state).in_((ReleaseState.OPEN, ReleaseState.OPENING)),
    )
    for part in session.exec(parts):
        inner = Carrier(proposal, part)
        move(session, inner, event, facts(session, inner, [], now), actor, now, reason)


def _close(session: Session, row: Carrier, now: datetime) -> None:
    groups = sa.update(DataGroup).where(col(DataGroup.proposal_id) == row.proposal.id)
    if row.part is None:
        row.proposal.flg_public = False
    else:
        own = sa.select(col(RunDataGroup.data_group_id)).where(
            col(RunDataGroup.run_id) == row.part.run_id
        )
        groups = groups.where(col(DataGroup.id).in_(own))
    session.flush()
    session.connection().execute(groups.values(flg_public=False))
    session.expire_all()
    ask_to_close(session, row.proposal.number, row.part_id, now)


def ask_to_close(session: Session, number: int, part: int, now: datetime) -> None:
    """Have the files closed, and looked at as a stranger."""
    ask(
        session,
        Work.RELEASE_CLOSE,
        key=f"{Work.RELEASE_CLOSE}:{number}:{part}:{now:%Y%m%d%H%M%S%f}",
        now=now,
        parameters={"proposal": number, "part": part},
        proposal=number,
    )
