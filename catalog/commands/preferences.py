"""What a proposal prefers."""

from datetime import datetime

from sqlmodel import Session

from catalog.commands.journal import record
from catalog.queries.find import proposal_row
from policies import permissions
from policies.actor import Actor
from policies.permissions import VERSION
from policies.vocabulary import Subject

_LABELS = {"R": "Raw", "P": "Processed"}


def prefer_output(
    session: Session, number: int, output: str, actor: Actor, now: datetime, reason: str = ""
) -> bool:
    """Say which data a proposal works with; `P` has its runs calibrated by themselves.

    Args:
        session: A writing session.
        number: Proposal number.
        output: `R` raw or `P` processed.
        actor: Who asks.
        now: When, aware.
        reason: Why.

    Returns:
        Whether this said something new.

    Raises:
        Missing: No such proposal.
        Forbidden: Not the actor's to ask.
    """
    permissions.demand("proposal:edit", actor.roles)
    proposal = proposal_row(session, number)
    former = proposal.flg_preferred_data_output
    if former == output:
        return False
    proposal.flg_preferred_data_output, proposal.updated_at = output, now
    record(
        session,
        subject=Subject.PROPOSAL,
        subject_id=proposal.id or 0,
        proposal=number,
        event="prefer-output",
        source=_LABELS.get(former, former),
        target=_LABELS.get(output, output),
        actor=actor,
        now=now,
        reason=reason,
        policy=VERSION,
    )
    return True
