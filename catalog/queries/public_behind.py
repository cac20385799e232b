"""What is behind a DOI: its release, its runs, its data groups, its newer version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.queries.visible import open_run
from catalog.tables.dois import DoiRecord
from catalog.tables.files import RunDataGroup
from catalog.tables.proposals import Proposal
from catalog.tables.release import PartRelease, SelectionRun
from catalog.tables.runs import Run
from policies.openness import Openness
from policies.vocabulary import DoiSubject, ReleaseState


def openness(session: Session, row: DoiRecord) -> Openness:
    """What is recorded about the release of the data behind a DOI."""
    if row.proposal_id is None:
        # An instrument has nothing to close: it is open from the beginning of its DOI.
        since = row.published_at or row.created_at
        return Openness(ReleaseState.OPEN, since, None, since)
    proposal = session.get_one(Proposal, row.proposal_id)
    whole = Openness(
        proposal.release_state,
        proposal.release_at,
        proposal.opens_early_at,
        proposal.openly_released_at,
    )
    closed = {ReleaseState.RECLOSED, ReleaseState.RESTRICTED, ReleaseState.WITHDRAWN}
    if whole.state in closed | {ReleaseState.OPEN}:
        return whole
    part = _part(session, row)
    if part is None:
        return whole
    return Openness(part.state, part.opens_at, None, part.openly_released_at)


def _part(session: Session, row: DoiRecord) -> PartRelease | None:
    """The part release that opened what a DOI names."""
    if row.subject_kind is DoiSubject.SELECTION:
        return _worst(session, _runs_of_selection(session, row.subject_id))
    if row.subject_kind is DoiSubject.RUN:
        return _worst(session, [row.subject_id])
    if row.subject_kind is DoiSubject.DATA_GROUP:
        run = select(RunDataGroup.run_id).where(RunDataGroup.data_group_id == row.subject_id)
        query = select(PartRelease).where(
            col(PartRelease.run_id).in_(run),
            sa.or_(
                col(PartRelease.data_group_id).is_(None),
                col(PartRelease.data_group_id) == row.subject_id,
            ),
        )
        found = session.exec(query).all()
        open_ones = [p for p in found if p.state is ReleaseState.OPEN]
        return next(iter(open_ones or found), None)
    return None


def _worst(session: Session, runs: Sequence[int]) -> PartRelease | None:
    """Of several runs the part that is not open, else any; None when one has no part."""
    query = select(PartRelease).where(
        col(PartRelease.run_id).in_(runs), col(PartRelease.data_group_id).is_(None)
    )
    found = {p.run_id: p for p in session.exec(query)}
    if not runs or set(found) != set(runs):
        return None
    return sorted(found.values(), key=lambda p: p.state is ReleaseState.OPEN)[0]


def _runs_of_selection(session: Session, selection: int) -> list[int]:
    query = select(SelectionRun.run_id).where(SelectionRun.selection_id == selection)
    return list(session.exec(query))


def parts_open(session: Session, row: DoiRecord, now: datetime) -> bool:
    """Whether some runs behind a proposal's DOI are open by themselves."""
    if row.subject_kind is not DoiSubject.PROPOSAL:
        return False
    query = (
        select(Run.id)
        .join(Proposal, col(Proposal.id) == Run.proposal_id)
        .where(Run.proposal_id == row.proposal_id, open_run(now))
    )
    return session.exec(query.limit(1)).first() is not None


def successor(session: Session, row: DoiRecord) -> str:
    """DOI of the newer version; empty: none."""
    newer = session.get(DoiRecord, row.superseded_by) if row.superseded_by else None
    return newer.doi if newer and newer.published_at else ""


def runs_behind(session: Session, row: DoiRecord) -> sa.Select[Any]:
    """Ids of the runs behind a DOI, as a query."""
    query: sa.Select[Any] = sa.select(col(Run.id))
    if row.subject_kind is DoiSubject.RUN:
        query = query.where(col(Run.id) == row.subject_id)
    elif row.subject_kind is DoiSubject.SELECTION:
        return sa.select(col(SelectionRun.run_id)).where(
            col(SelectionRun.selection_id) == row.subject_id
        )
    if row.subject_kind is DoiSubject.DATA_GROUP:
        return sa.select(col(RunDataGroup.run_id)).where(
            col(RunDataGroup.data_group_id) == row.subject_id
        )
    return query.where(col(Run.proposal_id) == row.proposal_id)


def groups_behind(session: Session, row: DoiRecord) -> sa.Select[Any]:
    """Ids of the data groups behind a DOI, as a query."""
    if row.subject_kind is DoiSubject.DATA_GROUP:
        return sa.select(sa.literal(row.subject_id))
    return sa.select(col(RunDataGroup.data_group_id)).where(
        col(RunDataGroup.run_id).in_(runs_behind(session, row))
    )
