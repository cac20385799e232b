"""How the flow engine (Prefect) runs here: addresses, secrets, pools, intervals.

Nothing in this module imports the engine: it only writes down the environment that the
engine's server, its workers, the flows and our own clients of its REST interface get.
Secrets travel in that environment and in files of mode 0600, never on a command line.
"""

import os
import secrets
import socket
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

AUTH_FILE = "auth"
"""Name of the file under `home` that keeps the generated `user:password`."""


class PoolKind(StrEnum):
    """How a worker of the pool runs a flow."""

    INPROCESS = "inprocess"
    """A thread of one long-lived process: fastest start; a cancel is not delivered."""
    PROCESS = "process"
    """A process per run, forked from a warm one: isolated, can be cancelled and killed."""


class Pool(BaseModel):
    """One work pool and what a worker of it may do at once.

    Attributes:
        name: Name of the pool, as in prefect.yaml.
        kind: How its workers run a flow.
        limit: Flow runs that one worker executes at the same time.
        workers: Workers that the supervisor starts on this machine; 0 where the pool is
            served by other machines.
        query_seconds: Pause between two polls of a worker; None: as for all pools.
        description: A sentence for the operators' page.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    kind: PoolKind
    limit: Annotated[int, Field(ge=1)]
    workers: Annotated[int, Field(ge=0)] = 1
    query_seconds: Annotated[float, Field(gt=0)] | None = None
    description: str = ""


POOLS = (
    Pool(
        name="facility",
        kind=PoolKind.INPROCESS,
        limit=6,
        query_seconds=0.25,
        description="Short flows that only talk to the catalog and to services.",
    ),
    Pool(
        name="online",
        kind=PoolKind.PROCESS,
        limit=4,
        description="Flows that read an instrument's online storage; workers stand next to it.",
    ),
    Pool(
        name="offline",
        kind=PoolKind.PROCESS,
        limit=4,
        description="Flows that write to the offline storage; workers have it mounted.",
    ),
)
"""The pools of a facility; a site replaces them in its settings."""


class EngineSettings(BaseModel):
    """Where the flow engine is and how it is run.

    Attributes:
        home: Folder of the engine's own files (database, auth string, leases, UI files).
        host: Address that the server binds; anything but loopback needs a proxy with TLS.
        port: Port of the server, below 32768; 0 takes a free one at start.
        base_path: Path under which a proxy shows the engine (`/prefect`); empty at the root.
        public_url: Origin that operators' browsers use (`https://host`); None: the server's.
        auth: `user:password` shared by all; None: generated once and kept in `home`.
        database_url: `postgresql+asyncpg://…`; None: SQLite in `home`, for one person.
        pools: Work pools.
        query_seconds: Pause between two polls of a worker.
        heartbeat_seconds: Pause between two heartbeats of a flow, at least 30.
        run_days: Days for which ended flow runs are kept; their idempotency keys live as
            long, so this must exceed the time in which the outbox may repeat a row.
        event_days: Days for which events are kept.
        drain_seconds: How long a stop waits for running flows.
    """

    model_config = ConfigDict(extra="forbid")

    home: Path = Path("var/prefect")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=32768)] = 4200
    base_path: Annotated[str, Field(pattern=r"^(/[a-z0-9-]+)*$")] = ""
    public_url: str | None = None
    auth: SecretStr | None = None
    database_url: SecretStr | None = None
    pools: tuple[Pool, ...] = POOLS
    query_seconds: Annotated[float, Field(gt=0)] = 0.5
    heartbeat_seconds: Annotated[int, Field(ge=30)] = 30
    run_days: Annotated[int, Field(ge=1)] = 90
    event_days: Annotated[int, Field(ge=1)] = 7
    drain_seconds: Annotated[float, Field(ge=0)] = 120.0

    @property
    def api_url(self) -> str:
        """Address of the REST interface for programs, without a slash at the end."""
        return f"http://{self.host}:{self.port}{self.base_path}/api"

    @property
    def ui_url(self) -> str:
        """Address that operators open."""
        origin = self.public_url or f"http://{self.host}:{self.port}"
        return f"{origin}{self.base_path}/v2"

    def auth_string(self) -> SecretStr:
        """Return the shared `user:password`; generate and keep one at the first call.

        Raises:
            OSError: The file under `home` cannot be read or written.
        """
        if self.auth is not None:
            return self.auth
        path = self.home / AUTH_FILE
        if not path.exists():
            _write_once(path, f"operator:{secrets.token_urlsafe(18)}")
        return SecretStr(path.read_text(encoding="utf-8").strip())

    def on_free_port(self) -> "EngineSettings":
        """Return the same settings with a port chosen now if `port` is 0."""
        if self.port:
            return self
        return self.model_copy(update={"port": free_port(self.host)})

    def environment(self) -> dict[str, str]:
        """Return the environment of workers, flows, deploys and clients; holds the password."""
        home = self.home.resolve()
        return {
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_API_AUTH_STRING": self.auth_string().get_secret_value(),
            "PREFECT_UI_URL": self.ui_url.removesuffix("/v2"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(self.heartbeat_seconds),
            "PREFECT_WORKER_QUERY_SECONDS": str(self.query_seconds),
            "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
            # A flow that ends while the server restarts keeps its result for two minutes.
            "PREFECT_CLIENT_MAX_RETRIES": "6",
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "PREFECT_LOGGING_COLORS": "false",
        }

    def server_environment(self) -> dict[str, str]:
        """Return the environment of the engine's server; holds all secrets."""
        home = self.home.resolve()
        served = {
            **self.environment(),
            "PREFECT_SERVER_API_HOST": self.host,
            "PREFECT_SERVER_API_PORT": str(self.port),
            "PREFECT_SERVER_API_AUTH_STRING": self.auth_string().get_secret_value(),
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(self._origins()),
            "PREFECT_SERVER_UI_V2_ENABLED": "true",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            # Two servers of one installation would otherwise rewrite the same files.
            "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui"),
            "PREFECT_UI_API_URL": f"{self.base_path}/api",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
                "prefect.server.concurrency.lease_storage.filesystem"
            ),
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(self.run_days * 86_400),
            "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{self.event_days}D",
        }
        if self.base_path:
            served["PREFECT_UI_SERVE_BASE"] = self.base_path
            served["PREFECT_SERVER_API_BASE_PATH"] = f"{self.base_path}/api"
        if self.database_url is not None:
            served["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = self.database_url.get_secret_value()
        return served

    def _origins(self) -> list[str]:
        """Return the only origins whose pages may call the REST interface."""
        own = [f"http://{self.host}:{self.port}", f"http://localhost:{self.port}"]
        return [self.public_url, *own] if self.public_url else own


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port below the kernel's ephemeral range that nobody listens on now.

    Raises:
        OSError: No port was free in a thousand draws.
    """
    for _ in range(1000):
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return port
    raise OSError("no free port between 10000 and 32000")


def _write_once(path: Path, text: str) -> None:
    """Create a file that only its owner reads; the first of two writers wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
