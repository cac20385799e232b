"""What belongs to a proposal: beamtimes, team, samples and run types."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import Session, col, func, select

from catalog.commands.portal_book import Book
from catalog.tables.facility import ExperimentType, InstrumentCycle, SampleType
from catalog.tables.people import User
from catalog.tables.proposals import Beamtime, Experiment, Proposal, Sample, TeamMember
from policies import layout
from policies.errors import Misconfigured
from policies.portal_export import BeamtimeRow, MemberRow, RunTypeRow, SampleRow
from policies.portal_report import NOTHING, FieldChange
from policies.vocabulary import DataAccessRole, Subject

UPEX = "upex"
"""Value of `flg_proposal_system` on rows that the portal made."""

_ROLE = {
    DataAccessRole.DATA_MANAGER: "Data Manager & Participant",
    DataAccessRole.PARTICIPANT: "Participant",
}

_MEMBER = {
    "data_access_role": "data_access_role",
    "flg_lab_access": "lab_access",
    "flg_support": "support",
    "flg_deputy_local_contact": "deputy_local_contact",
    "role_description": "role_description",
}
"""Column ⇒ field of the export."""


def put_beamtimes(book: Book, proposal: Proposal, rows: Iterable[BeamtimeRow]) -> list[Beamtime]:
    """Bring the portal's beamtimes up to date; one that is gone becomes unavailable.

    Returns:
        Every available beamtime of the proposal.
    """
    known = _of(book.session, Beamtime, proposal)
    by_id = {b.portal_id: b for b in known if b.portal_id}
    for row in rows:
        beamtime = by_id.pop(row.id, None)
        if beamtime is None:
            beamtime = Beamtime(
                proposal_id=proposal.id or 0,
                portal_id=row.id,
                begin_at=row.begin_at,
                end_at=row.end_at,
                description=row.description,
            )
            book.session.add(beamtime)
            book.session.flush()
            known.append(beamtime)
            _beamtime(book, proposal, "add-beamtime", beamtime, NOTHING)
            continue
        former, was = _beamtime_words(book, beamtime), _values(beamtime)
        beamtime.begin_at, beamtime.end_at = row.begin_at, row.end_at
        beamtime.description, beamtime.flg_available = row.description, True
        if _values(beamtime) != was:
            _beamtime(book, proposal, "change-beamtime", beamtime, former)
    for beamtime in by_id.values():
        if beamtime.flg_available:
            former = _beamtime_words(book, beamtime)
            beamtime.flg_available = False
            _beamtime(book, proposal, "withdraw-beamtime", beamtime, former)
    book.session.flush()
    return [b for b in known if b.flg_available]


def _beamtime(book: Book, proposal: Proposal, event: str, beamtime: Beamtime, former: str) -> None:
    book.dates = True
    change = FieldChange("beamtime", former, _beamtime_words(book, beamtime))
    details = {"beamtime": beamtime.id, "portal_id": beamtime.portal_id}
    book.note(event, change, proposal.id or 0, details=details)


def _values(beamtime: Beamtime) -> tuple[object, ...]:
    return (
        beamtime.begin_at,
        beamtime.end_at,
        beamtime.description,
        beamtime.flg_available,
    )


def _beamtime_words(book: Book, beamtime: Beamtime) -> str:
    if not beamtime.flg_available:
        return NOTHING
    tail = f" ({beamtime.description})" if beamtime.description else ""
    return book.span(beamtime.begin_at, beamtime.end_at) + tail


def check_cycle(book: Book, cycle: InstrumentCycle, beamtimes: Iterable[Beamtime]) -> None:
    """Warn of beamtimes outside their cycle.

    Source: published proposals have such beamtimes, so the portal's dates are never rejected.
    """
    for b in beamtimes:
        if b.begin_at < cycle.begin_at or b.end_at > cycle.end_at:
            book.warnings.append(
                f"the beamtime {book.span(b.begin_at, b.end_at)} lies outside cycle"
                f" {cycle.identifier} ({book.span(cycle.begin_at, cycle.end_at)})"
            )


def put_team(
    book: Book, proposal: Proposal, rows: Iterable[MemberRow], users: Mapping[str, User]
) -> None:
    """Make the team what the portal says: newcomers, changes, leavers."""
    known = {m.user_id: m for m in _of(book.session, TeamMember, proposal)}
    for row in rows:
        user = users[row.uid]
        member = known.pop(user.id or 0, None)
        wanted = {column: getattr(row, name) for column, name in _MEMBER.items()}
        if member is None:
            member = TeamMember(proposal_id=proposal.id or 0, user_id=user.id or 0, **wanted)
            book.session.add(member)
            book.session.flush()
            _member(book, member, user, "join-team", NOTHING, _member_words(member, user))
        elif any(getattr(member, column) != value for column, value in wanted.items()):
            former = _member_words(member, user)
            for column, value in wanted.items():
                setattr(member, column, value)
            _member(book, member, user, "change-member", former, _member_words(member, user))
    for member in known.values():
        user = book.session.get_one(User, member.user_id)
        _member(book, member, user, "leave-team", _member_words(member, user), NOTHING)
        book.session.delete(member)
    book.session.flush()


def _member(book: Book, member: TeamMember, user: User, event: str, former: str, new: str) -> None:
    book.access = True
    details = {"uid": user.uid, "user_id": user.id}
    change = FieldChange("team", former, new)
    book.note(event, change, member.id or 0, subject=Subject.TEAM, details=details)


def _member_words(member: TeamMember, user: User) -> str:
    extra = [
        label
        for flag, label in (
            (member.flg_lab_access, "lab access"),
            (member.flg_support, "support"),
            (member.flg_deputy_local_contact, "deputy local contact"),
            (bool(member.role_description), member.role_description or ""),
        )
        if flag
    ]
    role = _ROLE.get(DataAccessRole(member.data_access_role), str(member.data_access_role))
    return f"{user.name} ({', '.join([role, *extra])})"


def put_samples(book: Book, proposal: Proposal, rows: Iterable[SampleRow]) -> None:
    """Bring the samples sheet up to date; one that is gone becomes unavailable."""
    known = _of(book.session, Sample, proposal)
    by_name = {s.name: s for s in known}
    by_id = {s.proposal_system_id: s for s in known if s.proposal_system_id}
    told: set[int | None] = set()
    rows = tuple(rows)
    names = {row.name for row in rows}
    for row in rows:
        sample = by_name.get(row.name)
        if sample is None and row.id in by_id and by_id[row.id].name not in names:
            sample = by_id[row.id]
        told.add(_put_sample(book, proposal, sample, row).id)
    for sample in known:
        if sample.flg_proposal_system == UPEX and sample.flg_available and sample.id not in told:
            sample.flg_available = False
            _part(book, proposal, "withdraw-sample", FieldChange("sample", sample.name, NOTHING))
    book.session.flush()


def _put_sample(book: Book, proposal: Proposal, sample: Sample | None, row: SampleRow) -> Sample:
    wanted: dict[str, Any] = {
        "name": row.name,
        "url": row.url,
        "description": row.description,
        "proposal_system_id": row.id,
        "flg_proposal_system": UPEX,
        "flg_available": True,
    }
    if row.type or sample is None:
        wanted["sample_type_id"] = _type(book, SampleType, row.type)
    if sample is None:
        sample = Sample(proposal_id=proposal.id or 0, **wanted)
        book.session.add(sample)
        book.session.flush()
        _part(book, proposal, "create-sample", FieldChange("sample", NOTHING, row.name))
        return sample
    former = {name: getattr(sample, name) for name in wanted}
    if former == wanted:
        return sample
    for name, value in wanted.items():
        setattr(sample, name, value)
    fields = sorted(name for name in wanted if wanted[name] != former[name])
    old = NOTHING if not former["flg_available"] else former["name"]
    new = f"{row.name} ({', '.join(fields)})"
    details = {"former": {name: former[name] for name in fields}}
    _part(book, proposal, "change-sample", FieldChange("sample", old, new), details)
    return sample


def put_run_types(book: Book, proposal: Proposal, rows: Iterable[RunTypeRow]) -> None:
    """Add run types that the proposal has not; one in use is never taken away."""
    session = book.session
    known = {e.name for e in _of(session, Experiment, proposal)}
    last = session.exec(
        select(func.max(Experiment.experiment_number)).where(Experiment.proposal_id == proposal.id)
    ).one()
    number = last or 0
    for row in rows:
        if row.name in known:
            continue
        number += 1
        experiment = Experiment(
            name=row.name,
            description=row.description,
            experiment_number=number,
            experiment_folder=layout.experiment_folder(number),
            experiment_type_id=_type(book, ExperimentType, row.type),
            proposal_id=proposal.id or 0,
        )
        session.add(experiment)
        session.flush()
        experiment.doi = f"xfel.mdc.exp.{experiment.id}"
        known.add(row.name)
        _part(book, proposal, "create-run-type", FieldChange("run type", NOTHING, row.name))


def put_defaults(book: Book, proposal: Proposal) -> None:
    """What every proposal starts with: the default sample and the default run types."""
    site = book.site
    _put_default_sample(book, proposal, site.sample)
    put_run_types(
        book,
        proposal,
        [
            RunTypeRow(str(r["name"]), r.get("experiment_type"), str(r.get("description", "")))
            for r in site.run_types
        ],
    )


def _put_default_sample(book: Book, proposal: Proposal, said: Mapping[str, Any]) -> None:
    name = str(said["name"])
    if any(sample.name == name for sample in _of(book.session, Sample, proposal)):
        return
    kind = _type(book, SampleType, said.get("sample_type"))
    book.session.add(Sample(name=name, sample_type_id=kind, proposal_id=proposal.id or 0))
    book.session.flush()
    _part(book, proposal, "create-sample", FieldChange("sample", NOTHING, name))


def _part(
    book: Book,
    proposal: Proposal,
    event: str,
    change: FieldChange,
    details: Mapping[str, Any] | None = None,
) -> None:
    book.note(event, change, proposal.id or 0, details=details)


def _type(book: Book, table: type[SampleType] | type[ExperimentType], name: str | None) -> int:
    """Row id of a type; an unknown one is warned of and replaced by the first."""
    if name:
        found = book.session.exec(select(table.id).where(table.identifier == name)).first()
        if found is not None:
            return found
        book.warnings.append(f"there is no {table.__tablename__} {name}: took the first one")
    first = book.session.exec(select(table.id).order_by(col(table.id))).first()
    if first is None:
        raise Misconfigured(f"{table.__tablename__} is empty: load the facility file first")
    return first


def _of(session: Session, table: Any, proposal: Proposal) -> list[Any]:  # noqa: ANN401
    """A proposal's rows in one of its tables, in the order of their making."""
    query = select(table).where(table.proposal_id == proposal.id).order_by(col(table.id))
    return list(session.exec(query))
