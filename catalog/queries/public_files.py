"""Files that everybody may read, behind a public record; empty unless its data are open."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from catalog.queries import public_behind as behind
from catalog.queries.data_policies import covered
from catalog.queries.public_parts import MEDIA
from catalog.queries.visible import open_data_group
from catalog.tables.dois import DoiRecord
from catalog.tables.facility import DataGroupType
from catalog.tables.files import DataGroup, DatasetFile, RunDataGroup
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.opening import KINDS
from policies.public_record import PublicFile, PublicRecord
from policies.vocabulary import PageState

SHOWING = frozenset({PageState.OPEN, PageState.PARTIAL})
"""Pages that may name files at all."""

Key = tuple[int, str]
"""Where a listing goes on: data group and path of the last file."""

FIRST: Key = (0, "")
"""From the first file on."""


def open_files(
    session: Session, record: PublicRecord, now: datetime, *, after: Key = FIRST, limit: int
) -> list[tuple[Key, PublicFile]]:
    """A page of the files, run by run.

    Args:
        session: The session that the record was read in.
        record: What may be said of the DOI; its state is believed.
        now: The instant of asking, aware.
        after: Key of the last file of the page before.
        limit: At most so many.

    Returns:
        Each file with its key; nothing, and no statement, when the data are closed.
    """
    row = _row(session, record)
    if row is None:
        return []
    group, path = after
    query = (
        _files(session, row, now)
        .where(
            sa.or_(
                col(DatasetFile.data_group_id) > group,
                sa.and_(
                    col(DatasetFile.data_group_id) == group,
                    col(DatasetFile.relative_path) > path,
                ),
            )
        )
        .order_by(col(DatasetFile.data_group_id), col(DatasetFile.relative_path))
        .limit(limit)
    )
    return [_file(found) for found in session.execute(query)]


def every_open_file(
    session: Session, record: PublicRecord, now: datetime, *, page: int = 2000
) -> Iterator[PublicFile]:
    """All files one after the other, read page by page.

    Args:
        session: The session that the record was read in.
        record: What may be said of the DOI.
        now: The instant of asking, aware.
        page: Files read at once.
    """
    after = FIRST
    while found := open_files(session, record, now, after=after, limit=page):
        yield from (file for _, file in found)
        after = found[-1][0]
        if len(found) < page:
            return


def open_totals(session: Session, record: PublicRecord, now: datetime) -> tuple[int, int]:
    """Number and bytes of the files that everybody may read."""
    row = _row(session, record)
    if row is None:
        return 0, 0
    inner = _files(session, row, now).subquery()
    query = sa.select(func.count(), func.coalesce(func.sum(inner.c.byte_size), 0))
    count, size = session.execute(query.select_from(inner)).one()
    return int(count), int(size)


def open_file(
    session: Session, record: PublicRecord, path: str, now: datetime
) -> PublicFile | None:
    """One file by its public path; None: there is none, or it is closed."""
    row = _row(session, record)
    parts = path.split("/", 2)
    if row is None or len(parts) < 3:  # noqa: PLR2004 - kind, folder, path below it
        return None
    query = _files(session, row, now).where(col(DatasetFile.relative_path) == parts[2])
    found = (_file(one)[1] for one in session.execute(query))
    return next((file for file in found if file.path == path), None)


def _row(session: Session, record: PublicRecord) -> DoiRecord | None:
    if record.page not in SHOWING or record.proposal is None:
        return None
    return session.exec(select(DoiRecord).where(DoiRecord.doi_key == record.doi.lower())).first()


def _files(session: Session, row: DoiRecord, now: datetime) -> sa.Select[Any]:
    groups = (
        sa.select(col(DataGroup.id))
        .join(RunDataGroup, col(RunDataGroup.data_group_id) == DataGroup.id)
        .join(Run, col(Run.id) == RunDataGroup.run_id)
        .join(Proposal, col(Proposal.id) == Run.proposal_id)
        .join(DataGroupType, col(DataGroupType.id) == DataGroup.data_group_type_id)
        .where(
            col(DataGroup.id).in_(behind.groups_behind(session, row)),
            col(Run.id).in_(behind.runs_behind(session, row)),
            col(DataGroupType.identifier).in_(_covered(session, row)),
            col(DataGroup.removed_at).is_(None),
            open_data_group(now),
        )
    )
    return (
        sa.select(
            col(DatasetFile.data_group_id),
            col(DatasetFile.relative_path),
            col(DatasetFile.byte_size),
            col(DatasetFile.sha256),
            col(DatasetFile.checksum),
            col(DatasetFile.format),
            col(DataGroup.prefix_path),
            col(DataGroupType.identifier),
        )
        .join(DataGroup, col(DataGroup.id) == DatasetFile.data_group_id)
        .join(DataGroupType, col(DataGroupType.id) == DataGroup.data_group_type_id)
        .where(col(DatasetFile.data_group_id).in_(groups), col(DatasetFile.flg_available))
    )


def _covered(session: Session, row: DoiRecord) -> Sequence[str]:
    """Types of data groups that the proposal's policy opens."""
    kinds = covered(session, session.get_one(Proposal, row.proposal_id))
    return [identifier for identifier, kind in KINDS.items() if kind in kinds]


def _file(found: "sa.Row[Any]") -> tuple[Key, PublicFile]:
    group, relative, size, sha256, adler32, form, prefix, identifier = found
    folder = prefix.rstrip("/").rpartition("/")[2]
    return (group, relative), PublicFile(
        path=f"{KINDS[identifier]}/{folder}/{relative}",
        size_bytes=size,
        sha256=sha256,
        adler32=adler32,
        media_type=MEDIA.get(form, "application/octet-stream"),
        stored=f"{prefix.rstrip('/')}/{relative}",
    )
