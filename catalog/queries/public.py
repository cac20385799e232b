"""Public records: everything that may be said about a DOI, and nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from catalog.queries import public_behind as behind
from catalog.queries import public_parts as parts
from catalog.queries.visible import resolves
from catalog.tables.dois import DoiRecord
from catalog.tables.proposals import Proposal
from policies.openness import DoiFacts, Openness, access_right, page_state
from policies.public_record import PublicRecord, Publisher, Tombstone
from policies.release import first_open_day
from policies.vocabulary import DoiState, DoiSubject, PageState

SILENT = frozenset({PageState.UNKNOWN, PageState.MINIMAL, PageState.HIDDEN})
"""Pages that say nothing about the experiment."""


def public_record(
    session: Session, doi: str, publisher: Publisher, zone: ZoneInfo, now: datetime
) -> PublicRecord | None:
    """What the public may read of a DOI.

    Args:
        session: Any session.
        doi: In any case of its letters.
        publisher: The facility.
        zone: The facility's time zone, for civil days.
        now: The instant of asking, aware.

    Returns:
        None when no such DOI resolves; a draft and an unknown one cost the same one statement.
    """
    query = select(DoiRecord).where(DoiRecord.doi_key == doi.lower(), resolves())
    row = session.exec(query).first()
    return None if row is None else _record(session, row, publisher, zone, now)


def public_records(
    session: Session, ids: Sequence[int], publisher: Publisher, zone: ZoneInfo, now: datetime
) -> list[PublicRecord]:
    """What the public may read of several DOIs, in the order of the ids given.

    Args:
        session: Any session.
        ids: Row ids of DOIs.
        publisher: The facility.
        zone: The facility's time zone.
        now: The instant of asking, aware.
    """
    rows = {r.id: r for r in session.exec(select(DoiRecord).where(col(DoiRecord.id).in_(ids)))}
    found = [rows[i] for i in ids if i in rows]
    return [_record(session, row, publisher, zone, now) for row in found]


def planned_record(
    session: Session, row: DoiRecord, publisher: Publisher, zone: ZoneInfo, now: datetime
) -> PublicRecord:
    """What the registration agency is told of a DOI once it is published.

    Args:
        session: Any session.
        row: The DOI.
        publisher: The facility.
        zone: The facility's time zone.
        now: The instant of planning, aware.
    """
    page = _page(session, row, now, as_published=True)
    return _full(session, row, page, publisher, zone, now)


def _record(
    session: Session, row: DoiRecord, publisher: Publisher, zone: ZoneInfo, now: datetime
) -> PublicRecord:
    page = _page(session, row, now)
    if page in SILENT or page is PageState.TOMBSTONE:
        return _short(session, row, page, publisher, zone)
    return _full(session, row, page, publisher, zone, now)


def _page(
    session: Session, row: DoiRecord, now: datetime, *, as_published: bool = False
) -> PageState:
    remote = DoiState(row.remote_state) if row.remote_state in set(DoiState) else None
    facts = DoiFacts(
        wanted=row.wanted,
        remote=DoiState.FINDABLE if as_published else remote,
        published_at=(row.published_at or now) if as_published else row.published_at,
        hidden=bool(row.hidden_reason) or row.wanted is not DoiState.FINDABLE,
        withdrawn=row.withdrawn_at is not None,
    )
    if as_published:
        facts = DoiFacts(facts.wanted, facts.remote, facts.published_at)
    openness = behind.openness(session, row)
    return page_state(facts, openness, now, parts_open=behind.parts_open(session, row, now))


def _short(
    session: Session, row: DoiRecord, page: PageState, publisher: Publisher, zone: ZoneInfo
) -> PublicRecord:
    tombstone = None
    if page is PageState.TOMBSTONE and row.withdrawn_at is not None:
        said = row.tombstone
        tombstone = Tombstone(
            reason=str(said.get("reason", "")),
            note=str(said.get("note", "")),
            removed_on=row.withdrawn_at.astimezone(zone).date(),
            citation=str(said.get("citation", "")),
            successor=behind.successor(session, row),
        )
    return PublicRecord(
        doi=row.doi,
        subject=row.subject_kind,
        page=page,
        access=access_right(page),
        publisher=publisher,
        updated_at=row.datestamp.astimezone(UTC),
        tombstone=tombstone,
        successor=tombstone.successor if tombstone else "",
        hidden_reason=row.hidden_reason if page is PageState.HIDDEN else "",
    )


def _full(
    session: Session,
    row: DoiRecord,
    page: PageState,
    publisher: Publisher,
    zone: ZoneInfo,
    now: datetime,
) -> PublicRecord:
    if row.subject_kind is DoiSubject.INSTRUMENT:
        return parts.instrument_record(session, row, page, publisher)
    proposal = session.get_one(Proposal, row.proposal_id)
    openness = Openness(
        proposal.release_state,
        proposal.release_at,
        proposal.opens_early_at,
        proposal.openly_released_at,
    )
    until = openness.opens_at
    issued = row.issued_at if page is PageState.OPEN else None
    available = issued.astimezone(zone).date() if issued else None
    if available is None and until is not None and page is not PageState.RESTRICTED:
        available = first_open_day(until, zone)
    return parts.data_record(
        session,
        row,
        proposal,
        page,
        publisher,
        zone,
        now,
        embargo_until=None if page is PageState.RESTRICTED else until,
        available_on=available,
        issued_on=available if issued else None,
    )
