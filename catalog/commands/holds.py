"""The functions that set and lift a hold on a proposal; what one forbids is `policies.veto`."""

from datetime import datetime

from sqlmodel import Session

from catalog.commands.journal import record
from catalog.queries.find import proposal_row
from catalog.tables.proposals import Proposal
from policies import permissions, veto
from policies.actor import Actor
from policies.errors import Invalid, Refused
from policies.vocabulary import HoldKind, Subject


def set_hold(
    session: Session, number: int, kind: HoldKind, actor: Actor, now: datetime, reason: str
) -> bool:
    """Put a hold on a proposal, or give one that stands another reason.

    Args:
        session: A writing session.
        number: Proposal number.
        kind: Which hold.
        actor: Who asks.
        now: When, aware.
        reason: Why, at most 500 characters; everybody who is refused reads it.

    Returns:
        Whether this said something new.

    Raises:
        Missing: No such proposal.
        Forbidden: Not an administrator.
        Refused: No reason.
        Invalid: The reason is too long.
    """
    why = _reason(actor, reason, "setting")
    proposal = proposal_row(session, number)
    standing = veto.holds(proposal.hold)
    if standing.get(kind) == why:
        return False
    former = proposal.hold
    proposal.hold = veto.kept({**standing, kind: why})
    _note(session, proposal, "set-hold", kind, former, actor, now, why)
    return True


def lift_hold(
    session: Session, number: int, kind: HoldKind, actor: Actor, now: datetime, reason: str
) -> None:
    """Take a hold away; others stay.

    Raises:
        Missing: No such proposal.
        Forbidden: Not an administrator.
        Refused: No such hold stands, or no reason.
        Invalid: The reason is too long.
    """
    why = _reason(actor, reason, "lifting")
    proposal = proposal_row(session, number)
    standing = veto.holds(proposal.hold)
    if kind not in standing:
        stands = ", ".join(standing) or "none"
        raise Refused(f"no {kind} stands on proposal {number}; there stands: {stands}")
    former = proposal.hold
    proposal.hold = veto.kept({k: v for k, v in standing.items() if k is not kind})
    _note(session, proposal, "lift-hold", kind, former, actor, now, why)


def _reason(actor: Actor, reason: str, what: str) -> str:
    permissions.demand("proposal:hold", actor.roles)
    why = veto.one_line(reason)
    if not why:
        raise Refused(f"{what} a hold needs a reason", guard="reason")
    if len(why) > veto.MAX_REASON:
        rule = f"is longer than {veto.MAX_REASON} characters"
        raise Invalid(f"reason {rule}", fields={"reason": rule})
    return why


def _note(
    session: Session,
    proposal: Proposal,
    event: str,
    kind: HoldKind,
    former: str,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    proposal.updated_at = now
    session.flush()
    record(
        session,
        subject=Subject.PROPOSAL,
        subject_id=proposal.id or 0,
        proposal=proposal.number,
        event=event,
        source=former or "---",
        target=proposal.hold or "---",
        actor=actor,
        now=now,
        reason=reason,
        policy=veto.VERSION,
        details={"hold": str(kind)},
    )
