"""What is due to be opened, what it consists of, and what speaks against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from catalog.queries.archival import at_work
from catalog.queries.data_policies import covered, loaded
from catalog.queries.visible import due_proposal
from catalog.tables.facility import DataGroupType, Repository
from catalog.tables.files import DataGroup, DatasetFile, Finding, Replica, RunDataGroup
from catalog.tables.journal import Change
from catalog.tables.proposals import Proposal
from catalog.tables.release import PartRelease, ReleaseRecord, ReleaseRequest, ReleaseRound
from catalog.tables.runs import Run
from policies.breakers import USUAL_ROUNDS, RoundFacts
from policies.opening import KINDS, OpenGroup
from policies.policy_words import AccessMode
from policies.vocabulary import ReleaseState, ReplicaState, RequestState, RunState


def opening_policies(session: Session) -> list[tuple[str, int]]:
    """Policies that open data to everybody by date."""
    public = AccessMode.PUBLIC
    return [(p.id, p.version) for p in loaded(session) if p.access_after_release.mode is public]


def _opens(session: Session) -> ColumnElement[bool]:
    pairs = opening_policies(session)
    key = sa.tuple_(col(Proposal.policy_identifier), col(Proposal.policy_version))
    by_policy = key.in_(pairs) if pairs else sa.false()
    return sa.or_(by_policy, col(Proposal.opens_early_at).is_not(None))


def _waiting(session: Session, now: datetime) -> ColumnElement[bool]:
    closed = (ReleaseState.EMBARGOED, ReleaseState.OPENING)
    return sa.and_(
        col(Proposal.release_state).in_(closed), due_proposal(now), _opens(session),
        col(Proposal.flg_available),
    )  # fmt: skip


def due(session: Session, now: datetime, *, after: int = 0, limit: int = 1000) -> list[int]:
    """Numbers of proposals that are due and not open, a page of them, by number.

    Args:
        session: Any session.
        now: The instant of asking, aware.
        after: The last number of the page before.
        limit: At most so many.
    """
    query = (
        select(Proposal.number)
        .where(_waiting(session, now), Proposal.number > after)
        .order_by(col(Proposal.number))
        .limit(limit)
    )
    return list(session.exec(query))


def due_totals(session: Session, now: datetime) -> tuple[int, int]:
    """How many proposals are due and not open, and the bytes of their data groups."""
    waiting = sa.select(col(Proposal.id)).where(_waiting(session, now)).subquery()
    count = session.execute(sa.select(func.count()).select_from(waiting)).scalar_one()
    size = session.execute(
        sa.select(func.coalesce(func.sum(col(DatasetFile.byte_size)), 0))
        .join(DataGroup, col(DataGroup.id) == DatasetFile.data_group_id)
        .where(col(DataGroup.proposal_id).in_(sa.select(waiting.c.id)))
    ).scalar_one()
    return int(count), int(size)


def due_parts(session: Session, now: datetime) -> list[tuple[int, int]]:
    """Parts that may open and are not open: proposal number and row id of the part."""
    query = (
        select(Proposal.number, PartRelease.id)
        .join(PartRelease, col(PartRelease.proposal_id) == Proposal.id)
        .where(
            col(PartRelease.state).in_((ReleaseState.EMBARGOED, ReleaseState.OPENING)),
            col(PartRelease.opens_at) <= now,
            col(Proposal.release_state).in_((ReleaseState.EMBARGOED, ReleaseState.OPENING)),
        )
        .order_by(col(PartRelease.id))
    )
    return [(number, part or 0) for number, part in session.exec(query)]


@dataclass(frozen=True)
class Overdue:
    """A proposal whose embargo has been over for too long.

    Attributes:
        proposal: Its number.
        since: When it became due, aware.
        why: What the last attempt came to; empty: nobody tried.
    """

    proposal: int
    since: datetime
    why: str


def overdue(session: Session, now: datetime, after: timedelta) -> list[Overdue]:
    """Proposals that should be open for longer than a time; asks no schedule and no round."""
    query = (
        sa.select(
            col(Proposal.number), col(Proposal.release_at), col(Proposal.opens_early_at),
            col(ReleaseRecord.outcome),
        )
        .outerjoin(
            ReleaseRecord,
            sa.and_(
                col(ReleaseRecord.proposal_id) == Proposal.id,
                col(ReleaseRecord.part_release_id) == 0,
                col(ReleaseRecord.ended_at).is_(None),
            ),
        )
        .where(_waiting(session, now - after))
        .order_by(col(Proposal.number), col(ReleaseRecord.id))
    )  # fmt: skip
    found: dict[int, Overdue] = {}
    for number, release_at, early, why in session.execute(query):
        since = min(at for at in (release_at, early) if at is not None)
        found[number] = Overdue(number, since, why or "")
    return list(found.values())


def round_facts(session: Session, now: datetime) -> RoundFacts:
    """What the breakers look at."""
    count, size = due_totals(session, now)
    last = session.exec(select(func.max(ReleaseRound.begun_at))).one()
    usual = session.exec(
        select(ReleaseRound.asked)
        .where(ReleaseRound.asked > 0)
        .order_by(col(ReleaseRound.id).desc())
        .limit(USUAL_ROUNDS)
    ).all()
    newest = session.exec(select(Change.at).order_by(col(Change.seq).desc()).limit(1)).first()
    return RoundFacts(now, count, size, tuple(usual), last, newest)


def groups(
    session: Session, proposal: Proposal, part: PartRelease | None, stores: Sequence[str]
) -> list[OpenGroup]:
    """Data groups of migrated runs that open, each with the copy that is opened.

    Args:
        session: Any session.
        proposal: Whose.
        part: Only those of a part; None: all.
        stores: Repositories whose copies can be opened, the preferred first.
    """
    query = (
        sa.select(
            col(DataGroup.id), col(DataGroupType.identifier), col(Run.run_number),
            col(DataGroup.manifest_hash), col(Repository.identifier), Replica,
        )
        .select_from(Run)
        .join(RunDataGroup, col(RunDataGroup.run_id) == Run.id)
        .join(DataGroup, col(DataGroup.id) == RunDataGroup.data_group_id)
        .join(DataGroupType, col(DataGroupType.id) == DataGroup.data_group_type_id)
        .outerjoin(
            Replica,
            sa.and_(col(Replica.data_group_id) == DataGroup.id, col(Replica.flg_available)),
        )
        .outerjoin(Repository, col(Repository.id) == Replica.repository_id)
        .where(
            col(Run.proposal_id) == proposal.id,
            col(Run.state) == RunState.MIGRATED,
            col(DataGroup.flg_available),
            col(DataGroup.removed_at).is_(None),
        )
        .order_by(col(Run.run_number), col(DataGroup.id))
    )  # fmt: skip
    if part is not None:
        query = query.where(col(Run.id) == part.run_id)
    if part is not None and part.data_group_id is not None:
        query = query.where(col(DataGroup.id) == part.data_group_id)
    kinds = covered(session, proposal)
    best: dict[int, OpenGroup] = {}
    for row in session.execute(query):
        found = _group(row, stores)
        known = best.get(found.group)
        if found.kind in kinds and (known is None or _rank(found, stores) < _rank(known, stores)):
            best[found.group] = found
    return list(best.values())


def _rank(group: OpenGroup, stores: Sequence[str]) -> int:
    return len(stores) if group.because else stores.index(group.repository)


def _group(row: "sa.Row[Any]", stores: Sequence[str]) -> OpenGroup:
    group, identifier, run, manifest, store, copy = row
    kind = KINDS.get(identifier, "")
    if copy is None or store not in stores:
        return OpenGroup(group, kind, run, because="no copy where it could be opened")
    fits = not manifest or copy.manifest_hash == manifest
    if copy.state is not ReplicaState.VERIFIED or not fits or not copy.path:
        return OpenGroup(group, kind, run, because=f"its copy in {store} is {copy.state}")
    return OpenGroup(
        group, kind, run, copy.path, store, copy.num_files, copy.byte_size,
        tape_only=copy.tape == "NEARLINE",
    )  # fmt: skip


def parts(session: Session, proposal: Proposal) -> list[PartRelease]:
    """Runs and data groups of a proposal that open by themselves."""
    query = select(PartRelease).where(PartRelease.proposal_id == proposal.id)
    return list(session.exec(query.order_by(col(PartRelease.id))))


def pending(session: Session, proposal: Proposal, now: datetime) -> str:
    """A request that holds the opening back, in words; empty: none does."""
    row = session.exec(
        select(ReleaseRequest).where(
            ReleaseRequest.proposal_id == proposal.id,
            ReleaseRequest.state == RequestState.ASKED,
            col(ReleaseRequest.blocks_until) > now,
        )
    ).first()
    if row is None or row.blocks_until is None:
        return ""
    return (
        f"a request for {row.kind} by {row.asked_by} waits for a decision,"
        f" until {row.blocks_until:%Y-%m-%d} at the longest"
    )


def findings(session: Session, proposal: Proposal, part: PartRelease | None) -> tuple[str, ...]:
    """Open findings that block, in words."""
    query = (
        select(Run.run_number, Finding.check_name)
        .join(Run, col(Run.id) == Finding.run_id)
        .where(
            Finding.proposal_id == proposal.id,
            col(Finding.resolved_at).is_(None),
            col(Finding.blocks_migration),
            col(Run.state) == RunState.MIGRATED,
        )
    )
    if part is not None:
        query = query.where(Finding.run_id == part.run_id)
    return tuple(f"run {run}: {check}" for run, check in session.exec(query))


def working(session: Session, proposal: Proposal, part: PartRelease | None) -> tuple[int, ...]:
    """Runs that are not decided or not migrated; of a part, its own run only."""
    busy = at_work(session, proposal)
    if part is None:
        return busy
    own = session.get_one(Run, part.run_id).run_number
    return tuple(run for run in busy if run == own)


def files(session: Session, group: int) -> list[DatasetFile]:
    """The files of a data group, by name."""
    query = (
        select(DatasetFile)
        .where(DatasetFile.data_group_id == group, col(DatasetFile.flg_available))
        .order_by(DatasetFile.relative_path)
    )
    return list(session.exec(query))


def records(session: Session, proposal: int, part: int) -> list[ReleaseRecord]:
    """Steps of a release, in the order in which they were first tried."""
    query = (
        select(ReleaseRecord)
        .where(ReleaseRecord.proposal_id == proposal, ReleaseRecord.part_release_id == part)
        .order_by(col(ReleaseRecord.id))
    )
    return list(session.exec(query))
