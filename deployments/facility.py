"""The whole system on one machine, as `make serve` and the demo run it."""

import sys
from pathlib import Path
from typing import Any

from catalog import schema
from catalog.commands.data_policies import PolicyDocument, load_policies
from catalog.engine import Database
from catalog.reference import load_facility
from deployments.serving.children import Command
from deployments.serving.supervisor import Supervisor
from policies.actor import Actor
from policies.vocabulary import Role
from settings.clock import utc_now
from settings.data_policies import FOLDER, read_policies
from settings.facility import read_facility
from settings.model import Settings

MANIFEST = Path(__file__).parent.parent / "prefect.yaml"
"""The one list of deployments."""


def ready_catalog(settings: Settings) -> Database:
    """Bring the catalog to this program's revision and load the facility file.

    Raises:
        Misconfigured: The database is newer than this program.
    """
    url = settings.database_url.get_secret_value()
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    database = Database(url)
    schema.upgrade(database)
    with database.write() as session:
        actor = Actor("beamkeeper", frozenset({Role.ADMIN}))
        load_facility(session, read_facility(settings.facility_file), utc_now(), actor)
        load_policies(session, policy_documents(settings), actor, utc_now())
    return database


def policy_documents(settings: Settings) -> list[PolicyDocument]:
    """The facility's data policies as files say them.

    Raises:
        Misconfigured: A file is missing or says something that cannot be followed.
    """
    folder = settings.data_policies_folder or FOLDER
    files = read_policies(settings.data_policies, folder)
    return [PolicyDocument(file.document, file.sha256) for file in files]


def own_commands(settings: Settings, environment: dict[str, str]) -> list[Command]:
    """Gateway and relay as children of the supervisor."""
    program = [sys.executable, "-m", "deployments.cli"]
    host, port = settings.gateway.host, settings.gateway.port
    return [
        Command("gateway", [*program, "gateway"], environment, url=f"http://{host}:{port}"),
        Command("relay", [*program, "relay"], environment),
    ]


def supervisor(
    settings: Settings,
    environment: dict[str, str],
    **options: Any,  # noqa: ANN401
) -> Supervisor:
    """A supervisor with engine, workers, gateway and relay."""
    return Supervisor(
        settings.engine,
        settings.home,
        manifest=MANIFEST,
        extra=own_commands(settings, environment),
        **options,
    )


def serve(settings: Settings) -> None:
    """Run everything until SIGTERM or SIGINT, then drain and stop."""
    ready_catalog(settings).dispose()
    supervisor(settings, {}, on_event=_say).run()


def _say(text: str) -> None:
    sys.stderr.write(f"beamkeeper: {text}\n")
    sys.stderr.flush()


def deploy_flows(settings: Settings) -> dict[str, Any]:
    """Put the flows of prefect.yaml in place at a running engine."""
    return supervisor(settings, {}).deploy()
