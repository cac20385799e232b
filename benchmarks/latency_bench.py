"""From the accepted create_flow_run to the state Running, per serving pattern, on PostgreSQL.

Run: `python benchmarks/latency_bench.py [runs]`; writes benchmarks/results/latency.md.
Patterns: a thread of one long-lived worker, a child forked from a warm process, and the
engine's own process worker with the same poll interval. One run at a time on an idle system;
then a burst, which shows what a run costs.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pydantic import SecretStr  # noqa: E402

from deployments.components.postgres import postgres  # noqa: E402
from deployments.serving.deploy import deploy  # noqa: E402
from deployments.serving.manifest import Manifest, read_manifest  # noqa: E402
from deployments.serving.processes import end_child, end_marked, spawn  # noqa: E402
from deployments.serving.rest import EngineApi  # noqa: E402
from deployments.serving.server import api_of, server_command, wait_ready  # noqa: E402
from settings.engine import EngineSettings, Pool, PoolKind  # noqa: E402

SAMPLE = ROOT / "tests" / "deployments" / "serving" / "sample.yaml"
WORKER = [sys.executable, "-m", "deployments.serving.worker", "--manifest", str(SAMPLE)]
STOCK = [sys.executable, "-m", "prefect", "worker", "start"]
BURST = 30


def clean() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PREFECT")}


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def states(api: EngineApi, run: str) -> dict[str, float]:
    found = api.get(f"flow_run_states/?flow_run_id={run}")
    return {state["name"]: instant(state["timestamp"]) for state in found}


def start(api: EngineApi, deployment: str, number: int, folder: Path) -> str:
    body = {
        "parameters": {"folder": str(folder), "number": number},
        "state": {"type": "SCHEDULED"},
    }
    return str(api.post(f"deployments/{deployment}/create_flow_run", body)["id"])


def wait(api: EngineApi, run: str, pause: float = 0.2) -> None:
    end = time.monotonic() + 120
    while (kind := api.get(f"flow_runs/{run}")["state_type"]) not in {
        "COMPLETED",
        "CRASHED",
        "FAILED",
        "CANCELLED",
    }:
        if time.monotonic() > end:
            raise RuntimeError(f"run {run} is still {kind}")
        time.sleep(pause)
    if kind != "COMPLETED":
        raise RuntimeError(f"run {run} ended {kind}")


def cpu_of_group(mark: str) -> float:
    """CPU seconds of all marked processes so far, those of ended children included."""
    from deployments.serving.processes import marked

    ticks = 0
    for pid in marked(mark):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in stat[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(api: EngineApi, deployment: str, runs: int, folder: Path) -> list[dict[str, float]]:
    """Single runs, at moments that have no relation to the worker's polls."""
    random = Random(4711)
    rows = []
    for number in range(runs):
        time.sleep(0.5 + random.random())
        run = start(api, deployment, number, folder)
        wait(api, run)
        seen = states(api, run)
        born = instant(api.get(f"flow_runs/{run}")["created"])
        rows.append({name: at - born for name, at in seen.items()})
    return rows


def burst(api: EngineApi, deployment: str, folder: Path, mark: str) -> tuple[float, float]:
    """Many runs at once: seconds per run, and CPU seconds of the worker per run."""
    before = cpu_of_group(mark)
    begun = time.monotonic()
    for run in [start(api, deployment, number, folder) for number in range(BURST)]:
        wait(api, run)
    seconds = time.monotonic() - begun
    return seconds / BURST, (cpu_of_group(mark) - before) / BURST


@contextmanager
def worker(settings: EngineSettings, command: list[str], folder: Path) -> Iterator[str]:
    mark = str(folder / f"mark-{time.monotonic_ns()}")
    log = folder / f"worker-{time.monotonic_ns()}.log"
    environment = {**clean(), **settings.environment(), "PYTHONPATH": str(ROOT)}
    child = spawn(command, environment, log, mark)
    try:
        while "started!" not in log.read_text():
            if child.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.1)
        yield mark
    finally:
        end_child(child, 15)
        end_marked(mark, 3)


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[int(share * 100) - 1]


