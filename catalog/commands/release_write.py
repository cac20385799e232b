"""How a release's state, its steps and its history are written: always together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from catalog.commands.journal import record
from catalog.queries import releases as queries
from catalog.queries.data_policies import pinned
from catalog.queries.find import proposal_row
from catalog.tables.dois import DoiRecord
from catalog.tables.proposals import Proposal
from catalog.tables.release import PartRelease, ReleaseRecord
from policies import release_machine
from policies.actor import SYSTEM, Actor
from policies.errors import Missing
from policies.opening import OpenGroup
from policies.release_machine import RELEASE, ReleaseFacts
from policies.vocabulary import ReleaseEvent, ReleaseState, ReleaseStep, Subject


@dataclass(frozen=True)
class Carrier:
    """The row that carries the state: the proposal, or one of its parts.

    Attributes:
        proposal: The proposal.
        part: The part; None: the whole proposal.
    """

    proposal: Proposal
    part: PartRelease | None

    @property
    def state(self) -> ReleaseState:
        """Where its release stands."""
        return self.part.state if self.part else self.proposal.release_state

    @property
    def part_id(self) -> int:
        """Row id of the part; 0: the whole proposal."""
        return (self.part.id or 0) if self.part else 0

    @property
    def opens_at(self) -> datetime | None:
        """The earliest instant at which it may be open, aware."""
        both = (self.proposal.release_at, self.proposal.opens_early_at)
        own = (self.part.opens_at,) if self.part else ()
        return min((at for at in (*both, *own) if at is not None), default=None)

    def stand(self, state: ReleaseState, now: datetime) -> None:
        """Set the state."""
        if self.part is not None:
            self.part.state, self.part.state_since = state, now
        else:
            self.proposal.release_state, self.proposal.release_since = state, now

    def opened(self, at: datetime) -> None:
        """Set when anonymous reading was verified; it stays on record when it is closed."""
        if self.part is not None:
            self.part.openly_released_at = at
        else:
            self.proposal.openly_released_at, self.proposal.flg_public = at, True


def carrier(session: Session, number: int, part: int = 0) -> Carrier:
    """The row that carries a release.

    Raises:
        Missing: No such proposal, or no such part of it.
    """
    proposal = proposal_row(session, number)
    if not part:
        return Carrier(proposal, None)
    row = session.get(PartRelease, part)
    if row is None or row.proposal_id != proposal.id:
        raise Missing(f"proposal {number} has no part {part}", field="part")
    return Carrier(proposal, row)


def facts(session: Session, row: Carrier, groups: list[OpenGroup], now: datetime) -> ReleaseFacts:
    """Everything the table of the release asks."""
    policy = pinned(session, row.proposal)
    since = row.part.state_since if row.part else row.proposal.release_since
    steps = queries.records(session, row.proposal.id or 0, row.part_id)
    proved = {s.step for s in steps if s.ended_at and (since is None or s.ended_at >= since)}
    early = row.proposal.opens_early_at
    return ReleaseFacts(
        now=now,
        opens_at=row.opens_at,
        beamtime=row.proposal.flg_beamtime_status,
        hold=row.proposal.hold,
        mode=policy.access_after_release.mode if policy else None,
        allowed=row.part is not None or (early is not None and early <= now),
        pending=queries.pending(session, row.proposal, now),
        runs_at_work=queries.working(session, row.proposal, row.part),
        findings=queries.findings(session, row.proposal, row.part),
        groups=len(groups),
        unproved=tuple(f"{g.label} ({g.because})" for g in groups if g.because),
        proved=frozenset(proved),
    )


def move(
    session: Session,
    row: Carrier,
    event: ReleaseEvent,
    known: ReleaseFacts,
    actor: Actor,
    now: datetime,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Move a release by its table, with history.

    Raises:
        Forbidden: Not the actor's to ask.
        Refused: The table says no, or a hold stands.
    """
    decision = RELEASE.decide(row.state, event, actor.roles, known, reason)
    source = row.state
    row.stand(decision.row.target, now)
    note(session, row, event, now, details, source=source, actor=actor, reason=reason)


def note(
    session: Session,
    row: Carrier,
    event: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    *,
    source: str = "",
    actor: Actor = SYSTEM,
    reason: str = "",
) -> None:
    """Write one line of a release's history."""
    row.proposal.updated_at = now.astimezone(UTC)
    session.flush()
    record(
        session,
        subject=Subject.RELEASE,
        subject_id=row.part_id or row.proposal.id or 0,
        proposal=row.proposal.number,
        event=event,
        source=source or row.state,
        target=row.state,
        actor=actor,
        now=now,
        reason=reason,
        policy=release_machine.VERSION,
        details={"part": row.part_id, **(details or {})} if row.part_id else details,
    )


def step(session: Session, row: Carrier, which: ReleaseStep, now: datetime) -> ReleaseRecord:
    """The record of a step; made when it is first asked for."""
    found = session.exec(
        select(ReleaseRecord).where(
            ReleaseRecord.proposal_id == row.proposal.id,
            ReleaseRecord.part_release_id == row.part_id,
            ReleaseRecord.step == which,
        )
    ).first()
    if found is None:
        found = ReleaseRecord(
            proposal_id=row.proposal.id or 0, part_release_id=row.part_id, step=which,
            started_at=now,
        )  # fmt: skip
        session.add(found)
    return found


def touch_dois(session: Session, proposal: Proposal, now: datetime) -> None:
    """Let harvesters see that what the proposal's DOIs show has changed."""
    query = select(DoiRecord).where(
        DoiRecord.proposal_id == proposal.id, col(DoiRecord.published_at).is_not(None)
    )
    for doi in session.exec(query):
        doi.datestamp = max(doi.datestamp, now.astimezone(UTC).replace(microsecond=0))
