"""What harvesters see: headers of DOIs in the order of their last public change.

A DOI that was published once stays in the list for ever; hidden or withdrawn it is deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from catalog.queries.visible import open_data_group, open_proposal, open_run, public_metadata
from catalog.tables.dois import DoiRecord
from catalog.tables.facility import Instrument
from catalog.tables.files import DataGroup, RunDataGroup
from catalog.tables.proposals import Proposal
from catalog.tables.release import SelectionRun
from catalog.tables.runs import Run
from policies.vocabulary import DoiState, DoiSubject, ReleaseState


@dataclass(frozen=True)
class Wanted:
    """Which headers are asked for.

    Attributes:
        since: Changed at or after it, aware; None: from the first.
        until: Changed at or before it, aware; None: to the last.
        state: `open`, `embargoed`; empty: every.
        instrument: Identifier of an instrument; empty: every.
    """

    since: datetime | None = None
    until: datetime | None = None
    state: str = ""
    instrument: str = ""


@dataclass(frozen=True)
class Header:
    """A DOI as harvesters see it.

    Attributes:
        id: Row id.
        doi: As minted.
        changed_at: Last public change, aware, full seconds.
        deleted: Whether it is hidden or withdrawn.
        instrument: Identifier of the instrument; empty: none.
        open: Whether everybody may read the data.
        embargoed: Whether they are closed and open on a date.
    """

    id: int
    doi: str
    changed_at: datetime
    deleted: bool
    instrument: str
    open: bool
    embargoed: bool


def instruments(session: Session) -> list[tuple[str, str]]:
    """Identifier and name of every instrument, sorted."""
    rows = session.exec(select(Instrument.identifier, Instrument.name).distinct())
    return sorted((str(identifier), str(name)) for identifier, name in rows)


def earliest(session: Session) -> datetime | None:
    """The first public change of all, aware; None: nothing was ever published."""
    query = select(func.min(DoiRecord.datestamp)).where(col(DoiRecord.published_at).is_not(None))
    found = session.exec(query).one()
    if found is None:
        return None
    aware: datetime = found if found.tzinfo else found.replace(tzinfo=UTC)
    return aware.astimezone(UTC)


def counted(session: Session, wanted: Wanted, now: datetime) -> int:
    """How many headers there are."""
    query = _headers(now).with_only_columns(func.count()).where(*_where(wanted, now))
    return int(session.execute(query).scalar_one())


def headers(
    session: Session,
    wanted: Wanted,
    now: datetime,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Header]:
    """A page of headers, the longest unchanged first.

    Args:
        session: Any session.
        wanted: Which ones.
        now: The instant of asking, aware.
        after: Change and row id of the last header of the page before; None: the first page.
        limit: At most so many.
    """
    query = _headers(now).where(*_where(wanted, now))
    if after is not None:
        at, last = after
        query = query.where(
            sa.or_(
                col(DoiRecord.datestamp) > at,
                sa.and_(col(DoiRecord.datestamp) == at, col(DoiRecord.id) > last),
            )
        )
    query = query.order_by(col(DoiRecord.datestamp), col(DoiRecord.id)).limit(limit)
    return [_header(row) for row in session.execute(query)]


def header(session: Session, doi: str, now: datetime) -> Header | None:
    """The header of one DOI, in any case of its letters; None: it was never published."""
    query = _headers(now).where(col(DoiRecord.doi_key) == doi.lower())
    row = session.execute(query).first()
    return None if row is None else _header(row)


def _headers(now: datetime) -> sa.Select[Any]:
    return (
        sa.select(
            col(DoiRecord.id),
            col(DoiRecord.doi),
            col(DoiRecord.datestamp),
            _gone().label("gone"),
            func.coalesce(Instrument.identifier, ""),
            open_doi(now).label("open"),
            func.coalesce(Proposal.release_state, ""),
        )
        .select_from(DoiRecord)
        .outerjoin(Proposal, col(Proposal.id) == DoiRecord.proposal_id)
        .outerjoin(
            Instrument,
            sa.or_(
                col(Instrument.id) == Proposal.instrument_id,
                sa.and_(
                    col(DoiRecord.subject_kind) == DoiSubject.INSTRUMENT,
                    col(Instrument.id) == DoiRecord.subject_id,
                ),
            ),
        )
        .where(col(DoiRecord.published_at).is_not(None))
    )


def _gone() -> ColumnElement[bool]:
    """DOIs whose pages say nothing any more, or not now."""
    return sa.or_(
        sa.not_(public_metadata()),
        func.coalesce(col(Proposal.release_state) == ReleaseState.RECLOSED, sa.false()),
        col(DoiRecord.remote_state).in_(("", DoiState.DRAFT)),
    )


def open_doi(now: datetime) -> ColumnElement[bool]:
    """DOIs whose data everybody may read; for a query that joins `Proposal` from outside.

    The same rule as `policies.openness`: a reclosed or restricted proposal closes its parts,
    a selection is open when each of its runs is.
    """
    runs = sa.select(col(Run.id)).join(Proposal, col(Proposal.id) == Run.proposal_id)
    one_run = runs.where(col(Run.id) == DoiRecord.subject_id, open_run(now))
    group = (
        runs.join(RunDataGroup, col(RunDataGroup.run_id) == Run.id)
        .join(DataGroup, col(DataGroup.id) == RunDataGroup.data_group_id)
        .where(col(DataGroup.id) == DoiRecord.subject_id, open_data_group(now))
    )
    chosen = runs.join(SelectionRun, col(SelectionRun.run_id) == Run.id).where(
        col(SelectionRun.selection_id) == DoiRecord.subject_id
    )
    selection = sa.and_(_some(chosen), sa.not_(_some(chosen.where(~open_run(now)))))
    return sa.case(
        (col(DoiRecord.subject_kind) == DoiSubject.INSTRUMENT, sa.true()),
        (col(DoiRecord.subject_kind) == DoiSubject.RUN, _some(one_run)),
        (col(DoiRecord.subject_kind) == DoiSubject.DATA_GROUP, _some(group)),
        (col(DoiRecord.subject_kind) == DoiSubject.SELECTION, selection),
        else_=func.coalesce(open_proposal(now), sa.false()),
    )


def _some(rows: sa.Select[Any]) -> ColumnElement[bool]:
    """Whether there are such rows for a DOI; they bring their own proposal."""
    return sa.exists(rows.correlate(DoiRecord))


def _where(wanted: Wanted, now: datetime) -> Sequence[ColumnElement[bool]]:
    """A deleted record is in every set of its instrument, and in both sets of access."""
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(col(DoiRecord.datestamp) >= wanted.since)
    if wanted.until is not None:
        found.append(col(DoiRecord.datestamp) <= wanted.until)
    if wanted.instrument:
        found.append(col(Instrument.identifier) == wanted.instrument)
    if wanted.state:
        inside = open_doi(now) == sa.true()
        if wanted.state == "embargoed":
            inside = sa.and_(
                open_doi(now) == sa.false(),
                col(Proposal.release_state) != ReleaseState.RESTRICTED,
            )
        found.append(sa.or_(_gone(), inside))
    return found


def _header(row: sa.Row[Any]) -> Header:
    number, doi, changed, gone, instrument, is_open, state = row
    return Header(
        id=number,
        doi=doi,
        changed_at=changed.astimezone(UTC),
        deleted=bool(gone),
        instrument=instrument,
        open=bool(is_open),
        embargoed=not is_open and state != ReleaseState.RESTRICTED,
    )
