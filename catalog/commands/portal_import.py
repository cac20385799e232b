"""One import of the portal's rows, each in a savepoint of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import Session, select

from catalog.commands.portal_book import Book, Site, site
from catalog.commands.portal_inbox import Kept
from catalog.commands.portal_people import put_cycle, put_user, stamp, users_by_uid
from catalog.commands.portal_place import Place
from catalog.commands.portal_proposals import named_in, put_proposal, sync_team
from catalog.tables.facility import Instrument, InstrumentCycle
from catalog.tables.people import User
from policies.actor import Actor
from policies.errors import Invalid, Misconfigured, Refused
from policies.portal_export import Cycle, Export, Person, ProposalRow, RefusedRow
from policies.portal_report import ImportReport, Outcome, RowReport
from policies.portal_values import MAX_NUMBER


@dataclass
class Import:
    """One import; what is looked up often is looked up once.

    Attributes:
        keeps: Whether refused rows go into the inbox (not when they come from there).
    """

    session: Session
    actor: Actor
    now: datetime
    rows: Export
    keeps: bool = True
    site: Site = field(init=False)
    kept: Kept = field(init=False)
    instruments: dict[str, Instrument] = field(init=False)
    users: dict[str, User] = field(init=False)
    access: dict[int, Book] = field(default_factory=dict)
    unchanged_users: int = 0

    def __post_init__(self) -> None:
        self.site = site(self.session)
        self.kept = Kept(self.session, self.now, self.rows.exported_at)
        self.instruments = {i.identifier: i for i in self.session.exec(select(Instrument))}
        if not self.instruments:
            raise Misconfigured("there is no instrument: load the facility file first")
        named = {p.uid for p in self.rows.people}
        for proposal in self.rows.proposals:
            named |= set(proposal.accounts.values())
        self.users = users_by_uid(self.session, sorted(named))

    def run(self) -> ImportReport:
        """Take over every row: people and cycles first, because proposals name them."""
        refused: dict[str, list[RowReport]] = {"user": [], "cycle": [], "proposal": []}
        for row in self.rows.refused:
            refused[row.kind].append(self._refuse(row))
        users = [r for p in self.rows.people if (r := self._user(p))]
        stamp(self._book(), [p.uid for p in self.rows.people if p.uid in self.users])
        cycles = [self._cycle(c) for c in self.rows.cycles]
        proposals = [self._proposal(p) for p in self.rows.proposals]
        synced = {r.key for r in proposals if r.work}
        proposals = self._sync_others(proposals, synced)
        return ImportReport(
            users=(*users, *refused["user"]),
            cycles=(*cycles, *refused["cycle"]),
            proposals=(*proposals, *refused["proposal"]),
            unchanged_users=self.unchanged_users,
        )

    def _book(self, number: int | None = None) -> Book:
        return Book(self.session, self.actor, self.now, self.site, number)

    def _user(self, person: Person) -> RowReport | None:
        book = self._book()
        known = self.users.get(person.uid)

        def put() -> None:
            user = put_user(book, known, person)
            self.users[person.uid] = user
            if known is not None and book.access:
                self.access[user.id or 0] = book

        report = self._isolated("user", person.uid, person.content, put, book, new=known is None)
        if report.outcome is Outcome.UNCHANGED:
            self.unchanged_users += 1
            return None
        return report

    def _cycle(self, cycle: Cycle) -> RowReport:
        book = self._book()
        key = f"{cycle.identifier} {cycle.instrument}"
        return self._isolated(
            "cycle",
            key,
            cycle.content,
            lambda: put_cycle(book, self.instruments, cycle),
            book,
        )

    def _proposal(self, row: ProposalRow) -> RowReport:
        book = self._book(row.number)
        work = ""
        new = False

        def put() -> None:
            nonlocal work, new
            users = self._people(row)
            new, proposal = put_proposal(book, self._place(row), row, users)
            if book.access:
                work = sync_team(book, proposal)

        report = self._isolated(
            "proposal", str(row.number), row.content, put, book, number=row.number
        )
        if report.outcome is Outcome.REFUSED:
            return report
        outcome = Outcome.CREATED if new else report.outcome
        return replace(report, outcome=outcome, work=work)

    def _people(self, row: ProposalRow) -> dict[str, User]:
        """Everybody whom the row names; nobody may be missing or a service account."""
        for name, uid in row.accounts.items():
            user = self.users.get(uid)
            if user is None:
                raise Refused(f"{name}: nobody has the account {uid}")
            if user.flg_service_account:
                raise Refused(f"{name}: {uid} is a service account")
        return self.users

    def _place(self, row: ProposalRow) -> Place:
        instrument = self.instruments.get(row.instrument)
        if instrument is None:
            raise Refused(f"instrument: there is no instrument {row.instrument}")
        cycle = self.session.exec(
            select(InstrumentCycle).where(
                InstrumentCycle.identifier == row.cycle,
                InstrumentCycle.instrument_id == instrument.id,
            )
        ).first()
        if cycle is None:
            raise Refused(
                f"cycle: {row.instrument} has no cycle {row.cycle}; let the portal send it"
            )
        return Place(instrument, cycle)

    def _isolated(
        self,
        kind: str,
        key: str,
        content: Mapping[str, Any],
        put: Callable[[], object],
        book: Book,
        *,
        number: int | None = None,
        new: bool = False,
    ) -> RowReport:
        """Take over one row in a savepoint of its own."""
        try:
            with self.session.begin_nested():
                put()
        except (Refused, Invalid) as error:
            fault = error.message
        except (IntegrityError, DataError) as error:
            fault = f"the database does not take it: {str(error.orig).splitlines()[0]}"
        else:
            self.kept.settle(kind, key, content)
            outcome = Outcome.CREATED if new else Outcome.UPDATED
            outcome = outcome if book.changes else Outcome.UNCHANGED
            return RowReport(kind, key, outcome, tuple(book.changes), tuple(book.warnings))
        name, _, rule = fault.partition(": ")
        return self._refuse(RefusedRow(kind, key, {name: rule} if rule else {"": name}, content))

    def _refuse(self, row: RefusedRow) -> RowReport:
        inbox_id = self.kept.keep(row, _number(row)).id if self.keeps else None
        return RowReport(row.kind, row.key, Outcome.REFUSED, reason=row.reason, inbox_id=inbox_id)

    def _sync_others(self, reports: list[RowReport], done: set[str]) -> list[RowReport]:
        """Ask for the groups of proposals whose people were changed, not their teams."""
        if not self.access:
            return reports
        last = max(self.access.values(), key=lambda book: book.last_seq)
        found = {
            str(p.number): sync_team(last, p)
            for p in named_in(self.session, set(self.access))
            if str(p.number) not in done
        }
        told = [replace(r, work=found.pop(r.key)) if r.key in found else r for r in reports]
        return told + [
            RowReport("proposal", key, Outcome.UNCHANGED, work=work) for key, work in found.items()
        ]


def _number(row: RefusedRow) -> int | None:
    """The proposal number of a refused row, None when it cannot be one."""
    if row.kind != "proposal" or not isinstance(row.content, Mapping):
        return None
    number = row.content.get("number")
    good = isinstance(number, int) and not isinstance(number, bool) and 0 < number <= MAX_NUMBER
    return number if good else None
