"""Handing over what was asked for, and noticing when it went nowhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, exists, or_, select

from catalog.commands.journal import ask, notice
from catalog.tables.journal import Outbox
from policies.errors import Missing, Refused
from policies.vocabulary import OutboxKind, Work

GIVE_UP_AFTER = 200
"""Tries after which a delivery or a notice is a dead letter, a day and a half at the longest
pause; flows are never given up."""

MAX_ATTEMPTS = 20
"""Askings of the same work before a person must look."""

MAX_WAIT = timedelta(minutes=10)
"""Longest pause between two tries."""


@dataclass(frozen=True)
class Item:
    """A row to hand over.

    Attributes:
        id: Row id.
        key: Unique name; idempotency key on the other side.
        kind: Which road it takes.
        work: Flow name or event topic.
        parameters: Flow parameters or event body.
        proposal: Proposal number or None.
        run: Run number or None.
        asked_at: When it was asked for.
        tries: Tries so far.
        sent_to: Subscriber of a delivery.
    """

    id: int
    key: str
    kind: OutboxKind
    work: str
    parameters: dict[str, Any]
    proposal: int | None
    run: int | None
    asked_at: datetime
    tries: int
    sent_to: str


def item_of(row: Outbox) -> Item:
    """A row as whoever hands it over sees it."""
    return Item(
        row.id or 0,
        row.key,
        row.kind,
        row.work,
        row.parameters,
        row.proposal,
        row.run,
        row.asked_at,
        row.tries,
        row.sent_to,
    )


def due(
    session: Session,
    now: datetime,
    kinds: Sequence[OutboxKind],
    limit: int = 100,
    *,
    to: str | None = None,
    but_not_to: Sequence[str] = (),
    but_not_for: Collection[str] = (),
) -> list[Item]:
    """Rows to hand over now, oldest first.

    Deliveries of one run to one subscriber go in order: a later one waits for an earlier.

    Args:
        session: Any session.
        now: The moment, aware.
        kinds: Roads that the caller serves.
        limit: Rows at the most.
        to: Only deliveries to this subscriber; None for all.
        but_not_to: Subscribers that somebody else serves.
        but_not_for: Flows on a proposal that are handed over another way.
    """
    query = select(Outbox).where(*_open(Outbox), Outbox.due_at <= now, col(Outbox.kind).in_(kinds))
    if to is not None:
        query = query.where(Outbox.sent_to == to)
    if but_not_to:
        query = query.where(col(Outbox.sent_to).not_in(but_not_to))
    if but_not_for:
        other = or_(col(Outbox.work).not_in(but_not_for), col(Outbox.proposal).is_(None))
        query = query.where(other)
    if OutboxKind.DELIVERY in kinds:
        query = query.where(or_(Outbox.kind != OutboxKind.DELIVERY, ~_waits_for_another(now)))
    return [item_of(row) for row in session.exec(query.order_by(col(Outbox.id)).limit(limit))]


def _open(row: Any) -> tuple[ColumnElement[bool], ...]:  # noqa: ANN401 - the table or an alias
    """Neither handed over nor given up."""
    return (col(row.sent_at).is_(None), col(row.given_up_at).is_(None))


def _waits_for_another(now: datetime) -> ColumnElement[bool]:
    """Whether an earlier delivery of the same run to the same subscriber is not due yet."""
    earlier = aliased(Outbox)
    return exists(
        select(earlier.id)
        .where(*_open(earlier), earlier.kind == OutboxKind.DELIVERY, col(earlier.due_at) > now)
        .where(col(earlier.id) < col(Outbox.id), earlier.sent_to == Outbox.sent_to)
        .where(earlier.proposal == Outbox.proposal, earlier.run == Outbox.run)
    )


def hold(session: Session, items: Sequence[Item], until: datetime) -> None:
    """Keep rows from other relays while one tries them; they come back if it dies."""
    for item in items:
        _row(session, item.id).due_at = until


def put_back(session: Session, outbox_id: int, now: datetime) -> None:
    """A held row that was not tried is due as before."""
    row = _row(session, outbox_id)
    if row.sent_at is None:
        row.due_at = now


def _row(session: Session, outbox_id: int) -> Outbox:
    row = session.get(Outbox, outbox_id)
    if row is None:
        raise Missing(f"there is no outbox row {outbox_id}", field="id")
    return row


def sent(session: Session, outbox_id: int, to: str, now: datetime) -> None:
    """The other side has it, and said so; said twice it counts once."""
    row = _row(session, outbox_id)
    if row.sent_at is not None:
        return
    row.sent_at, row.sent_to, row.last_error = now, to, ""
    row.given_up_at = None
    row.tries += 1
    if row.kind is not OutboxKind.FLOW:
        row.concluded_at, row.outcome = now, "delivered"


def failed(
    session: Session,
    outbox_id: int,
    error: str,
    now: datetime,
    longest: timedelta = MAX_WAIT,
) -> None:
    """The other side does not have it, or we do not know: try later with the same key.

    Args:
        session: A writing session.
        outbox_id: The row.
        error: What was seen, in words without secrets.
        now: When, aware.
        longest: Longest pause before the next try.
    """
    row = _row(session, outbox_id)
    if row.sent_at is not None or row.given_up_at is not None:
        return
    row.tries += 1
    row.last_error = error[:2000]
    row.due_at = now + min(longest, timedelta(seconds=2 ** min(row.tries, 10)) / 2)
    if row.kind is not OutboxKind.FLOW and row.tries >= GIVE_UP_AFTER:
        _bury(session, row, now)


def _bury(session: Session, row: Outbox, now: datetime) -> None:
    """A dead letter stays on record, and an administrator is told; not of a dead notice."""
    row.given_up_at, row.outcome = now, "dead letter"
    if row.kind is OutboxKind.NOTICE:
        return
    text = f"{row.work} could not be delivered to {row.sent_to} in {row.tries} tries"
    notice(
        session,
        key=f"dead-letter:{row.id}:{row.tries}",
        now=now,
        to=["admin"],
        text=f"{text}: {row.last_error}",
        proposal=row.proposal,
        run=row.run,
    )


def deliver_again(session: Session, outbox_id: int, now: datetime) -> None:
    """Take up a dead letter once more, with its own event id.

    Raises:
        Missing: No such row.
        Refused: It is no dead letter.
    """
    row = _row(session, outbox_id)
    if row.given_up_at is None:
        raise Refused(f"outbox row {outbox_id} is no dead letter")
    row.given_up_at, row.outcome, row.due_at, row.tries = None, "", now, 0


def fan_out(session: Session, outbox_id: int, subscribers: Sequence[str], now: datetime) -> None:
    """Turn an event into one delivery per subscriber, once."""
    row = _row(session, outbox_id)
    if row.sent_at is not None:
        return
    for name in subscribers:
        key = f"{row.key}->{name}"
        if session.exec(select(Outbox.id).where(Outbox.key == key)).first() is None:
            session.add(
                Outbox(
                    key=key,
                    kind=OutboxKind.DELIVERY,
                    work=row.work,
                    parameters=row.parameters,
                    proposal=row.proposal,
                    run=row.run,
                    asked_at=row.asked_at,
                    due_at=now,
                    sent_to=name,
                )
            )
    row.sent_at = row.concluded_at = now
    row.sent_to, row.outcome = ", ".join(subscribers), f"{len(subscribers)} subscribers"
    session.flush()


def conclude(session: Session, outbox_id: int, outcome: str, now: datetime) -> None:
    """The flow that was asked for has come to its end; a second end changes nothing."""
    row = session.get(Outbox, outbox_id)
    if row is not None and row.concluded_at is None:
        row.concluded_at, row.outcome = now, outcome[:2000]
        # A relay that died before it could say so handed it over all the same.
        row.sent_at = row.sent_at or row.asked_at
        session.flush()


def lease_key(work: str, proposal: int | None, run: int | None) -> str:
    """Name of the lease on a unit of work."""
    return ":".join(str(part) for part in (work, proposal, run) if part is not None)


def ask_again(session: Session, outbox_id: int, why: str, now: datetime) -> str:
    """Ask for the same work with a new key; the former asking is concluded as lost.

    Each asking waits longer than the one before; after `MAX_ATTEMPTS` a person must ask.

    Returns:
        The new key, empty when a person must ask.
    """
    row = _row(session, outbox_id)
    row.concluded_at, row.outcome = now, f"lost: {why}"
    attempt = row.attempt + 1
    if attempt > MAX_ATTEMPTS:
        row.outcome = f"given up after {row.attempt} askings: {why}"
        text = f"{row.work} did not come to an end in {row.attempt} askings: {why}"
        notice(
            session,
            key=f"given-up:{row.key}",
            now=now,
            to=["admin"],
            text=text,
            proposal=row.proposal,
            run=row.run,
        )
        return ""
    key = f"{row.key.rsplit('#', 1)[0]}#{attempt}"
    wait = timedelta(seconds=0 if attempt == 2 else 30 * 2 ** (attempt - 2))  # noqa: PLR2004
    ask(
        session,
        Work(row.work),
        key=key,
        now=now,
        parameters=row.parameters,
        proposal=row.proposal,
        run=row.run,
        due_at=now + min(wait, timedelta(hours=1)),
        attempt=attempt,
    )
    return key
