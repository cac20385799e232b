"""What is on its way to tape only: who is due for which step, and which files it is about."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.tables.archival import Archival
from catalog.tables.facility import Repository
from catalog.tables.files import DataGroup, DatasetFile, Replica, RunDataGroup
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.archival import SETTLED, TapeCopy, TapeFile
from policies.run import PENDING, UNASSESSED
from policies.vocabulary import ArchivalState, ReplicaState, RunState

RAW = 1
"""Data group type of raw data."""


def unplanned(session: Session) -> list[int]:
    """Proposals whose embargo has an end and whose archival is not planned, or for another day.

    Whether the day fits is the policy's; here stand those whose planned day was made of another
    end of the embargo.
    """
    query = (
        select(Proposal.number)
        .outerjoin(Archival, col(Archival.proposal_id) == Proposal.id)
        .where(
            col(Proposal.flg_beamtime_status).in_(SETTLED),
            col(Proposal.release_at).is_not(None),
            col(Proposal.data_archived_at).is_(None),
            sa.or_(
                col(Archival.id).is_(None),
                col(Archival.state).in_((ArchivalState.PLANNED, ArchivalState.NOTICED)),
            ),
        )
        .order_by(col(Proposal.number))
    )
    return list(session.exec(query))


def in_state(session: Session, states: Sequence[ArchivalState], now: datetime) -> list[int]:
    """Proposals that stand in one of these states and are not to wait any longer."""
    query = (
        select(Proposal.number)
        .join(Archival, col(Archival.proposal_id) == Proposal.id)
        .where(
            col(Archival.state).in_(states),
            sa.or_(col(Archival.next_try_at).is_(None), col(Archival.next_try_at) <= now),
        )
        .order_by(col(Archival.expected_at), col(Proposal.number))
    )
    return list(session.exec(query))


def copies(session: Session, proposal: Proposal, repository: str) -> list[TapeCopy]:
    """Copies of the migrated runs' raw data in the tape store, without their files."""
    store = select(Repository.id).where(Repository.identifier == repository).scalar_subquery()
    query = (
        sa.select(col(Run.run_number), col(DataGroup.manifest_hash), Replica)
        .select_from(Run)
        .join(RunDataGroup, col(RunDataGroup.run_id) == Run.id)
        .join(DataGroup, col(DataGroup.id) == RunDataGroup.data_group_id)
        .outerjoin(
            Replica,
            sa.and_(
                col(Replica.data_group_id) == DataGroup.id,
                col(Replica.repository_id) == store,
                col(Replica.flg_available),
            ),
        )
        .where(
            col(Run.proposal_id) == proposal.id,
            col(Run.state) == RunState.MIGRATED,
            col(DataGroup.data_group_type_id) == RAW,
            col(DataGroup.flg_available),
        )
        .order_by(col(Run.run_number), col(DataGroup.id))
    )
    return [_copy(number, manifest, row) for number, manifest, row in session.execute(query)]


def _copy(number: int, manifest: str, row: Replica | None) -> TapeCopy:
    if row is None:
        return TapeCopy(0, number, "", proved=False)
    proved = (
        bool(manifest)
        and row.state is ReplicaState.VERIFIED
        and row.manifest_hash == manifest
        and bool(row.path)
    )
    return TapeCopy(row.id or 0, number, row.path, proved)


def files(session: Session, replica: int) -> tuple[TapeFile, ...]:
    """The files of a copy, by name."""
    query = (
        select(DatasetFile.relative_path, DatasetFile.byte_size, DatasetFile.checksum)
        .join(Replica, col(Replica.data_group_id) == DatasetFile.data_group_id)
        .where(Replica.id == replica, col(DatasetFile.flg_available))
        .order_by(DatasetFile.relative_path)
    )
    return tuple(TapeFile(*row) for row in session.exec(query))


def at_work(session: Session, proposal: Proposal) -> tuple[int, ...]:
    """Runs that are measured, not assessed, or asked to be migrated and not there."""
    busy = {RunState.OPEN} | UNASSESSED | PENDING
    query = select(Run.run_number).where(Run.proposal_id == proposal.id, col(Run.state).in_(busy))
    return tuple(sorted(session.exec(query)))
