"""Messages that come in: kept first, applied when they can be, never lost."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session, col, select

from catalog.commands.guard import Guard, Surprise, guarded, unguarded
from catalog.commands.inbox_batch import Message, look_ahead
from catalog.commands.journal import record
from catalog.commands.runs import close_run, open_run, update_run
from catalog.memory import memory
from catalog.queries.facts import instrument_of
from catalog.queries.find import proposal_row
from catalog.tables.journal import Inbox
from catalog.tables.making import made
from catalog.views import RunMove
from policies import permissions
from policies.actor import Actor, daq
from policies.errors import Conflict, Invalid, Missing, Refused
from policies.messages import MessageKind, read
from policies.vocabulary import InboxState, Subject

__all__ = ["Answer", "Message", "accept", "accept_all", "reinject", "retry_held"]

_COMMANDS = {
    MessageKind.RUN_OPENED: open_run,
    MessageKind.RUN_UPDATED: update_run,
    MessageKind.RUN_CLOSED: close_run,
}

_STATUS = {InboxState.APPLIED: 202, InboxState.IGNORED: 202, InboxState.HELD: 202}


@dataclass(frozen=True)
class Answer:
    """What the sender is told; a repeated message is told the same.

    Attributes:
        status: HTTP status.
        body: JSON object with `event_id`, `state`, `reason`, and `fields` where one is wrong.
        fresh: Whether this is the first time the message came.
    """

    status: int
    body: dict[str, Any]
    fresh: bool = field(default=True, compare=False)


def accept(session: Session, message: Message, now: datetime) -> Answer:
    """Keep a message and apply it if that is possible now.

    Raises:
        Conflict: The event id is known with another body.
    """
    return _accept(session, message, now, guarded)


def accept_all(
    session: Session, messages: Sequence[Message], clock: Callable[[], datetime]
) -> list[Answer | Conflict]:
    """Keep and apply messages that arrived together, with few questions to the database.

    Args:
        session: A writing session of its own: on any error nothing of it may be committed,
            and each message is to be accepted alone.
        messages: In the order of arrival.
        clock: The moment, aware.

    Raises:
        Surprise: A message would have needed a guard of its own.
    """
    look_ahead(session, messages)
    answers: list[Answer | Conflict] = []
    for message in messages:
        try:
            answers.append(_accept(session, message, clock(), unguarded))
        except Conflict as error:
            answers.append(error)
    return answers


def _accept(session: Session, message: Message, now: datetime, guard: Guard) -> Answer:
    known = _known(session, message)
    if known is not None:
        if known.body_sha256 != message.body_sha256 or known.kind != message.kind:
            raise Conflict(f"event id {message.event_id} was used before with another body")
        return Answer(known.answer["status"], known.answer["body"], fresh=False)
    row = made(
        Inbox,
        sender=message.sender,
        event_id=message.event_id,
        kind=message.kind,
        body=dict(message.body),
        body_sha256=message.body_sha256,
        received_at=now,
        sent_at=message.sent_at,
        speaks_for=list(message.instruments),
        state=InboxState.HELD,
    )
    fields = _try(session, row, now, message.fault, guard)
    status = _STATUS.get(row.state, 422 if fields else 409)
    body: dict[str, Any] = {"event_id": row.event_id, "state": str(row.state)}
    body |= {"reason": row.reason} if row.reason else {}
    body |= {"fields": fields} if fields else {}
    row.answer = {"status": status, "body": body}
    session.add(row)
    memory(session, "messages")[row.sender, row.event_id] = row
    held = memory(session, "held").get((row.proposal, row.run))
    if held is not None and row.state is InboxState.HELD:
        held.append(row)
    _release_held(session, row, now, guard)
    return Answer(status, body)


def _known(session: Session, message: Message) -> Inbox | None:
    kept, key = memory(session, "messages"), (message.sender, message.event_id)
    if key in kept:
        row: Inbox | None = kept[key]
        return row
    return session.exec(
        select(Inbox).where(Inbox.sender == message.sender, Inbox.event_id == message.event_id)
    ).first()


def _try(
    session: Session, row: Inbox, now: datetime, fault: str = "", guard: Guard = guarded
) -> dict[str, Any]:
    """Apply a kept message; what happens is written on its row.

    Returns:
        Fields that break a rule, empty when none does.
    """
    try:
        if fault:
            raise Invalid(fault, fields={"body": fault})
        kind = MessageKind(row.kind)
        row.proposal, row.run, facts = read(kind, row.body)
        with guard(session):
            _speaks_for(session, row.sender, row.proposal, row.speaks_for)
            move = _COMMANDS[kind](session, row.proposal, row.run, facts, daq(row.sender), now)
    except Missing as error:
        _settle(row, InboxState.HELD, f"{error.message}: waits for it", None)
    except (Refused, Invalid) as error:
        _settle(row, InboxState.REFUSED, error.message, now)
        return _wrong_fields(error)
    except (OperationalError, InterfaceError, Surprise):
        raise
    except Exception as error:
        if guard is not guarded:
            raise
        reason = f"held because of a fault of this program: {type(error).__name__}: {error}"
        _settle(row, InboxState.HELD, reason[:2000], None)
    else:
        _settle_move(row, move, now)
    return {}


def _wrong_fields(error: Refused | Invalid) -> dict[str, Any]:
    """Fields that break a rule; a refusal breaks none."""
    if isinstance(error, Refused):
        return {}
    fields = error.context.get("fields")
    return dict(fields) if isinstance(fields, dict) else {"body": error.message}


def _speaks_for(session: Session, sender: str, number: int, instruments: Sequence[str]) -> None:
    """Refuse a DAQ that speaks of a proposal on somebody else's instrument."""
    if not instruments:
        return
    instrument = instrument_of(session, proposal_row(session, number)).identifier
    if instrument not in instruments:
        raise Refused(
            f"proposal {number} is on {instrument}; {sender} speaks for {', '.join(instruments)}",
            field="proposal",
        )


