"""The parts of a public record: people, dates, sizes, techniques, related resources."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from catalog.queries import public_behind as behind
from catalog.queries import public_links as links
from catalog.tables.dois import DoiRecord
from catalog.tables.facility import Instrument, InstrumentCycle
from catalog.tables.files import DatasetFile
from catalog.tables.proposals import Beamtime, Proposal, Sample
from catalog.tables.release import (
    Funding,
    Parameter,
    PolicyVersion,
    Selection,
)
from catalog.tables.runs import Run
from policies.openness import access_right
from policies.public_record import (
    Contributor,
    Grant,
    Organisation,
    PublicRecord,
    Publisher,
    Quantity,
)
from policies.public_words import generated_abstract, licence, sizes
from policies.vocabulary import DoiSubject, PageState

TYPES = {
    DoiSubject.PROPOSAL: "Proposal raw and calibrated data",
    DoiSubject.RUN: "Run",
    DoiSubject.DATA_GROUP: "Data group",
    DoiSubject.SELECTION: "Selection of runs",
    DoiSubject.INSTRUMENT: "Instrument",
}
"""What a DOI names, in words."""

MEDIA = {"hdf5": "application/x-hdf5", "yaml": "application/yaml", "json": "application/json"}
"""Media types by the format on record."""


def _sums(session: Session, row: DoiRecord) -> tuple[int, int, int, Any, Any]:
    runs = session.execute(
        sa.select(func.count(), func.min(Run.begin_at), func.max(Run.end_at)).where(
            col(Run.id).in_(behind.runs_behind(session, row))
        )
    ).one()
    files = session.execute(
        sa.select(func.count(), func.coalesce(func.sum(DatasetFile.byte_size), 0)).where(
            col(DatasetFile.data_group_id).in_(behind.groups_behind(session, row)),
            col(DatasetFile.flg_available),
        )
    ).one()
    return int(runs[0]), int(files[0]), int(files[1]), runs[1], runs[2]


def data_record(
    session: Session,
    row: DoiRecord,
    proposal: Proposal,
    page: PageState,
    publisher: Publisher,
    zone: ZoneInfo,
    now: datetime,
    *,
    embargo_until: datetime | None,
    available_on: date | None,
    issued_on: date | None,
) -> PublicRecord:
    """The record of a DOI that names data."""
    instrument = session.get_one(Instrument, proposal.instrument_id)
    cycle = session.get(InstrumentCycle, proposal.instrument_cycle_id)
    runs, files, size, first, last = _sums(session, row)
    one_run = session.get(Run, row.subject_id) if row.subject_kind is DoiSubject.RUN else None
    chosen = (
        session.get(Selection, row.subject_id) if row.subject_kind is DoiSubject.SELECTION else None
    )
    end = session.exec(
        select(func.max(Beamtime.end_at)).where(
            Beamtime.proposal_id == proposal.id, col(Beamtime.flg_available)
        )
    ).one()
    creators, contributors = links.people(session, proposal, instrument)
    terms = links.techniques(session, behind.runs_behind(session, row))
    title = chosen.title if chosen else proposal.title
    if one_run is not None:
        title = f"{title}, run {one_run.run_number}"
    methods = links.methods(session, behind.runs_behind(session, row))
    policy = session.exec(
        select(PolicyVersion).where(
            PolicyVersion.identifier == proposal.policy_identifier,
            PolicyVersion.version == proposal.policy_version,
        )
    ).first()
    said = policy.document if policy else {}
    grants = session.exec(select(Funding).where(Funding.proposal_id == proposal.id)).all()
    abstract = (chosen.description if chosen else "") or proposal.abstract or ""
    return PublicRecord(
        doi=row.doi,
        subject=row.subject_kind,
        page=page,
        access=access_right(page),
        publisher=publisher,
        title=title or f"Data of proposal {proposal.number}",
        abstract=abstract.strip()
        or generated_abstract(instrument.name, runs, [t.label for t in terms]),
        creators=creators or (publisher.organisation,),
        contributors=(
            *contributors,
            Contributor(Organisation(publisher.data_team), "DataManager"),
            Contributor(Organisation(publisher.user_office), "ContactPerson"),
            Contributor(publisher.organisation, "HostingInstitution"),
        ),
        resource_type=TYPES[row.subject_kind],
        general_type="Collection" if chosen else "Dataset",
        proposal=proposal.number,
        instrument=instrument.name,
        instrument_identifier=instrument.identifier,
        cycle=cycle.identifier if cycle else "",
        run=one_run.run_number if one_run else None,
        collected_from=_day(first, zone),
        collected_to=_day(last or first, zone),
        created_on=_day(last, zone),
        embargo_from=_day(end or proposal.end_at, zone),
        embargo_until=embargo_until,
        available_on=available_on,
        issued_on=issued_on,
        updated_at=row.datestamp.astimezone(UTC),
        published_at=row.published_at.astimezone(UTC) if row.published_at else None,
        sizes=sizes(runs, files, size),
        formats=_formats(session, row),
        byte_size=size,
        file_count=files,
        run_count=runs,
        keywords=terms,
        quantities=_quantities(session, one_run) if page is PageState.OPEN else (),
        samples=_samples(session, row) if page is PageState.OPEN else (),
        related=links.related(session, row, proposal, instrument),
        grants=tuple(
            Grant(Organisation(g.funder_name, g.funder_ror), g.award_number, g.award_title)
            for g in grants
        ),
        licence=licence(str(said.get("licence", {}).get("data") or "CC-BY-4.0")),
        metadata_licence=str(said.get("licence", {}).get("metadata") or "CC0-1.0"),
        methods=methods,
        technical="HDF5 files in the facility's run file format; one folder per run.",
        alternate={f"{publisher.organisation.name} proposal number": proposal.proposal_folder},
        on_request=said.get("access_after_release", {}).get("mode", "on_request") != "none",
        successor=behind.successor(session, row),
    )


def _day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(zone).date()


def _formats(session: Session, row: DoiRecord) -> tuple[str, ...]:
    query = (
        select(DatasetFile.format)
        .where(col(DatasetFile.data_group_id).in_(behind.groups_behind(session, row)))
        .distinct()
    )
    return tuple(sorted({MEDIA.get(f, "application/octet-stream") for f in session.exec(query)}))


def _quantities(session: Session, run: Run | None) -> tuple[Quantity, ...]:
    if run is None:
        return ()
    rows = session.exec(
        select(Parameter).where(Parameter.run_id == run.id).order_by(col(Parameter.name))
    )
    return tuple(Quantity(p.name, p.words if p.value is None else p.value, p.unit) for p in rows)


def _samples(session: Session, row: DoiRecord) -> tuple[str, ...]:
    query = (
        select(Sample.name)
        .join(Run, col(Run.sample_id) == Sample.id)
        .where(col(Run.id).in_(behind.runs_behind(session, row)))
        .distinct()
    )
    return tuple(sorted(session.exec(query)))


def instrument_record(
    session: Session, row: DoiRecord, page: PageState, publisher: Publisher
) -> PublicRecord:
    """The record of an instrument's DOI."""
    instrument = session.get_one(Instrument, row.subject_id)
    return PublicRecord(
        doi=row.doi,
        subject=row.subject_kind,
        page=page,
        access=access_right(page),
        publisher=publisher,
        title=f"{instrument.name} instrument",
        abstract=instrument.description.strip()
        or f"The scientific instrument {instrument.name} of {publisher.organisation.name}.",
        creators=(publisher.organisation,),
        contributors=(Contributor(publisher.organisation, "HostingInstitution"),),
        resource_type=TYPES[row.subject_kind],
        general_type="Instrument",
        instrument=instrument.name,
        instrument_identifier=instrument.identifier,
        issued_on=row.published_at.astimezone(UTC).date() if row.published_at else None,
        updated_at=row.datestamp.astimezone(UTC),
        published_at=row.published_at,
        successor=behind.successor(session, row),
    )
