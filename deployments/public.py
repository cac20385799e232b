"""The public door as a process: landing pages, harvesting, open files."""

from zoneinfo import ZoneInfo

import uvicorn
from starlette.types import ASGIApp

from api.oai import OaiDoor, oai_app
from api.public import PublicSite, public_app
from catalog.engine import Database
from catalog.schema import demand_current
from policies.errors import Misconfigured
from settings.clock import utc_now
from settings.model import Settings, load
from settings.public import PublicSettings

FACTORY = "deployments.public:app"


def app() -> ASGIApp:
    """The application of one worker process, from the settings.

    Raises:
        Misconfigured: The door is not configured, or the database is at another revision.
    """
    settings = load()
    public = _configured(settings)
    database = Database(settings.database_url.get_secret_value())
    demand_current(database)
    zone, publisher = ZoneInfo(settings.timezone), public.publisher.publisher()
    site = PublicSite(
        database, publisher, zone, utc_now, locate=public.locate if public.files else None
    )
    mounts: dict[str, ASGIApp] = {}
    if public.harvest_secret is not None:
        door = OaiDoor(
            database=database,
            publisher=publisher,
            zone=zone,
            secret=public.harvest_secret.get_secret_value().encode(),
            clock=utc_now,
            domain=public.harvest_domain,
        )
        mounts[door.address] = oai_app(door)
    return public_app(site, mounts)


def run_public(settings: Settings) -> None:
    """Serve the public pages until SIGTERM.

    Raises:
        Misconfigured: The door is not configured, or the database is at another revision.
    """
    public = _configured(settings)
    database = Database(settings.database_url.get_secret_value(), pool_size=1)
    demand_current(database)
    database.dispose()
    uvicorn.run(
        FACTORY,
        factory=True,
        host=public.host,
        port=public.port,
        workers=public.workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=20,
    )


def _configured(settings: Settings) -> PublicSettings:
    if settings.public is None:
        raise Misconfigured("public: the public pages are not configured", setting="public")
    return settings.public
