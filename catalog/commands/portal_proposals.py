"""A proposal as the portal tells it: created, updated, or refused as a whole."""

from collections.abc import Mapping

from sqlmodel import Session, col, func, or_, select

from catalog.commands import duties
from catalog.commands.journal import ask
from catalog.commands.portal_book import Book
from catalog.commands.portal_parts import (
    check_cycle,
    put_beamtimes,
    put_defaults,
    put_run_types,
    put_samples,
    put_team,
)
from catalog.commands.portal_place import Place, check_identity, raw_path
from catalog.commands.portal_release import PLAIN, event_of, put_release, put_value
from catalog.queries.facts import beamtime_facts
from catalog.tables.people import User
from catalog.tables.proposals import Beamtime, Proposal, ProvisioningStep, TeamMember
from policies import layout
from policies.errors import Refused
from policies.portal_export import ProposalRow
from policies.portal_report import NOTHING, FieldChange
from policies.reservation import RESERVED_IN
from policies.vocabulary import BeamtimeState, StepName, StepState, Work

SYNCED = frozenset(
    {
        BeamtimeState.GPFS_OFFLINE_DONE,
        BeamtimeState.GPFS_ONLINE_DONE,
        BeamtimeState.READY,
        BeamtimeState.ACTIVE,
    }
)
"""States in which a change of the team is carried to the directory at once."""

_PEOPLE = {
    "principal_investigator_id": "principal_investigator",
    "main_proposer_id": "main_proposer",
    "local_contact_id": "local_contact",
    "local_data_contact_id": "local_data_contact",
    "experiment_data_contact_id": "experiment_data_contact",
}


def put_proposal(
    book: Book, place: Place, row: ProposalRow, users: Mapping[str, User]
) -> tuple[bool, Proposal]:
    """Create or update a proposal with everything that belongs to it.

    Args:
        book: Takes down every change.
        place: Instrument and cycle that the row names.
        row: What the portal says.
        users: Everybody whom the row names, by account.

    Returns:
        Whether it is new, and the proposal.

    Raises:
        Refused: The row would change what is fixed, or uses another proposal's address.
    """
    session = book.session
    proposal = session.exec(select(Proposal).where(Proposal.number == row.number)).first()
    _free_url(session, row)
    new = proposal is None
    if proposal is None:
        proposal = _create(book, place, row, users)
    else:
        check_identity(book, proposal, place, row)
    _fields(book, proposal, row, users, new=new)
    beamtimes = put_beamtimes(book, proposal, row.beamtimes)
    check_cycle(book, place.cycle, beamtimes)
    put_team(book, proposal, row.team, users)
    put_run_types(book, proposal, row.run_types)
    if row.samples is not None:
        put_samples(book, proposal, row.samples)
    _nominal(book, proposal, row, beamtimes)
    put_release(book, proposal, beamtimes)
    if book.changes:
        proposal.updated_at = book.now
    if new or book.dates:
        duties.plan(session, proposal, beamtime_facts(session, proposal, book.now), book.now)
    if book.dates and not new:
        _follow_dates(book, proposal)
    session.flush()
    return new, proposal


def _follow_dates(book: Book, proposal: Proposal) -> None:
    """Ask for the reservation to follow the beamtime's dates, once it was begun.

    Also where it failed or was skipped: other dates may be what it lacked.
    """
    if proposal.flg_beamtime_status not in RESERVED_IN:
        return
    made = book.session.exec(
        select(ProvisioningStep.id).where(
            ProvisioningStep.proposal_id == proposal.id,
            ProvisioningStep.name == StepName.BATCH_RESERVATION,
            ProvisioningStep.state != StepState.PENDING,
        )
    ).first()
    if made is not None:
        ask(
            book.session,
            Work.PROPOSAL_PREPARE,
            key=f"{Work.PROPOSAL_PREPARE}:{proposal.number}:dates:{book.last_seq}",
            now=book.now,
            parameters={"proposal": proposal.number, "only": [str(StepName.BATCH_RESERVATION)]},
            proposal=proposal.number,
        )


