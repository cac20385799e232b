"""Messages, and what a batch of them will ask for, read at once.

Filled into the transaction's memory; a message that finds nothing there asks the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select, tuple_

from catalog.commands import duties
from catalog.commands.run_parts import DEFAULT_RUN_TYPE, NO_SAMPLE
from catalog.memory import memory
from catalog.tables.journal import Inbox
from catalog.tables.proposals import Experiment, Proposal, Sample
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
    _messages(session, {(m.sender, m.event_id) for m in messages})
    pairs = sorted(set(_runs_named(messages)))
    if not pairs:
        return
    numbers = {number for number, _ in pairs}
    known = memory(session, "proposals")
    found = session.exec(select(Proposal).where(col(Proposal.number).in_(numbers)))
    known |= {proposal.number: proposal for proposal in found}
    _runs(session, [(known[n].id, run) for n, run in pairs if n in known])
    ids = [known[n].id for n in numbers if n in known]
    _named(session, "run types", Experiment, ids, _words(messages, "run_type", DEFAULT_RUN_TYPE))
    _named(session, "samples", Sample, ids, _words(messages, "sample", NO_SAMPLE))
    _held(session, pairs)
    duties.look_ahead(session, Duty.STALE_OPEN_RUN, pairs)


def _messages(session: Session, names: set[tuple[str, str]]) -> None:
    kept = memory(session, "messages")
    kept |= dict.fromkeys(names)
    rows = session.exec(
        select(Inbox).where(tuple_(col(Inbox.sender), col(Inbox.event_id)).in_(names))
    )
    kept |= {(row.sender, row.event_id): row for row in rows}


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
    kept = memory(session, what)
    query: Any = select(table)
    rows: Iterable[Experiment | Sample] = session.exec(
        query.where(col(table.proposal_id).in_(proposals), col(table.name).in_(names))
    )
    kept |= {(row.proposal_id, row.name): row for row in rows}


def _words(messages: Iterable[Message], field: str, default: str) -> set[str]:
    values = (message.body.get(field) for message in messages)
    return {default, *(v.strip() for v in values if isinstance(v, str) and len(v) <= MAX_NAME)}


def _held(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
    kept = memory(session, "held")
    kept |= {pair: [] for pair in pairs}
    rows = session.exec(
        select(Inbox)
        .where(Inbox.state == InboxState.HELD)
        .where(tuple_(col(Inbox.proposal), col(Inbox.run)).in_(pairs))
        .order_by(col(Inbox.id))
    )
    for row in rows:
        kept[row.proposal, row.run].append(row)


def _runs_named(messages: Iterable[Message]) -> Iterable[tuple[int, int]]:
    """Proposal and run of each message that names them properly."""
    for message in messages:
        number, run = message.body.get("proposal"), message.body.get("run")
        if type(number) is not int or type(run) is not int:
            continue
        if 0 < number <= MAX_NUMBER and 0 <= run <= MAX_RUN:
            yield number, run
