"""How an archival's row and its history are written: always together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, select

from catalog.commands.journal import record
from catalog.commands.portal_book import site
from catalog.queries import archival as queries
from catalog.queries.find import proposal_row
from catalog.tables.archival import Archival
from catalog.tables.proposals import Proposal
from policies import archival as rules_of
from policies.actor import Actor
from policies.archival import ARCHIVAL, ArchivalFacts, ArchivalRules, TapeCopy
from policies.errors import Missing
from policies.vocabulary import ArchivalEvent, Subject


@dataclass(frozen=True)
class TapeStore:
    """What the site says of its tape store.

    Attributes:
        repository: Its identifier.
        copies_per_file: Copies on tape per file, as the site declares.
    """

    repository: str
    copies_per_file: int


def find(session: Session, proposal: Proposal) -> Archival | None:
    """The archival of a proposal, None before one is planned."""
    return session.exec(select(Archival).where(Archival.proposal_id == proposal.id)).first()


def rows(session: Session, number: int) -> tuple[Proposal, Archival]:
    """A proposal and its archival.

    Raises:
        Missing: No such proposal, or nothing is planned for it.
    """
    proposal = proposal_row(session, number)
    row = find(session, proposal)
    if row is None:
        raise Missing(f"no archival is planned for proposal {number}", field="proposal")
    return proposal, row


def facts(
    session: Session,
    proposal: Proposal,
    row: Archival,
    copies: list[TapeCopy],
    rules: ArchivalRules,
    store: TapeStore,
    now: datetime,
) -> ArchivalFacts:
    """Everything the archival table asks."""
    zone = site(session).zone
    told = row.noticed_at
    return ArchivalFacts(
        now=now,
        ready_at=rules_of.ready_at(row.expected_at, told, zone, rules) if told else None,
        beamtime=proposal.flg_beamtime_status,
        hold=proposal.hold,
        runs_at_work=queries.at_work(session, proposal),
        groups=len(copies),
        unproved=tuple(f"run {copy.run}" for copy in copies if not copy.proved),
        tape_copies=store.copies_per_file,
        min_tape_copies=rules.min_tape_copies,
    )


def move(
    session: Session,
    proposal: Proposal,
    row: Archival,
    event: ArchivalEvent,
    facts: ArchivalFacts,
    actor: Actor,
    now: datetime,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Move an archival by its table, with history.

    Raises:
        Refused: The table says no.
    """
    decision = ARCHIVAL.decide(row.state, event, actor.roles, facts, reason)
    source = row.state
    row.state, row.state_since = decision.row.target, now
    note(
        session, proposal, row, event, actor, now,
        source=source, target=row.state, reason=reason, details=details,
    )  # fmt: skip


def note(
    session: Session,
    proposal: Proposal,
    row: Archival,
    event: str,
    actor: Actor,
    now: datetime,
    *,
    source: str,
    target: str,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one line of an archival's history."""
    proposal.updated_at = now.astimezone(UTC)
    record(
        session,
        subject=Subject.ARCHIVAL,
        subject_id=row.id or 0,
        proposal=proposal.number,
        event=event,
        source=source,
        target=target,
        actor=actor,
        now=now,
        reason=reason,
        policy=rules_of.VERSION,
        details=details,
    )