def line(name: str, rows: list[dict[str, float]], load: tuple[float, float]) -> str:
    running = [row["Running"] for row in rows]

    def part(first: str, second: str) -> str:
        gaps = [row[second] - row.get(first, 0.0) for row in rows if second in row and first in row]
        return f"{statistics.median(gaps):.2f}" if gaps else "-"

    return (
        f"| {name} | {len(rows)} | **{percentile(running, 0.5):.2f}** | "
        f"**{percentile(running, 0.95):.2f}** | {max(running):.2f} | "
        f"{part('Scheduled', 'Pending')} | {part('Pending', 'Submitting')} | "
        f"{part('Submitting', 'Running')} | {load[0]:.2f} | {load[1]:.2f} | "
        f"{os.getloadavg()[0]:.1f} |"
    )


def main(runs: int) -> None:
    patterns = [
        ("in process, poll 0.25 s", PoolKind.INPROCESS, 0.25, False),
        ("forked, poll 0.25 s", PoolKind.PROCESS, 0.25, False),
        ("forked, poll 0.5 s (default)", PoolKind.PROCESS, 0.5, False),
        ("Prefect's process worker, poll 0.5 s", PoolKind.PROCESS, 0.5, True),
    ]
    table = []
    with tempfile.TemporaryDirectory() as scratch, postgres() as database:
        folder = Path(scratch)
        database.create("prefect")
        settings = EngineSettings(
            home=folder / "prefect",
            port=0,
            database_url=SecretStr(database.url("prefect", driver="asyncpg")),
        ).on_free_port()
        mark = str(folder / "server")
        environment = {**clean(), **settings.server_environment()}
        server = spawn(server_command(settings), environment, folder / "server.log", mark)
        try:
            wait_ready(settings, server)
            with api_of(settings) as api:
                for name, kind, poll, stock in patterns:
                    table.append(one(api, settings, folder, name, kind, poll, stock, runs))
                    print(table[-1], flush=True)
                    write(table, runs)
        finally:
            end_child(server)
            end_marked(mark, 3)


def one(
    api: EngineApi,
    settings: EngineSettings,
    folder: Path,
    name: str,
    kind: PoolKind,
    poll: float,
    stock: bool,
    runs: int,
) -> str:
    pools = (
        Pool(name="facility", kind=kind, limit=4),
        Pool(name="online", kind=PoolKind.PROCESS, limit=1),
    )
    manifest = read_manifest(SAMPLE)
    deployed = deploy(api, Manifest(manifest.entries[:1], {}), pools).deployed["sample-quick"]
    common = ["--pool", "facility", "--name", name.split(",", maxsplit=1)[0].replace(" ", "-")]
    command = [*STOCK, *common] if stock else [*WORKER, *common, "--kind", kind.value]
    tuned = settings.model_copy(update={"query_seconds": poll})
    with worker(tuned, [*command, "--limit", "4"], folder) as mark:
        wait(api, start(api, deployed, 0, folder))
        rows = measure(api, deployed, runs, folder)
        return line(name, rows, burst(api, deployed, folder, mark))


def write(table: list[str], runs: int) -> None:
    import prefect

    text = f"""# From the accepted request to Running

Written by `benchmarks/latency_bench.py {runs}`. {os.cpu_count()} cores, {platform.machine()},
{platform.system()} {platform.release()}, Python {platform.python_version()}, Prefect
{prefect.__version__} with PostgreSQL, password and CSRF protection on; server, database, worker
and this program share the machine. Seconds; state times are the server's, zero is the run's row.

| pattern | runs | p50 | p95 | max | claim | configure | start | burst, s/run | CPU/run | load |
|---|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(table)}

*claim*: Scheduled to Pending, half a poll interval and two requests. *configure*: Pending
to Submitting, the worker reads deployment and flow and labels the run. *start*: Submitting to
Running, the process (or thread), loading the flow, two requests. *burst*: {BURST} runs asked for
at once with four at a time, until the last one ended; a sync flow waits one second at its end for
the engine's heartbeat thread. *CPU*: of the worker and its children, without server and database.
*load*: the machine's load average at the end of the row; above 2 other programs were in the way.
"""
    target = ROOT / "benchmarks" / "results" / "latency.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
