"""Declaring a catalog one to rehearse on, and the guard of what opens or goes away."""

from datetime import datetime

from sqlmodel import Session, select

from catalog.commands.journal import record
from catalog.queries.clocks import database_now, rehearsal
from catalog.tables.proposals import Proposal
from catalog.tables.rehearsal import Rehearsal
from policies import clocks, permissions
from policies.actor import Actor
from policies.errors import Refused
from policies.vocabulary import Subject


def declare_rehearsal(session: Session, actor: Actor, now: datetime, reason: str) -> bool:
    """Make an empty catalog one to rehearse on: here a clock may be moved ahead.

    Args:
        session: A writing session.
        actor: Who asks.
        now: When, aware.
        reason: Why.

    Returns:
        Whether this said something new.

    Raises:
        Forbidden: Not an administrator.
        Refused: No reason, or the catalog knows a proposal: real data stay real.
    """
    permissions.demand("rehearsal:declare", actor.roles)
    if rehearsal(session) is not None:
        return False
    if not reason.strip():
        raise Refused("declaring a rehearsal needs a reason", guard="reason")
    number = session.exec(select(Proposal.number).limit(1)).first()
    if number is not None:
        raise Refused(f"the catalog knows proposal {number}; only an empty one can rehearse")
    session.add(Rehearsal(declared_by=actor.name, declared_at=now, reason=reason.strip()))
    record(
        session,
        subject=Subject.REFERENCE,
        subject_id=1,
        event="declare-rehearsal",
        actor=actor,
        now=now,
        policy=clocks.VERSION,
        target="rehearsal",
        reason=reason.strip(),
    )
    return True


def demand_true_clock(session: Session, now: datetime) -> None:
    """Refuse when the clock that asks runs ahead of the database's.

    Args:
        session: Any session.
        now: What the asking machine's clock says, aware.

    Raises:
        Refused: It is ahead, and this catalog is a real one.
    """
    clocks.demand_true(now, database_now(session), rehearsal=rehearsal(session) is not None)
