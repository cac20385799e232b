"""A relay on a catalog with one active proposal, Prefect's stand-in and a clock that is told."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from catalog.commands import along, leases, outbox
from catalog.commands.leases import Held
from catalog.engine import Database
from catalog.tables.journal import Outbox
from deployments.relay.delivery import Courier
from deployments.relay.engine import Engine
from deployments.relay.loop import Relay
from deployments.standins.engine import EngineStandin
from deployments.standins.subscriber import SubscriberStandin
from policies.messages import MessageKind
from policies.signing import SigningKey
from policies.vocabulary import BeamtimeState, Work
from settings.gateway import Key, Subscriber
from tests.catalog.story import NUMBER, bring_to, closed, opened, post
from tests.plugins.databases import (  # noqa: F401 - fixtures
    _databases,
    databases,
    dialect,
    facility_database,
)

SECRET = "secret-of-the-subscriber"
MINUTE = timedelta(minutes=1)


@dataclass
class Place:
    """Everything a test of the relay needs."""

    database: Database
    engine: EngineStandin
    now: datetime
    subscribers: dict[str, SubscriberStandin] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    closing: list = field(default_factory=list)
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))
    auth: str = ""
    extra: dict[str, Subscriber] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def clock(self) -> datetime:
        return self.now

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def subscriber(self, name: str) -> SubscriberStandin:
        made = SubscriberStandin(SigningKey("s", SECRET.encode()), clock=self.clock)
        made.start()
        self.subscribers[name] = made
        self.closing.append(made.stop)
        return made

    def relay(self) -> Relay:
        key = Key(id="s", secret=SECRET)
        known = {n: Subscriber(url=s.url, key=key) for n, s in self.subscribers.items()}
        engine, courier = Engine(self.engine.api_url, self.auth, 5), Courier(known | self.extra)
        relay = Relay(
            self.database,
            engine,
            courier,
            lambda item: self.notices.append(item.parameters["text"]),
            self.clock,
        )
        self.closing += [relay.close, engine.close, courier.close]
        return relay

    @contextmanager
    def running(self, *relays: Relay) -> Iterator[None]:
        """Relays as they run in earnest, ended whatever happens."""
        threads = [threading.Thread(target=relay.run) for relay in relays]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for relay in relays:
                relay.stop()
            for thread in threads:
                thread.join()

    def close_runs(self, count: int) -> list[int]:
        """The DAQ opens and closes runs; each asks for a flow and emits an event."""
        runs = [next(self.numbers) for _ in range(count)]
        with self.database.write() as session:
            for run in runs:
                post(session, MessageKind.RUN_OPENED, opened(run), f"o{run}")
                post(session, MessageKind.RUN_CLOSED, closed(run), f"c{run}")
            session.flush()
            session.connection().execute(sa.update(Outbox).values(due_at=self.now))
        return runs

    def work(self, most: int = 1000) -> list[int]:
        """What the flows do that were started: their own run, then others that wait.

        Args:
            most: Runs that each takes along.

        Returns:
            Run numbers in the order in which they were done.
        """
        done = []
        for flow in list(self.engine.world.runs.values()):
            if flow.id in self.ended:
                continue
            self.ended.add(flow.id)
            held = self.begin(flow)
            done.append(flow.body["parameters"]["run"])
            self.end(int(flow.body["labels"]["bk.outbox"]), held)
            for _ in range(most):
                with self.database.write() as session:
                    taken = along.take(session, Work.RUN_CLOSED, NUMBER, flow.id, self.now, MINUTE)
                if taken is None:
                    break
                done.append(taken.item.run)
                self.end(taken.item.id, taken.held)
        return done

    def begin(self, flow) -> Held:
        """A flow takes up its own run."""
        parameters = flow.body["parameters"]
        key = outbox.lease_key(Work.RUN_CLOSED, parameters["proposal"], parameters["run"])
        with self.database.write() as session:
            return leases.acquire(session, key, flow.id, self.now, MINUTE)

    def end(self, outbox_id: int, held: Held) -> None:
        """A flow has done a run."""
        with self.database.write() as session:
            outbox.conclude(session, outbox_id, "Completed", self.now)
            leases.release(session, held, self.now)

    def rows(self, **where: object) -> list[Outbox]:
        query = sa.select(Outbox).filter_by(**where).order_by(Outbox.id)
        with self.database.read() as session:
            found = list(session.execute(query).scalars())
            session.expunge_all()
            return found


@pytest.fixture
def place(facility_database):  # noqa: F811
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
    with facility_database.write() as session:
        session.connection().execute(sa.delete(Outbox))
    engine = EngineStandin()
    engine.world.deploy(*Work)
    engine.start()
    made = Place(facility_database, engine, datetime.now(UTC))
    yield made
    for close in reversed(made.closing):
        close()
    engine.stop()