def sync_team(book: Book, proposal: Proposal) -> str:
    """Ask for the groups to be brought up to date, where there are groups yet.

    Returns:
        Key of the work, empty when none is due.
    """
    if proposal.flg_beamtime_status not in SYNCED:
        return ""
    key = f"{Work.TEAM_SYNC}:{proposal.number}:{book.last_seq}"
    ask(
        book.session,
        Work.TEAM_SYNC,
        key=key,
        now=book.now,
        parameters={"proposal": proposal.number},
        proposal=proposal.number,
    )
    return key


def _create(book: Book, place: Place, row: ProposalRow, users: Mapping[str, User]) -> Proposal:
    participants = _free_gid(book)
    proposal = Proposal(
        number=row.number,
        title=row.title,
        proposal_folder=layout.proposal_folder(row.number),
        def_proposal_path=raw_path(place, row.number),
        doi=layout.proposal_doi(row.number),
        instrument_id=place.instrument.id or 0,
        instrument_cycle_id=place.cycle.id or 0,
        flg_proposal_system=row.system,
        gid_participants=participants,
        gid_data_managers=participants + 1,
        status_since=book.now,
        created_at=book.now,
        updated_at=book.now,
    )
    for column, name in _PEOPLE.items():
        setattr(proposal, column, _user_id(users, getattr(row, name)))
    for column, name in PLAIN.items():
        setattr(proposal, column, getattr(row, name))
    book.session.add(proposal)
    book.session.flush()
    label = f"{proposal.proposal_folder} on {row.instrument} in {row.cycle}"
    details = {
        "path": proposal.def_proposal_path,
        "gids": [participants, participants + 1],
        "system": row.system,
    }
    change = FieldChange("proposal", NOTHING, label)
    book.note("create-proposal", change, proposal.id or 0, details=details)
    put_defaults(book, proposal)
    return proposal


def _free_gid(book: Book) -> int:
    """The lower of two free neighbours above every gid that was ever given out.

    Raises:
        Refused: The range is used up.
    """
    low, high = book.site.gids
    used = book.session.exec(
        select(func.max(Proposal.gid_participants), func.max(Proposal.gid_data_managers))
    ).one()
    gid = max(low, *(g + 1 for g in used if g is not None), low)
    if gid + 1 > high:
        raise Refused(f"groups: no free gid is left in {low} to {high}; widen the range")
    return gid


def _user_id(users: Mapping[str, User], uid: str | None) -> int | None:
    return users[uid].id if uid else None


def _free_url(session: Session, row: ProposalRow) -> None:
    if row.url is None:
        return
    other = session.exec(
        select(Proposal.number).where(Proposal.url == row.url, Proposal.number != row.number)
    ).first()
    if other is not None:
        raise Refused(f"url: is the address of proposal {other}")


def _fields(
    book: Book, proposal: Proposal, row: ProposalRow, users: Mapping[str, User], *, new: bool
) -> None:
    if new:
        return
    for column, name in PLAIN.items():
        put_value(book, proposal, column, getattr(row, name))
    for column, name in _PEOPLE.items():
        former, uid = getattr(proposal, column), getattr(row, name)
        wanted = _user_id(users, uid)
        if former == wanted:
            continue
        was = book.session.get(User, former) if former else None
        setattr(proposal, column, wanted)
        change = FieldChange(
            name.replace("_", " "),
            was.name if was else NOTHING,
            users[uid].name if uid else NOTHING,
        )
        details = {"from": was.uid if was else None, "to": uid}
        book.note(event_of(name), change, proposal.id or 0, details=details)
        book.access = True


def _nominal(book: Book, proposal: Proposal, row: ProposalRow, beamtimes: list[Beamtime]) -> None:
    begins, ends = [b.begin_at for b in beamtimes], [b.end_at for b in beamtimes]
    put_value(book, proposal, "begin_at", row.begin_at or min(begins, default=None))
    put_value(book, proposal, "end_at", row.end_at or max(ends, default=None))


def named_in(session: Session, user_ids: set[int]) -> list[Proposal]:
    """Proposals with groups that these people belong to, by number."""
    on_team = select(TeamMember.proposal_id).where(col(TeamMember.user_id).in_(user_ids))
    people = [getattr(Proposal, column).in_(user_ids) for column in _PEOPLE]
    query = (
        select(Proposal)
        .where(col(Proposal.flg_beamtime_status).in_(SYNCED))
        .where(or_(col(Proposal.id).in_(on_team), *people))
        .order_by(col(Proposal.number))
    )
    return list(session.exec(query))
