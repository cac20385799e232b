"""A real engine that forgets, goes away and loses its workers; the catalog keeps every promise."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from catalog.commands.outbox import Item
from catalog.tables import Outbox
from deployments.facility import MANIFEST
from deployments.relay.delivery import Courier
from deployments.relay.engine import Engine
from deployments.relay.loop import Relay
from deployments.serving.supervisor import Supervisor
from policies.vocabulary import RunState, Work
from settings.clock import utc_now
from settings.engine import EngineSettings, Pool, PoolKind
from settings.model import CONFIG
from tasks.records import sweeps
from tests.flows.conftest import forget_settings
from tests.flows.site import NUMBER, OFFLINE, Site, leftovers

LEASE = 3.0
ONLINE = Pool(name="online", kind=PoolKind.PROCESS, limit=2, workers=1)
"""Started late, so that what is handed over to it waits."""
POOLS = (
    Pool(name="facility", kind=PoolKind.INPROCESS, limit=2, workers=0),
    Pool(name="online", kind=PoolKind.PROCESS, limit=2, workers=0),
    Pool(name="offline", kind=PoolKind.PROCESS, limit=2, workers=1),
)


@pytest.fixture
def place(make_site) -> Site:
    work = {"lease_seconds": LEASE, "renew_seconds": 0.5, "lost_after_seconds": 0.5}
    site = make_site(work=work)
    site.add_proposal()
    site.make_ready()
    return site


@pytest.fixture
def supervisor(place: Site) -> Iterator[Supervisor]:
    settings = EngineSettings(
        home=place.folder / "prefect", port=0, query_seconds=0.3, pools=POOLS, drain_seconds=0.2
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    # So that an engine that is away is noticed in seconds and not in a minute.
    environment |= {CONFIG: str(place.config), "PREFECT_CLIENT_MAX_RETRIES": "1"}
    made = Supervisor(
        settings, place.folder, manifest=MANIFEST, environment=environment, on_event=print
    )
    with made:
        yield made
        for log in sorted(made.logs.glob("worker-*.log")):
            print(f"--- {log.name}", log.read_text(errors="replace")[-60000:], sep="\n")


@dataclass
class Clock:
    """The relay's clock; a test may let it run ahead."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def relay(place: Site, supervisor: Supervisor, clock: Clock) -> Iterator[Relay]:
    settings = supervisor.settings
    engine = Engine(settings.api_url, settings.auth_string().get_secret_value())
    courier = Courier({})
    told: list[Item] = []
    made = Relay(place.database, engine, courier, told.append, clock)
    yield made
    made.close()
    engine.close()
    courier.close()


