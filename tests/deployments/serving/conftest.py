"""A real engine for the session, and workers of ours on it."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from deployments.components.postgres import postgres
from deployments.serving.deploy import deploy
from deployments.serving.manifest import read_manifest
from deployments.serving.processes import end_child, end_marked, spawn
from deployments.serving.rest import EngineApi
from deployments.serving.server import api_of, server_command, wait_ready
from settings.engine import EngineSettings, Pool, PoolKind

ROOT = Path(__file__).parents[3]
SAMPLE = Path(__file__).with_name("sample.yaml")
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
POOLS = (
    Pool(name="facility", kind=PoolKind.INPROCESS, limit=4),
    Pool(name="online", kind=PoolKind.PROCESS, limit=4),
)


def clean_environment() -> dict[str, str]:
    """The environment without what a test runner may have set for an engine."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}


@dataclass
class Engine:
    """A server, its client and the processes of a test."""

    settings: EngineSettings
    api: EngineApi
    folder: Path
    deployed: dict[str, str] = field(default_factory=dict)
    workers: list[Any] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    logs: dict[int, Path] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        return str(self.folder / "mark")

    def worker(self, pool: Pool, drain: float = 30.0, name: str | None = None) -> Any:
        """Start a worker and wait until it says so."""
        number = next(self.numbers)
        log = self.folder / f"worker-{number}.log"
        name = name or f"{pool.name}-{number}"
        command = [sys.executable, "-m", "deployments.serving.worker", "--pool", pool.name]
        command += ["--kind", pool.kind, "--name", name, "--limit", str(pool.limit)]
        command += ["--drain", str(drain), "--manifest", str(SAMPLE)]
        environment = {**clean_environment(), **self.settings.environment()}
        process = spawn(command, environment, log, self.mark)
        self.workers.append(process)
        self.logs[process.pid] = log
        wait_for(lambda: "started!" in log.read_text(), 60, f"worker {name}: {log.read_text()}")
        return process

    def wait_draining(self, worker: Any) -> None:
        """Wait until the worker says that it takes no more runs."""
        log = self.logs[worker.pid]
        wait_for(lambda: " drains for " in log.read_text(), 20, f"no drain: {log}")

    def start_run(self, deployment: str, **parameters: Any) -> str:
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        path = f"deployments/{self.deployed[deployment]}/create_flow_run"
        return str(self.api.post(path, body)["id"])

    def state(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"flow_runs/{run}")["state"]
        return found

    def wait_end(self, run: str, seconds: float = 30) -> dict[str, Any]:
        wait_for(lambda: self.state(run)["type"] in ENDED, seconds, f"run {run} does not end")
        return self.state(run)


def wait_for(holds: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Wait until the condition holds; fail with the sentence."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)


def lines(folder: Path) -> list[list[str]]:
    """The trace that the sample flows left: word, pid, time."""
    trace = folder / "trace"
    return [line.split() for line in trace.read_text().splitlines()] if trace.exists() else []


def words(folder: Path) -> list[str]:
    return [line[0] for line in lines(folder)]


@pytest.fixture(scope="package")
def database() -> Iterator[str]:
    """An empty PostgreSQL database: on SQLite, parallel workers wait for its lock for seconds."""
    with postgres() as server:
        server.create("prefect")
        yield server.url("prefect", driver="asyncpg")


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Engine]:
    """A server with the sample deployments."""
    folder = tmp_path_factory.mktemp("engine")
    settings = EngineSettings(
        home=folder / "prefect", port=0, query_seconds=0.3, database_url=SecretStr(database)
    ).on_free_port()
    environment = {**clean_environment(), **settings.server_environment()}
    log = folder / "server.log"
    server = spawn(server_command(settings), environment, log, str(folder / "server"))
    try:
        wait_ready(settings, server)
        with api_of(settings) as api:
            found = Engine(settings, api, folder)
            found.deployed = deploy(api, read_manifest(SAMPLE), POOLS).deployed
            yield found
    finally:
        end_child(server)
        end_marked(str(folder / "server"))


@pytest.fixture(scope="class")
def engine(live: Engine) -> Iterator[Engine]:
    """The engine without the workers of other classes of tests."""
    yield live
    for process in live.workers:
        if process.poll() is None:
            process.kill()
            process.wait()
    end_marked(live.mark, 1.0)
    live.workers.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the flows of this test leave their trace."""
    return tmp_path


def run_cli(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, **options
    )
