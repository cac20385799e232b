"""The two long-lived processes of ours: gateway and relay."""

import gc
import logging
import signal

import uvicorn

from catalog.engine import Database
from catalog.schema import demand_current
from deployments.gateway.app import gateway
from deployments.gateway.reports import report_route
from deployments.notices import notifier
from deployments.relay.delivery import Courier
from deployments.relay.engine import Engine
from deployments.relay.loop import Relay
from settings.model import Settings

_GC_OBJECTS = 50_000
"""New objects between two searches for garbage in the gateway."""


def run_gateway(settings: Settings) -> None:
    """Serve the webhook gateway until SIGTERM.

    Raises:
        Misconfigured: The database is not at this program's revision.
    """
    database = Database(settings.database_url.get_secret_value())
    demand_current(database)
    # Rows live as long as a batch: looking for cycles among them costs a tenth of the time.
    gc.freeze()
    gc.set_threshold(_GC_OBJECTS, 20, 20)
    reports = report_route(settings)
    uvicorn.run(
        gateway(database, settings.gateway, [reports] if reports else []),
        host=settings.gateway.host,
        port=settings.gateway.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=20,
    )


def run_relay(settings: Settings) -> None:
    """Hand over what the outbox holds until SIGTERM.

    Raises:
        Misconfigured: The database is not at this program's revision.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    database = Database(settings.database_url.get_secret_value())
    demand_current(database)
    engine = Engine(settings.engine.api_url, settings.engine.auth_string().get_secret_value())
    relay = Relay(
        database,
        engine,
        Courier(settings.gateway.subscribers),
        notifier(database, settings.notices),
        flows_at_once=settings.work.along_flows,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: relay.stop())
    relay.run()
