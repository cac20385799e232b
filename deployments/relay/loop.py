"""Runs the lanes side by side until told to stop. Two relays at once do no harm."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from catalog.commands.outbox import Item
from catalog.engine import Database
from deployments.relay.delivery import Courier
from deployments.relay.engine import Engine
from deployments.relay.lanes import EventLane, FlowLane, HeldLane, Lane
from policies.errors import Unavailable
from policies.vocabulary import OutboxKind
from settings.clock import utc_now

log = logging.getLogger("beamkeeper.relay")

TROUBLE_SECONDS = 2.0
"""Pause after the catalog or the engine did not answer."""


class Relay:
    """The relay.

    Args:
        database: The catalog.
        engine: Prefect.
        courier: Subscribers of events.
        notify: Sends a notice to people.
        clock: The moment, aware; told so that tests can let hours pass.
        flows_at_once: Flow runs that a proposal gets of work that is taken along.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        courier: Courier,
        notify: Callable[[Item], None],
        clock: Callable[[], datetime] = utc_now,
        flows_at_once: int = 2,
    ) -> None:
        self._clock = clock
        self._stop = threading.Event()

        def deliver(item: Item) -> str:
            courier.deliver(item, clock())
            return item.sent_to

        def tell(item: Item) -> str:
            notify(item)
            return "people"

        names = courier.names()
        delivery, stopping = OutboxKind.DELIVERY, self._stop.is_set
        self._lanes: list[Lane] = [
            FlowLane(database, engine.start, stopping, flows_at_once=flows_at_once),
            EventLane(database, courier.wanted_by),
            HeldLane(database, OutboxKind.NOTICE, tell, stopping, hands=1),
            *(HeldLane(database, delivery, deliver, stopping, to=name) for name in names),
            # Whoever is configured no longer: becomes a dead letter in the end, visibly.
            HeldLane(database, delivery, deliver, stopping, but_not_to=names, hands=1),
        ]

    def stop(self) -> None:
        """Finish the rounds and end."""
        self._stop.set()

    def run(self) -> None:
        """Hand over until stopped."""
        threads = [
            threading.Thread(target=self._serve, args=(lane,), name=lane.name)
            for lane in self._lanes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def round(self) -> int:
        """One round of every lane, one after the other.

        Returns:
            Number of rows that were tried.

        Raises:
            Unavailable: The catalog does not answer.
        """
        return sum(lane.round(self._clock)[0] for lane in self._lanes)

    def close(self) -> None:
        """Let the threads of the lanes go."""
        for lane in self._lanes:
            lane.close()

    def _serve(self, lane: Lane) -> None:
        while not self._stop.is_set():
            try:
                tried, silent = lane.round(self._clock)
            except Unavailable as error:
                log.warning("%s: %s", lane.name, error.message)
                tried, silent = 0, True
            except Exception:
                # A lane that ended would hand over nothing any more, and nobody would see it.
                log.exception("%s", lane.name)
                tried, silent = 0, True
            if silent:
                self._stop.wait(TROUBLE_SECONDS)
            elif not tried:
                self._stop.wait(lane.idle_seconds)
        lane.close()
