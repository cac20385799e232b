"""Users and cycles as the portal tells them."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.commands.portal_book import Book, words
from catalog.tables.facility import Instrument, InstrumentCycle
from catalog.tables.people import User
from policies.errors import Refused
from policies.portal_export import Cycle, Person
from policies.portal_report import NOTHING, FieldChange
from policies.vocabulary import Subject

CHUNK = 500
"""Names asked for in one query."""

_ACCESS = {"flg_upex_acceptances": "policy accepted", "flg_ldap_account_valid": "account valid"}
"""Columns that decide whether somebody may be in a group, with their words."""


def users_by_uid(session: Session, uids: Sequence[str]) -> dict[str, User]:
    """Users by account name; unknown names are left out."""
    found: dict[str, User] = {}
    for part in _chunks(uids):
        found |= {u.uid: u for u in session.exec(select(User).where(col(User.uid).in_(part)))}
    return found


def stamp(book: Book, uids: Sequence[str]) -> None:
    """Note when the portal last spoke of these people; no change of theirs, so no history."""
    for part in _chunks(uids):
        book.session.execute(
            sa.update(User)
            .where(col(User.uid).in_(part))
            .values(upex_synced_at=book.now)
            .execution_options(synchronize_session=False)
        )


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), CHUNK):
        yield names[start : start + CHUNK]


def put_user(book: Book, known: User | None, person: Person) -> User:
    """Create or update somebody; roles and passwords are never the portal's.

    Raises:
        Refused: The account is a service account of this facility.
    """
    if known is not None and known.flg_service_account:
        raise Refused(f"uid: {person.uid} is a service account here; the portal cannot speak of it")
    wanted = _columns(person)
    if known is None:
        user = User(**wanted, uid=person.uid, created_at=book.now, updated_at=book.now)
        user.upex_synced_at = book.now
        book.session.add(user)
        book.session.flush()
        change = FieldChange("user", NOTHING, _access_words(wanted))
        _note(book, "create-person", user, change, sorted(wanted))
        return user
    former = {name: getattr(known, name) for name in wanted}
    fields = [name for name in wanted if wanted[name] != former[name]]
    if not fields:
        return known
    for name in fields:
        setattr(known, name, wanted[name])
    known.updated_at = book.now
    book.session.flush()
    book.access = any(name in _ACCESS for name in fields)
    change = (
        FieldChange("access", _access_words(former), _access_words(wanted))
        if book.access
        else FieldChange("personal data", "as before", ", ".join(fields))
    )
    _note(book, "change-person", known, change, fields)
    return known


def _columns(person: Person) -> dict[str, Any]:
    return {
        "name": person.name or person.uid,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "contact_email": person.contact_email,
        "flg_upex_acceptances": person.policy_accepted,
        "flg_ldap_account_valid": person.account_valid,
    }


def _access_words(values: dict[str, Any]) -> str:
    return ", ".join(f"{label}: {words(values[name])}" for name, label in _ACCESS.items())


def _note(book: Book, event: str, user: User, change: FieldChange, fields: list[str]) -> None:
    # the journal is for ever, so it names the personal fields and keeps no value of theirs
    details = {"uid": user.uid, "fields": fields}
    book.note(event, change, user.id or 0, subject=Subject.TEAM, details=details)


def put_cycle(book: Book, instruments: dict[str, Instrument], cycle: Cycle) -> InstrumentCycle:
    """Create or update a cycle of an instrument.

    Raises:
        Refused: No such instrument.
    """
    place = instruments.get(cycle.instrument)
    if place is None:
        raise Refused(f"instrument: there is no instrument {cycle.instrument}")
    row = book.session.exec(
        select(InstrumentCycle).where(
            InstrumentCycle.identifier == cycle.identifier,
            InstrumentCycle.instrument_id == place.id,
        )
    ).first()
    new = row is None
    if row is None:
        row = InstrumentCycle(
            identifier=cycle.identifier,
            instrument_id=place.id or 0,
            begin_at=cycle.begin_at,
            end_at=cycle.end_at,
            start_call_at=cycle.start_call_at,
            close_call_at=cycle.close_call_at,
            flg_proposal_system="upex",
        )
        book.session.add(row)
        book.session.flush()
        change = FieldChange("cycle", NOTHING, book.span(row.begin_at, row.end_at))
        _note_cycle(book, row, cycle, change, new=True)
        return row
    for name in ("begin_at", "end_at", "start_call_at", "close_call_at"):
        former, wanted = getattr(row, name), getattr(cycle, name)
        # a call that the export leaves out is not taken away
        if wanted is None or wanted == former:
            continue
        setattr(row, name, wanted)
        change = FieldChange(name, book.moment(former), book.moment(wanted))
        _note_cycle(book, row, cycle, change, new=new)
    return row


def _note_cycle(
    book: Book, row: InstrumentCycle, cycle: Cycle, change: FieldChange, *, new: bool
) -> None:
    book.note(
        "create-cycle" if new else "change-cycle",
        change,
        row.id or 0,
        subject=Subject.REFERENCE,
        details={"cycle": cycle.identifier, "instrument": cycle.instrument},
    )
