"""Messages, and what a batch of them will ask for, read at once.

Filled into the transaction's memory; a message that finds nothing there asks the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select, tuple_

from catalog.commands import duties, run_parts
from catalog.commands.journal import tail
from catalog.commands.run_parts import DEFAULT_RUN_TYPE, NO_SAMPLE
from catalog.memory import memory
from catalog.tables.journal import Inbox
from catalog.tables.proposals import Experiment, Sample
from catalog.tables.runs import Run
from policies.messages import MAX_NAME, MAX_NUMBER, MAX_RUN, MessageKind
from policies.vocabulary import Duty, InboxState


@dataclass(frozen=True)
class Message:
    """A verified message.

    Attributes:
        sender: Whose key signed it.
        event_id: The sender's name for it; the same id is the same message.
        kind: Which webhook it came to.
        body: Its JSON object; `{"raw": …}` when it was none.
        body_sha256: Hash of the bytes as they came.
        sent_at: The sender's time stamp, aware.
        fault: Why it cannot be read at all; empty when it can.
        instruments: Instruments this sender speaks for; empty means any.
    """

    sender: str
    event_id: str
    kind: MessageKind
    body: Mapping[str, Any]
    body_sha256: str
    sent_at: datetime | None = None
    fault: str = ""
    instruments: tuple[str, ...] = ()


def look_ahead(session: Session, messages: Sequence[Message]) -> None:
    """Read what these messages speak of."""
    named = {kind: sorted(set(_runs_named(messages, kind))) for kind in MessageKind}
    opened, closed = named[MessageKind.RUN_OPENED], named[MessageKind.RUN_CLOSED]
    _messages(session, {(m.sender, m.event_id) for m in messages}, opened)
    pairs = sorted({pair for some in named.values() for pair in some})
    if not pairs:
        return
    known = run_parts.look_ahead(session, {number for number, _ in pairs})
    _runs(session, [(known[n].id or 0, run) for n, run in pairs if n in known])
    ids = [proposal.id or 0 for proposal in known.values()]
    _named(session, "run types", Experiment, ids, _words(messages, "run_type", DEFAULT_RUN_TYPE))
    _named(session, "samples", Sample, ids, _words(messages, "sample", NO_SAMPLE))
    tail(session)
    if closed:
        duties.look_ahead(session, Duty.STALE_OPEN_RUN, closed)


def _messages(
    session: Session, names: set[tuple[str, str]], opened: Sequence[tuple[int, int]]
) -> None:
    """Messages that are known already, and those that wait for a run to be opened."""
    seen, held = memory(session, "messages"), memory(session, "held")
    seen |= dict.fromkeys(names)
    held |= {pair: [] for pair in opened}
    query: Any = select(Inbox).where(tuple_(col(Inbox.sender), col(Inbox.event_id)).in_(names))
    if opened:
        # Not one query with OR: each half has its own index.
        pair = tuple_(col(Inbox.proposal), col(Inbox.run)).in_(opened)
        halves = query.union(select(Inbox).where(Inbox.state == InboxState.HELD, pair))
        query = select(Inbox).from_statement(halves)
    for row in sorted(session.exec(query).unique(), key=lambda row: row.id):
        if (row.sender, row.event_id) in seen:
            seen[row.sender, row.event_id] = row
        if row.state is InboxState.HELD and (row.proposal, row.run) in held:
            held[row.proposal, row.run].append(row)


def _runs(session: Session, pairs: list[tuple[int, int]]) -> None:
    kept = memory(session, "runs")
    kept |= dict.fromkeys(pairs)
    if pairs:
        rows = session.exec(
            select(Run).where(tuple_(col(Run.proposal_id), col(Run.run_number)).in_(pairs))
        )
        kept |= {(row.proposal_id, row.run_number): row for row in rows}


def _named(
    session: Session,
    what: str,
    table: type[Experiment] | type[Sample],
    proposals: Sequence[int],
    names: set[str],
) -> None:
    if not names:
        return
    kept = memory(session, what)
    query: Any = select(table)
    rows: Iterable[Experiment | Sample] = session.exec(
        query.where(col(table.proposal_id).in_(proposals), col(table.name).in_(names))
    )
    kept |= {(row.proposal_id, row.name): row for row in rows}


def _words(messages: Iterable[Message], field: str, default: str) -> set[str]:
    """Names that the messages bring; a run that is opened without one gets the default."""
    found = set()
    for message in messages:
        value = message.body.get(field)
        if isinstance(value, str) and len(value) <= MAX_NAME:
            found.add(value.strip() or default)
        elif message.kind is MessageKind.RUN_OPENED:
            found.add(default)
    return found


def _runs_named(messages: Iterable[Message], kind: MessageKind) -> Iterable[tuple[int, int]]:
    """Proposal and run of each message of a kind that names them properly."""
    for message in messages:
        number, run = message.body.get("proposal"), message.body.get("run")
        if message.kind is not kind or type(number) is not int or type(run) is not int:
            continue
        if 0 < number <= MAX_NUMBER and 0 <= run <= MAX_RUN:
            yield number, run
