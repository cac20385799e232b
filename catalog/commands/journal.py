"""What was decided and what is asked for, written in the same transaction as the change."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from catalog.memory import memory
from catalog.tables.journal import Change, Outbox
from catalog.tables.making import made
from policies.actor import Actor
from policies.vocabulary import OutboxKind, Subject, Topic, Work

GENESIS = "0" * 64
"""What the first row of the chain stands on."""


def record(
    session: Session,
    *,
    subject: Subject,
    subject_id: int,
    event: str,
    actor: Actor,
    now: datetime,
    policy: str,
    source: str = "",
    target: str = "",
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    proposal: int | None = None,
    run: int | None = None,
    override: Sequence[str] = (),
) -> Change:
    """Append one decision to the journal.

    Args:
        session: A writing session; the write lock keeps the chain's end single.
        subject: What the row speaks of.
        subject_id: Row id of that thing.
        event: What happened, imperative.
        actor: Who asked, with the roles held.
        now: When, aware.
        policy: Version of the rules that decided.
        source: Former value in words.
        target: New value in words.
        reason: Why, as the actor said it.
        details: Further facts; JSON values.
        proposal: Proposal number, for the history of a proposal.
        run: Run number, for the history of a run.
        override: Guards that an administrator passed with the reason.
    """
    seq, previous = tail(session)
    change = made(
        Change,
        seq=seq + 1,
        at=now.astimezone(UTC),
        subject=subject,
        subject_id=subject_id,
        proposal=proposal,
        run=run,
        event=event,
        source=source,
        target=target,
        actor=actor.name,
        roles=sorted(actor.roles),
        reason=reason,
        policy=policy,
        override=list(override),
        details=dict(details or {}),
        previous=previous,
        hash="",
    )
    change.hash = digest(change)
    session.add(change)
    memory(session, "journal")["tail"] = (change.seq, change.hash)
    return change


def tail(session: Session) -> tuple[int, str]:
    """Number and hash of the last row, as this transaction sees it.

    The write lock lets nobody append meanwhile, so the end is read once.
    """
    known = memory(session, "journal")
    if "tail" not in known:
        last = session.exec(
            select(Change.seq, Change.hash).order_by(col(Change.seq).desc()).limit(1)
        ).first()
        known["tail"] = (last[0], last[1]) if last else (0, GENESIS)
    seq, head = known["tail"]
    return int(seq), str(head)


def digest(change: Change) -> str:
    """The hash that a row must carry: SHA-256 over what it says and the hash before it."""
    said = {
        "seq": change.seq,
        "at": change.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "subject": str(change.subject),
        "subject_id": change.subject_id,
        "proposal": change.proposal,
        "run": change.run,
        "event": change.event,
        "source": change.source,
        "target": change.target,
        "actor": change.actor,
        "roles": change.roles,
        "reason": change.reason,
        "policy": change.policy,
        "override": change.override,
        "details": change.details,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(change.previous.encode() + text.encode()).hexdigest()


def ask(
    session: Session,
    work: Work,
    *,
    key: str,
    now: datetime,
    parameters: Mapping[str, Any],
    proposal: int | None = None,
    run: int | None = None,
    due_at: datetime | None = None,
    attempt: int = 1,
    fresh: bool = False,
) -> Outbox:
    """Ask for a flow run; the same key asks once.

    Args:
        session: A writing session.
        work: The flow.
        key: Unique name of this asking.
        now: When it was asked, aware.
        parameters: The flow's parameters: ids and words only.
        proposal: Proposal number.
        run: Run number.
        due_at: Not to be started before; None means now.
        attempt: Which asking of the same work this is.
        fresh: The caller knows that the key is new: nobody looks, and the row gets its id later.

    Returns:
        The row, the former one when the key is known.
    """
    if not fresh and (known := _known(session, key)):
        return known
    row = made(
        Outbox,
        key=key,
        kind=OutboxKind.FLOW,
        work=work,
        parameters=dict(parameters),
        proposal=proposal,
        run=run,
        asked_at=now,
        due_at=due_at or now,
        attempt=attempt,
    )
    return _put(session, row, fresh=fresh)


def _known(session: Session, key: str) -> Outbox | None:
    return session.exec(select(Outbox).where(Outbox.key == key)).first()


def _put(session: Session, row: Outbox, *, fresh: bool = False) -> Outbox:
    session.add(row)
    if not fresh:
        session.flush()
    return row


def emit(
    session: Session,
    topic: Topic,
    *,
    key: str,
    now: datetime,
    proposal: int,
    run: int,
    data: Mapping[str, Any] | None = None,
    fresh: bool = False,
) -> Outbox:
    """Tell the world: an event for every subscriber of the topic.

    Args:
        session: A writing session.
        topic: Wire name of the event.
        key: Unique name; becomes the event id that subscribers see.
        now: When it happened, aware.
        proposal: Proposal number.
        run: Run number.
        data: Further keys of the body; consumers ignore what they do not know.
        fresh: The caller knows that the key is new.
    """
    if not fresh and (known := _known(session, key)):
        return known
    body = {
        **dict(data or {}),
        "event": str(topic),
        "proposal": proposal,
        "run": run,
        "at": now.astimezone(UTC).isoformat(timespec="milliseconds"),
        "schema": 1,
    }
    row = made(
        Outbox,
        key=key,
        kind=OutboxKind.EVENT,
        work=topic,
        parameters=body,
        proposal=proposal,
        run=run,
        asked_at=now,
        due_at=now,
    )
    return _put(session, row, fresh=fresh)


def notice(
    session: Session,
    *,
    key: str,
    now: datetime,
    to: Sequence[str],
    text: str,
    proposal: int | None = None,
    run: int | None = None,
) -> Outbox:
    """Queue a message to people; the same key says it once.

    Args:
        session: A writing session.
        key: Unique name of the message.
        now: When, aware.
        to: Account names or role words; resolved when it is sent.
        text: What to say; no secrets.
        proposal: Proposal number.
        run: Run number.
    """
    if known := _known(session, key):
        return known
    row = made(
        Outbox,
        key=key,
        kind=OutboxKind.NOTICE,
        work="notice",
        parameters={"to": list(to), "text": text},
        proposal=proposal,
        run=run,
        asked_at=now,
        due_at=now,
    )
    return _put(session, row)
