"""Says in words what is up, what is not configured and what is stale."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from catalog import schema
from catalog.engine import Database
from catalog.queries.journal import inbox_list, oldest_waiting
from catalog.queries.sweeps import due_obligations, stuck_runs, uninspected_runs
from deployments.serving.rest import EngineApi
from policies.errors import BeamkeeperError
from policies.vocabulary import InboxState
from settings.model import Settings

WAITING_LIMIT = timedelta(minutes=2)
"""An outbox row that waits longer means that the relay or the engine is down."""

DUE_LIMIT = timedelta(minutes=10)
"""An obligation that is due longer means that no sweep runs."""


@dataclass(frozen=True)
class Report:
    """One line of the doctor.

    Attributes:
        what: The part.
        state: `up`, `down`, `off` (not configured) or `stale`.
        words: What was seen, and what to do about it.
    """

    what: str
    state: str
    words: str

    @property
    def ill(self) -> bool:
        """Whether somebody should act."""
        return self.state in {"down", "stale"}


def examine(settings: Settings, now: datetime) -> list[Report]:
    """Look at every part of the system.

    Args:
        settings: Of this site.
        now: When, aware.
    """
    checks: list[Callable[[Settings, datetime], Iterator[Report]]] = [
        _database,
        _gateway,
        _engine,
        _directory,
        _storage,
        _portal,
        _batch,
        _constants,
        _notices,
    ]
    return [report for check in checks for report in check(settings, now)]


def _database(settings: Settings, now: datetime) -> Iterator[Report]:
    database = Database(settings.database_url.get_secret_value(), pool_size=1)
    try:
        schema.demand_current(database)
        yield Report("catalog", "up", f"{database.dialect}, revision {schema.head()}")
        yield from _ledgers(database, now)
    except BeamkeeperError as error:
        yield Report("catalog", "down", error.message)
    finally:
        database.dispose()


def _ledgers(database: Database, now: datetime) -> Iterator[Report]:
    with database.read() as session:
        oldest = oldest_waiting(session)
        held = inbox_list(session, InboxState.HELD)
        refused = inbox_list(session, InboxState.REFUSED)
        due = due_obligations(session, now - DUE_LIMIT)
        stuck = stuck_runs(session, now) + uninspected_runs(session, now)
    if oldest and now - oldest > WAITING_LIMIT:
        since = f"{oldest:%Y-%m-%d %H:%M:%S} UTC"
        yield Report("outbox", "stale", f"work waits since {since}: is the relay up?")
    else:
        yield Report("outbox", "up", "nothing waits too long")
    words = f"{len(held)} held, {len(refused)} refused: beamkeeper inbox list"
    yield Report("inbox", "up", words)
    if due:
        yield Report("obligations", "stale", f"{len(due)} overdue: does due-sweep run?")
    if stuck:
        yield Report("runs", "stale", f"{len(stuck)} do not move: does stuck-sweep run?")


def _gateway(settings: Settings, _now: datetime) -> Iterator[Report]:
    site = settings.gateway
    if not site.senders:
        yield Report("gateway keys", "off", "no sender may call: set gateway.senders")
    url = f"http://{site.host}:{site.port}/healthz"
    yield _ask("gateway", url, "start it: beamkeeper gateway")
    if not site.subscribers:
        yield Report("subscribers", "off", "nobody gets events: set gateway.subscribers")


def _engine(settings: Settings, _now: datetime) -> Iterator[Report]:
    site = settings.engine
    yield _ask("flow engine", f"{site.api_url}/ready", "start it: make serve")
    try:
        with EngineApi(site.api_url, site.auth_string(), patience=3, timeout=5) as api:
            pools = api.post("work_pools/filter", {})
    except BeamkeeperError:
        return
    for wanted in site.pools:
        found = next((p for p in pools if p["name"] == wanted.name), None)
        if found is None:
            yield Report(f"pool {wanted.name}", "down", "is not there: beamkeeper deploy")
        elif found.get("status") != "READY":
            yield Report(f"pool {wanted.name}", "down", f"{found.get('status')}: no worker polls")
        else:
            yield Report(f"pool {wanted.name}", "up", "a worker polls")


def _ask(what: str, url: str, remedy: str) -> Report:
    try:
        answer = httpx.get(url, timeout=5)
    except httpx.HTTPError as error:
        return Report(what, "down", f"{url}: {type(error).__name__}; {remedy}")
    if answer.status_code == httpx.codes.OK:
        return Report(what, "up", url)
    return Report(what, "down", f"{url}: {answer.status_code} {answer.text[:120]}")


def _directory(settings: Settings, _now: datetime) -> Iterator[Report]:
    if settings.directory is None:
        yield Report("directory", "off", "groups are skipped visibly: set directory.url")
        return
    from tasks.directory import LdapDirectory

    try:
        LdapDirectory(settings.directory).known_people(["beamkeeper-doctor"])
    except BeamkeeperError as error:
        yield Report("directory", "down", error.message)
    else:
        yield Report("directory", "up", settings.directory.url)


def _storage(settings: Settings, _now: datetime) -> Iterator[Report]:
    if settings.storage is None:
        yield Report("storage", "off", "no repository is mounted here: set storage.mounts")
        return
    from tasks.storage import opened

    for name, root in settings.storage.mounts.items():
        try:
            opened(settings.storage, name).demand_mounted()
        except BeamkeeperError as error:
            yield Report(f"storage {name}", "down", error.message)
        else:
            yield Report(f"storage {name}", "up", str(root))


def _portal(settings: Settings, _now: datetime) -> Iterator[Report]:
    if settings.portal is None:
        yield Report("portal", "off", "proposals are not synchronised: set portal.url")
    else:
        yield Report("portal", "up", f"configured: {settings.portal.url}")


def _batch(settings: Settings, _now: datetime) -> Iterator[Report]:
    if settings.batch is None:
        yield Report("batch system", "off", "nothing is calibrated: set batch")
        return
    from tasks.batch import SlurmBatch

    try:
        SlurmBatch(settings.batch).look(["beamkeeper-doctor"])
    except BeamkeeperError as error:
        yield Report("batch system", "down", error.message)
    else:
        yield Report("batch system", "up", "SLURM answers")
    if not settings.batch.reservations:
        yield Report("reservations", "off", "beamtimes get none: set batch.reservations")


def _constants(settings: Settings, _now: datetime) -> Iterator[Report]:
    if settings.constants is None:
        yield Report("constants", "off", "dark runs come to nothing: set constants.store")
        return
    store = settings.constants.store
    if store.is_dir():
        yield Report("constants", "up", str(store))
    else:
        yield Report("constants", "stale", f"{store} is not there yet, or not mounted")
    if settings.constants.calcat is None:
        yield Report("calcat", "off", "constants are in our catalog only: set constants.calcat")


def _notices(settings: Settings, _now: datetime) -> Iterator[Report]:
    if not settings.notices.smtp_host:
        yield Report("mail", "off", "notices go to the relay's log: set notices.smtp_host")
