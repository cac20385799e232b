"""Reading the ledgers, and proving that nobody rewrote them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from catalog.commands.journal import GENESIS, digest
from catalog.queries.find import proposal_row
from catalog.tables.journal import Change, Inbox, Outbox
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from catalog.views import HistoryRow
from policies.vocabulary import InboxState, Subject

BATCH = 2_000
"""Rows that verification holds in memory."""


def history(session: Session, number: int, run: int | None = None) -> list[HistoryRow]:
    """What happened to a proposal or one of its runs, oldest first.

    Raises:
        Missing: No such proposal.
    """
    proposal_row(session, number)
    query = select(Change).where(Change.proposal == number)
    if run is not None:
        query = query.where(Change.run == run)
    return [_row(c) for c in session.exec(query.order_by(col(Change.seq)))]


def _row(c: Change) -> HistoryRow:
    return HistoryRow(
        c.seq,
        c.at,
        str(c.subject),
        c.run,
        c.event,
        c.source,
        c.target,
        c.actor,
        c.reason,
        tuple(c.override),
        c.details,
    )


@dataclass(frozen=True)
class Verdict:
    """Result of a verification.

    Attributes:
        rows: Rows read.
        head: Hash of the last row; write it down elsewhere to prove the end too.
        faults: What is wrong, a sentence per row; empty when the chain holds.
    """

    rows: int
    head: str
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify(session: Session, anchor: tuple[int, str] | None = None) -> Verdict:
    """Prove the chain, row by row, and that states are what the journal last said.

    Every row is checked against the hash before it as stored, so each tampered row is
    named, not only the first.

    Args:
        session: Any session.
        anchor: Number and hash of a row written down earlier; shows that the end was not
            cut off and the whole was not written anew.
    """
    faults: list[str] = []
    expected, previous, count, head = 1, GENESIS, 0, GENESIS
    anchored = anchor is None or anchor[0] == 0
    for change in _all(session):
        count += 1
        if change.seq != expected:
            faults.append(_gap(expected, change.seq))
        if change.previous != previous:
            faults.append(f"row {change.seq}: does not stand on the row before it")
        if digest(change) != change.hash:
            faults.append(f"row {change.seq}: {change.event} of {_what(change)} was altered")
        if anchor is not None and change.seq == anchor[0]:
            anchored = change.hash == anchor[1]
        expected, previous, head = change.seq + 1, change.hash, change.hash
    if not anchored and anchor is not None:
        faults.append(f"row {anchor[0]}: is not the row that was written down as anchor")
    faults += _drifted(session)
    return Verdict(count, head, tuple(faults))


def _all(session: Session) -> Iterator[Change]:
    last = -1
    while True:
        rows = session.exec(
            select(Change).where(Change.seq > last).order_by(col(Change.seq)).limit(BATCH)
        ).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].seq
        session.expunge_all()


def _gap(expected: int, found: int) -> str:
    if found == expected + 1:
        return f"row {expected}: is missing"
    return f"rows {expected} to {found - 1}: are missing"


def _what(change: Change) -> str:
    run = f" r{change.run:04d}" if change.run is not None else ""
    return f"{change.subject} {change.proposal or change.subject_id}{run}"


def _drifted(session: Session) -> list[str]:
    """States that the journal did not write."""
    said: dict[tuple[Subject, int], Change] = {}
    for change in _all(session):
        if change.subject in {Subject.RUN, Subject.BEAMTIME}:
            said[change.subject, change.subject_id] = change
    faults = []
    for proposal in session.exec(select(Proposal).order_by(col(Proposal.number))):
        last = said.get((Subject.BEAMTIME, proposal.id or 0))
        if last and last.target != proposal.flg_beamtime_status.label:
            faults.append(
                f"proposal {proposal.number}: is {proposal.flg_beamtime_status.label}, the"
                f" journal (row {last.seq}) says {last.target}"
            )
    for run in session.exec(select(Run).order_by(col(Run.id))):
        last = said.get((Subject.RUN, run.id or 0))
        if last is None or last.target != run.state:
            faults.append(
                f"run row {run.id} (r{run.run_number:04d}): is {run.state}, the journal says"
                f" {last.target if last else 'nothing'}"
            )
    return faults


def head(session: Session) -> tuple[int, str]:
    """Number and hash of the last row: what to write down as an anchor."""
    last = session.exec(select(Change).order_by(col(Change.seq).desc()).limit(1)).first()
    return (last.seq, last.hash) if last else (0, GENESIS)


def inbox_list(
    session: Session, state: InboxState | None = None, limit: int = 200
) -> list[dict[str, Any]]:
    """Messages that came in, newest first."""
    query = select(Inbox)
    if state is not None:
        query = query.where(Inbox.state == state)
    rows = session.exec(query.order_by(col(Inbox.id).desc()).limit(limit))
    return [row.model_dump(mode="json") for row in rows]


def inbox_show(session: Session, inbox_id: int) -> dict[str, Any] | None:
    """One message with everything known of it, None when there is none."""
    row = session.get(Inbox, inbox_id)
    return row.model_dump(mode="json") if row else None


def outbox_list(
    session: Session, *, waiting: bool = False, limit: int = 200
) -> list[dict[str, Any]]:
    """Work asked for, newest first.

    Args:
        session: Any session.
        waiting: Only what is not handed over yet.
        limit: Rows at the most.
    """
    query = select(Outbox)
    if waiting:
        query = query.where(col(Outbox.sent_at).is_(None), col(Outbox.given_up_at).is_(None))
    rows = session.exec(query.order_by(col(Outbox.id).desc()).limit(limit))
    return [row.model_dump(mode="json") for row in rows]


def oldest_waiting(session: Session) -> datetime | None:
    """When the oldest row was asked for that nobody took yet, None when all is handed over.

    No order and no limit: they would tempt a planner to walk the whole outbox by id.
    """
    return session.exec(
        select(func.min(Outbox.asked_at)).where(
            col(Outbox.sent_at).is_(None), col(Outbox.given_up_at).is_(None)
        )
    ).one()