def _settle(row: Inbox, state: InboxState, reason: str, at: datetime | None) -> None:
    row.state, row.reason, row.settled_at = state, reason, at


def _settle_move(row: Inbox, move: RunMove, now: datetime) -> None:
    state = InboxState.APPLIED if move.changed else InboxState.IGNORED
    said = "; ".join(move.warnings) if move.changed else "told nothing new"
    _settle(row, state, said, now)


def _release_held(session: Session, opened: Inbox, now: datetime, guard: Guard = guarded) -> None:
    """Apply what waited for a run that has just been opened, oldest first."""
    if opened.state is not InboxState.APPLIED or opened.kind != MessageKind.RUN_OPENED:
        return
    rows = memory(session, "held").pop((opened.proposal, opened.run), None)
    if rows is None:
        rows = session.exec(
            select(Inbox)
            .where(Inbox.state == InboxState.HELD)
            .where(Inbox.proposal == opened.proposal, Inbox.run == opened.run)
            .order_by(col(Inbox.id))
        ).all()
    for row in rows:
        row.attempts += 1
        _try(session, row, now, guard=guard)


def retry_held(session: Session, now: datetime, limit: int = 500) -> dict[str, int]:
    """Try again what waits; one bad message never stops the rest.

    Those tried least come first, so that many hopeless ones do not hide the others.

    Returns:
        How many rows ended in which state.
    """
    rows = session.exec(
        select(Inbox)
        .where(Inbox.state == InboxState.HELD)
        .order_by(col(Inbox.attempts), col(Inbox.id))
        .limit(limit)
    ).all()
    for row in rows:
        if row.state is InboxState.HELD:
            row.attempts += 1
            _try(session, row, now)
            _release_held(session, row, now)
    session.flush()
    return dict(Counter(str(row.state) for row in rows))


def reinject(
    session: Session,
    inbox_id: int,
    actor: Actor,
    now: datetime,
    reason: str,
    corrected: Mapping[str, Any] | None = None,
) -> InboxState:
    """Put a kept message again, perhaps with corrected fields.

    The message as it came stays on record in the journal.

    Args:
        session: A writing session.
        inbox_id: Row of the inbox.
        actor: Who asks.
        now: When, aware.
        reason: Why.
        corrected: Fields that replace those of the body.

    Raises:
        Missing: No such row.
        Forbidden: Not the actor's to ask.
        Refused: It is applied already, or no reason is given.
    """
    permissions.demand("inbox:reinject", actor.roles)
    row = session.get(Inbox, inbox_id)
    if row is None:
        raise Missing(f"there is no message {inbox_id}", field="id")
    if row.state in {InboxState.APPLIED, InboxState.IGNORED}:
        raise Refused(f"message {inbox_id} is {row.state} already")
    if not reason.strip():
        raise Refused("putting a message again needs a reason", guard="reason")
    former, body = row.state, dict(row.body)
    row.body = {**body, **dict(corrected or {})}
    row.attempts += 1
    _try(session, row, now)
    _release_held(session, row, now)
    record(
        session,
        subject=Subject.INBOX,
        subject_id=inbox_id,
        proposal=row.proposal,
        run=row.run,
        event="reinject",
        source=str(former),
        target=str(row.state),
        actor=actor,
        now=now,
        reason=reason,
        policy=permissions.VERSION,
        details={"as_it_came": body, "corrected": dict(corrected or {}), "outcome": row.reason},
    )
    return row.state
