"""Handing over what was asked for, and noticing when it went nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from catalog.commands.journal import ask, notice
from catalog.tables.journal import Lease, Outbox
from policies.errors import Missing
from policies.vocabulary import OutboxKind, Work

GIVE_UP_AFTER = 200
"""Tries after which a delivery to a subscriber is a dead letter; flows are never given up."""

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


def _item(row: Outbox) -> Item:
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
    session: Session, now: datetime, kinds: Sequence[OutboxKind], limit: int = 100
) -> list[Item]:
    """Rows to hand over now, oldest first.

    Deliveries of one run to one subscriber go in order: a later one waits for an earlier.
    """
    rows = session.exec(
        select(Outbox)
        .where(col(Outbox.sent_at).is_(None), col(Outbox.given_up_at).is_(None))
        .where(Outbox.due_at <= now, col(Outbox.kind).in_(kinds))
        .order_by(col(Outbox.id))
        .limit(limit)
    ).all()
    return [_item(row) for row in rows]


def _row(session: Session, outbox_id: int) -> Outbox:
    row = session.get(Outbox, outbox_id)
    if row is None:
        raise Missing(f"there is no outbox row {outbox_id}", field="id")
    return row


def sent(session: Session, outbox_id: int, to: str, now: datetime) -> None:
    """The other side has it, and said so."""
    row = _row(session, outbox_id)
    row.sent_at, row.sent_to, row.last_error = now, to, ""
    row.tries += 1
    if row.kind is not OutboxKind.FLOW:
        row.concluded_at, row.outcome = now, "delivered"


def failed(session: Session, outbox_id: int, error: str, now: datetime) -> None:
    """The other side does not have it, or we do not know: try later with the same key."""
    row = _row(session, outbox_id)
    row.tries += 1
    row.last_error = error[:2000]
    row.due_at = now + min(MAX_WAIT, timedelta(seconds=2 ** min(row.tries, 10)) / 2)
    if row.kind is OutboxKind.DELIVERY and row.tries >= GIVE_UP_AFTER:
        row.given_up_at, row.outcome = now, "dead letter"


def fan_out(session: Session, outbox_id: int, subscribers: Sequence[str], now: datetime) -> None:
    """Turn an event into one delivery per subscriber, once."""
    row = _row(session, outbox_id)
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
        session.flush()


def unconcluded(session: Session, now: datetime, older_than: timedelta) -> list[Item]:
    """Flow rows that were handed over and never came to an end, without a live lease."""
    rows = session.exec(
        select(Outbox)
        .where(Outbox.kind == OutboxKind.FLOW, col(Outbox.concluded_at).is_(None))
        .where(col(Outbox.sent_at).is_not(None), col(Outbox.sent_at) < now - older_than)
        .order_by(col(Outbox.id))
        .limit(500)
    ).all()
    return [_item(row) for row in rows if not _alive(session, row, now)]


def lease_key(work: str, proposal: int | None, run: int | None) -> str:
    """Name of the lease on a unit of work."""
    return ":".join(str(part) for part in (work, proposal, run) if part is not None)


def _alive(session: Session, row: Outbox, now: datetime) -> bool:
    lease = session.get(Lease, lease_key(row.work, row.proposal, row.run))
    return lease is not None and lease.released_at is None and lease.expires_at > now


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