def until(what: str, holds: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited for: {what}"
        time.sleep(0.05)


def handed_over(site: Site, relay: Relay, work: Work, run: int) -> None:
    """The relay hands over until the newest asking is with the engine."""

    def done() -> bool:
        relay.round()
        return site.outbox(work=work, proposal=NUMBER, run=run)[-1].sent_at is not None

    until(f"{work} of r{run:04d} handed over", done)


def swept() -> list[str]:
    """What the sweep asks for again."""
    forget_settings()
    found = [item.outcome for item in sweeps.sweep_lost()]
    forget_settings()
    return found


def answers(supervisor: Supervisor) -> bool:
    try:
        return httpx.get(f"{supervisor.settings.api_url}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False


def parts(folder: Path) -> list[str]:
    return [name for name in leftovers(folder) if ".part-" in name]


def writers(folder: Path) -> list[int]:
    """Processes that have an unfinished file below a folder open."""
    found = []
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            target = str(handle.readlink())
            if target.startswith(str(folder)) and ".part-" in target:
                found.append(int(handle.parts[2]))
    return found


def request(site: Site, run: int, payload_bytes: int) -> None:
    """A run that waits for its copy; its files were read already."""
    site.request(run, payload_bytes=payload_bytes)
    with site.database.write() as session:
        read = (Outbox.work == Work.RUN_CLOSED, Outbox.run == run)
        session.connection().execute(sa.update(Outbox).where(*read).values(concluded_at=utc_now()))


def concluded(site: Site, **where: object) -> bool:
    return all(row.concluded_at for row in site.outbox(kind="flow", **where))


def test_nothing_is_lost_and_nothing_done_twice_whatever_the_engine_does(
    place, supervisor, relay, clock, monkeypatch
):
    server = supervisor.command_of("prefect-server")
    offline = supervisor.command_of("worker-offline-1")

    # 1. a worker is stopped in the middle of a copy
    request(place, 2, 160 << 20)
    handed_over(place, relay, Work.RUN_MIGRATE, 2)
    copying: list[int] = []
    until(
        "r0002 is being copied", lambda: copying.extend(writers(place.copy(OFFLINE, 2))) or copying
    )
    # Held where it is, so that the stop cannot come too late.
    os.kill(copying[0], signal.SIGSTOP)
    pid = supervisor.pid_of(offline.name)
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    supervisor.stop_child(offline.name)
    assert place.run_state(2) is RunState.MIGRATING
    assert place.outbox(work=Work.RUN_MIGRATE, run=2)[-1].concluded_at is None
    supervisor.start_child(offline)
    until("the lease of the dead runs out", swept, 3 * LEASE + 10)
    handed_over(place, relay, Work.RUN_MIGRATE, 2)
    until("r0002 in both stores", lambda: place.outbox(run=2, attempt=2)[-1].concluded_at)
    assert place.safe(2)

    # 2. nobody takes what was handed over, and the engine is away when other work is done
    place.record(1)
    handed_over(place, relay, Work.RUN_CLOSED, 1)
    request(place, 3, 64 << 20)
    handed_over(place, relay, Work.RUN_MIGRATE, 3)
    until("r0003 begins", lambda: place.run_state(3) is not RunState.MIGRATION_REQUESTED)
    supervisor.stop_child(server.name)
    until("r0003 concluded", lambda: concluded(place, work=Work.RUN_MIGRATE, run=3))
    (asked,) = place.outbox(work=Work.RUN_MIGRATE, run=3)
    assert asked.outcome.startswith("Completed")
    assert place.safe(3)

    # 3. it stays away for an hour of events, and then it has forgotten everything
    for _minute in range(60):
        if _minute % 3 == 0:
            place.record(100 + _minute)
        relay.round()
        clock.ahead += timedelta(minutes=1)
    hour = [100 + minute for minute in range(0, 60, 3)]
    waiting = [place.outbox(work=Work.RUN_CLOSED, run=run) for run in hour]
    assert [(len(rows), rows[0].sent_at) for rows in waiting] == [(1, None)] * 20
    assert "does not answer" in waiting[0][0].last_error
    for file in supervisor.settings.home.glob("prefect.db*"):
        file.unlink()
    supervisor.start_child(server)
    until("the engine is back", lambda: answers(supervisor), 120)
    supervisor.deploy()
    supervisor.start_child(supervisor._worker(ONLINE, 1))
    (again,) = swept()
    assert re.fullmatch(r"asked again as run-closed:2012:1:\d+#2", again)

    def registered() -> bool:
        relay.round()
        return concluded(place, work=Work.RUN_CLOSED)

    until("everything is registered", registered, 120)
    for run in (1, *hour):
        assert place.events(run).count("register-files") == 1
        assert place.outbox(work=Work.RUN_CLOSED, run=run)[-1].outcome.startswith("Completed")
    assert [len(place.outbox(work=Work.RUN_CLOSED, run=run)) for run in hour] == [1] * 20
    # hours later nobody misses anything
    monkeypatch.setattr(sweeps, "now", lambda: utc_now() + timedelta(hours=3))
    assert swept() == []
    assert place.sound()
