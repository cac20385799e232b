"""One lane per road: what stands still on one holds up nothing on another.

Flows, notices, the spreading of events and each subscriber have a lane of their own. A lane
takes what is due, hands it over and notes what came of it.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from catalog.commands import along, outbox
from catalog.commands.outbox import Item
from catalog.engine import Database, Session
from catalog.queries import traffic
from policies.along import WORKS, room
from policies.errors import BeamkeeperError
from policies.vocabulary import OutboxKind

log = logging.getLogger("beamkeeper.relay")

BATCH = 64
"""Flows of one round."""

HELD_BATCH = 32
"""Deliveries or notices of one round; all of them time out well within `HOLD`."""

HOLD = timedelta(minutes=15)
"""How long a row that cannot be asked for twice stays with the relay that took it."""

FLOW_PAUSE = timedelta(seconds=30)
"""Longest pause between two tries to start a flow: people wait for it."""

LOOK_PAUSE = timedelta(seconds=0.5)
"""After a look at what waits without room for any, nobody looks again for so long."""

FLOW_HOLD = timedelta(seconds=30)
"""How long a flow run at work leaves a row alone that a relay is handing over."""


@dataclass(frozen=True)
class Outcome:
    """What came of handing a row over.

    Attributes:
        item: The row.
        to: What it was handed to.
        error: Why not, in words; empty when it was.
        silent: Whether the other side did not answer at all, so others will fare alike.
        tried: False when an earlier row of its chain failed.
    """

    item: Item
    to: str = ""
    error: str = ""
    silent: bool = False
    tried: bool = True


def attempt(hand_over: Callable[[Item], str], item: Item) -> Outcome:
    """Hand a row over; every failure is an outcome."""
    try:
        return Outcome(item, to=hand_over(item))
    except BeamkeeperError as error:
        log.warning("%s: %s", item.key, error.message)
        return Outcome(item, error=error.message, silent=bool(error.context.get("silent")))
    except Exception as error:
        log.exception("%s", item.key)
        return Outcome(item, error=f"{type(error).__name__}: {error}")


class FlowLane:
    """Starts flows; the row's key makes a repetition harmless.

    Of work that flows take along only so much is started as is worth a flow run; those rows
    are held meanwhile, so that no flow at work takes along what is being handed over.

    Args:
        database: The catalog.
        start: Starts one flow and returns the run's id.
        stopping: Whether the relay is about to end.
        hands: Flows started at once.
        flows_at_once: Flow runs that a proposal gets of work that is taken along.
    """

    name = "flows"
    idle_seconds = 0.1

    def __init__(
        self,
        database: Database,
        start: Callable[[Item], str],
        stopping: Callable[[], bool],
        hands: int = 4,
        flows_at_once: int = 2,
    ) -> None:
        self._database = database
        self._stopping = stopping
        self._start = start
        self._hands = hands
        self._flows_at_once = flows_at_once
        self._full_until: datetime | None = None
        self._pool = ThreadPoolExecutor(hands, thread_name_prefix="relay-flows")

    def round(self, clock: Callable[[], datetime]) -> tuple[int, bool]:
        """Start what is due; stops when the engine does not answer, the rest stays due.

        Returns:
            Number of rows tried and whether the engine was silent.
        """
        items, held = self._take(clock)
        done: list[Outcome] = []
        for at in range(0, len(items), self._hands):
            if self._stopping() or any(one.silent for one in done):
                break
            few = items[at : at + self._hands]
            done += self._pool.map(lambda item: attempt(self._start, item), few)
        if items:
            self._note(done, [item for item in items[len(done) :] if item in held], clock)
        return len(done), any(one.silent for one in done)

    def _take(self, clock: Callable[[], datetime]) -> tuple[list[Item], list[Item]]:
        """What to start now, and those of it that are held."""
        with self._database.read() as session:
            now = clock()
            items = outbox.due(session, now, [OutboxKind.FLOW], BATCH, but_not_for=WORKS)
            wanted = self._wanted(session, now)
        held: list[Item] = []
        if wanted:
            with self._database.write() as session:
                now = clock()
                for (work, proposal), free in wanted.items():
                    until = now + FLOW_HOLD
                    held += along.hand_over(session, work, proposal, now, free, until)
        return sorted(items + held, key=lambda item: item.id), held

    def _wanted(self, session: Session, now: datetime) -> dict[tuple[str, int], int]:
        """How many flows to start now of work that is taken along: by work and proposal."""
        if self._full_until is not None and now < self._full_until:
            return {}
        waiting = traffic.waiting_for(session, WORKS, now)
        free = {
            lane: room(traffic.traffic(session, *lane, now), self._flows_at_once)
            for lane in waiting
        }
        wanted = {lane: count for lane, count in free.items() if count}
        self._full_until = now + LOOK_PAUSE if waiting and not wanted else None
        return wanted

    def _note(
        self, done: Sequence[Outcome], untried: Sequence[Item], clock: Callable[[], datetime]
    ) -> None:
        with self._database.write() as session:
            for item in untried:
                outbox.put_back(session, item.id, clock())
            for one in done:
                if one.error:
                    outbox.failed(session, one.item.id, one.error, clock(), FLOW_PAUSE)
                else:
                    outbox.sent(session, one.item.id, one.to, clock())

    def close(self) -> None:
        """Let the hands go."""
        self._pool.shutdown()


class EventLane:
    """Turns each event into one delivery per subscriber that wants it.

    Args:
        database: The catalog.
        wanted_by: Names of the subscribers of a topic.
    """

    name = "events"
    idle_seconds = 0.5

    def __init__(self, database: Database, wanted_by: Callable[[str], Sequence[str]]) -> None:
        self._database = database
        self._wanted_by = wanted_by

    def round(self, clock: Callable[[], datetime]) -> tuple[int, bool]:
        """Spread what is due; returns the number of events and False."""
        with self._database.read() as session:
            items = outbox.due(session, clock(), [OutboxKind.EVENT], 4 * BATCH)
        if items:
            with self._database.write() as session:
                for item in items:
                    outbox.fan_out(session, item.id, self._wanted_by(item.work), clock())
        return len(items), False

    def close(self) -> None:
        """Nothing to let go."""


class HeldLane:
    """Hands over what would be seen twice: a row is held, so a second relay leaves it alone.

    Args:
        database: The catalog.
        kind: Deliveries or notices.
        hand_over: Hands one row over and returns to whom.
        stopping: Whether the relay is about to end.
        to: Only deliveries to this subscriber; None for all.
        but_not_to: Subscribers that have a lane of their own.
        hands: Chains handed over at once.
    """

    idle_seconds = 0.5

    def __init__(
        self,
        database: Database,
        kind: OutboxKind,
        hand_over: Callable[[Item], str],
        stopping: Callable[[], bool],
        *,
        to: str | None = None,
        but_not_to: Sequence[str] = (),
        hands: int = 2,
    ) -> None:
        self.name = f"{kind}:{to or ''}"
        self._database = database
        self._kind = kind
        self._hand_over = hand_over
        self._stopping = stopping
        self._to, self._but_not_to = to, list(but_not_to)
        self._pool = ThreadPoolExecutor(hands, thread_name_prefix=f"relay-{self.name}")

    def round(self, clock: Callable[[], datetime]) -> tuple[int, bool]:
        """Hand over what is due.

        Returns:
            Number of rows taken, and False: rows that failed wait by themselves.
        """
        items = self._take(clock)
        chains = list(self._pool.map(self._chain, _chains(items)))
        if items:
            with self._database.write() as session:
                for one in (one for chain in chains for one in chain):
                    if not one.tried:
                        outbox.put_back(session, one.item.id, clock())
                    elif one.error:
                        outbox.failed(session, one.item.id, one.error, clock())
                    else:
                        outbox.sent(session, one.item.id, one.to, clock())
        return len(items), False

    def _take(self, clock: Callable[[], datetime]) -> list[Item]:
        def due(session: Session, limit: int) -> list[Item]:
            return outbox.due(
                session, clock(), [self._kind], limit, to=self._to, but_not_to=self._but_not_to
            )

        with self._database.read() as session:
            if not due(session, 1):
                return []
        with self._database.write() as session:
            items = due(session, HELD_BATCH)
            outbox.hold(session, items, clock() + HOLD)
        return items

    def _chain(self, items: Sequence[Item]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for item in items:
            if self._stopping() or (outcomes and outcomes[-1].to == ""):
                outcomes.append(Outcome(item, tried=False))
            else:
                outcomes.append(attempt(self._hand_over, item))
        return outcomes

    def close(self) -> None:
        """Let the hands go."""
        self._pool.shutdown()


def _chains(items: Iterable[Item]) -> list[list[Item]]:
    """Rows that must keep their order, together: deliveries of one run to one subscriber."""
    chains: dict[tuple[object, ...], list[Item]] = {}
    for item in items:
        ordered = item.kind is OutboxKind.DELIVERY and item.run is not None
        key = (item.sent_to, item.proposal, item.run) if ordered else (item.id,)
        chains.setdefault(key, []).append(item)
    return list(chains.values())


Lane = FlowLane | EventLane | HeldLane
