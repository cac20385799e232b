"""Takes due rows, hands them over, notes what came of it. Two relays do no harm."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from catalog.commands import outbox
from catalog.commands.outbox import Item
from catalog.engine import Database
from deployments.relay.delivery import Courier
from deployments.relay.engine import Engine
from policies.errors import BeamkeeperError, Unavailable
from policies.vocabulary import OutboxKind

log = logging.getLogger("beamkeeper.relay")

IDLE_SECONDS = 0.1
"""Pause between two looks at an empty outbox."""

TROUBLE_SECONDS = 2.0
"""Pause after the catalog did not answer."""

_Outcome = tuple[Item, str, str]


class Relay:
    """The relay.

    Args:
        database: The catalog.
        engine: Prefect.
        courier: Subscribers of events.
        notify: Sends a notice to people; gets the row's parameters.
        hands: How many rows are handed over at once.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        courier: Courier,
        notify: Callable[[Item], None],
        hands: int = 4,
    ) -> None:
        self._database = database
        self._engine = engine
        self._courier = courier
        self._notify = notify
        self._pool = ThreadPoolExecutor(hands, thread_name_prefix="relay")
        self._stop = threading.Event()

    def stop(self) -> None:
        """Finish the round and end."""
        self._stop.set()

    def run(self) -> None:
        """Hand over until stopped."""
        while not self._stop.is_set():
            try:
                busy = self.round(datetime.now(UTC)) > 0
            except Unavailable as error:
                log.warning("%s", error.message)
                self._stop.wait(TROUBLE_SECONDS)
                continue
            if not busy:
                self._stop.wait(IDLE_SECONDS)
        self._pool.shutdown()

    def round(self, now: datetime) -> int:
        """Hand over what is due now.

        Returns:
            Number of rows that were tried.

        Raises:
            Unavailable: The catalog does not answer.
        """
        with self._database.read() as session:
            items = outbox.due(session, now, list(OutboxKind), limit=64)
        if not items:
            return 0
        outcomes = list(self._pool.map(self._hand_over, _in_order(items)))
        done = [outcome for chain in outcomes for outcome in chain]
        with self._database.write() as session:
            for item, to, error in done:
                if error:
                    outbox.failed(session, item.id, error, datetime.now(UTC))
                elif item.kind is OutboxKind.EVENT:
                    names = self._courier.wanted_by(item.work)
                    outbox.fan_out(session, item.id, names, datetime.now(UTC))
                else:
                    outbox.sent(session, item.id, to, datetime.now(UTC))
        return len(done)

    def _hand_over(self, chain: Sequence[Item]) -> list[_Outcome]:
        """Hand over rows that must keep their order; the first failure ends the chain."""
        outcomes: list[_Outcome] = []
        for item in chain:
            try:
                outcomes.append((item, self._one(item), ""))
            except BeamkeeperError as error:
                log.warning("%s: %s", item.key, error.message)
                outcomes.append((item, "", error.message))
                break
            except Exception as error:
                log.exception("%s", item.key)
                outcomes.append((item, "", type(error).__name__))
                break
        return outcomes

    def _one(self, item: Item) -> str:
        if item.kind is OutboxKind.FLOW:
            return self._engine.start(item)
        if item.kind is OutboxKind.DELIVERY:
            self._courier.deliver(item, datetime.now(UTC))
            return item.sent_to
        if item.kind is OutboxKind.NOTICE:
            self._notify(item)
        return ""


def _in_order(items: Sequence[Item]) -> list[list[Item]]:
    """Rows as chains: deliveries of one run to one subscriber keep their order."""
    chains: dict[tuple[object, ...], list[Item]] = {}
    for item in items:
        ordered = item.kind is OutboxKind.DELIVERY
        key = (item.sent_to, item.proposal, item.run) if ordered else (item.id,)
        chains.setdefault(key, []).append(item)
    return list(chains.values())
