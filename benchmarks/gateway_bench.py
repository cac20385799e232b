"""The gateway under load: signed events from many clients, killed twice on the way.

Run: `python benchmarks/gateway_bench.py [runs] [clients]`; writes
benchmarks/results/gateway.md. A real gateway process on a durable PostgreSQL (fsync on);
each client is a process that opens, corrects and closes runs in turn and repeats what was
not answered, as the DAQ's client does.
"""

import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import sqlalchemy as sa  # noqa: E402
import yaml  # noqa: E402

from catalog import schema  # noqa: E402
from catalog.engine import Database  # noqa: E402
from catalog.queries.journal import verify  # noqa: E402
from catalog.reference import load_facility  # noqa: E402
from deployments.components import ports, processes  # noqa: E402
from deployments.components.postgres import Postgres, postgres  # noqa: E402
from policies import signing  # noqa: E402
from policies.actor import SYSTEM  # noqa: E402
from policies.signing import SigningKey  # noqa: E402
from policies.vocabulary import BeamtimeState  # noqa: E402
from settings.facility import read_facility  # noqa: E402
from tests.catalog.story import NUMBER, T0, bring_to  # noqa: E402

KEY = SigningKey("bench", b"secret-of-the-benchmark")
GOAL = 300


def messages(run: int) -> list[tuple[str, dict[str, object]]]:
    """The three messages of a run, as a DAQ words them."""
    begin = T0 + timedelta(seconds=run)
    sample, kind = f"sample {run % 20}", ("Sample", "Dark", "Calibration")[run % 3]
    files = [
        {"filename": f"RAW-R{run:04d}-DA{i:02d}-S00000.h5", "checksum": f"{i:08x}", "size": 10**9}
        for i in range(4)
    ]
    head = {"proposal": NUMBER, "run": run}
    first = 1_000_000 + run * 1000
    return [
        (
            "run-opened",
            {
                **head,
                "begin_at": begin.isoformat(),
                "first_train": first,
                "run_type": kind,
                "sample": sample,
            },
        ),
        ("run-updated", {**head, "description": f"scan {run} of the night"}),
        (
            "run-closed",
            {
                **head,
                "end_at": (begin + timedelta(minutes=1)).isoformat(),
                "last_train": first + 600,
                "files": files,
            },
        ),
    ]


def client(port: int, runs: list[int], times: "multiprocessing.Queue[list[float]]") -> None:
    """Sends the messages of its runs; seconds of each answered request.

    The standard library's client: it takes as little as can be of the cores it shares.
    """
    seen: list[float] = []
    http = HTTPConnection("127.0.0.1", port, timeout=30)
    for run in runs:
        for kind, body in messages(run):
            content = json.dumps(body).encode()
            event_id = f"{kind}-{run}"
            while True:
                now = datetime.now(UTC)
                headers = signing.sign("bench-daq", KEY, event_id, content, now, kind=kind)
                begun = time.perf_counter()
                try:
                    http.request("POST", f"/hooks/daq/{kind}", content, headers)
                    answer = http.getresponse()
                    answer.read()
                except (OSError, HTTPException):
                    http.close()
                    time.sleep(0.05)
                    continue
                if answer.status == HTTPStatus.ACCEPTED:
                    seen.append(time.perf_counter() - begun)
                    break
                time.sleep(0.05)
    times.put(seen)


class Gateway:
    """The gateway as its own process."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.port = ports.reserve()
        self.url = f"http://127.0.0.1:{self.port.number}"
        self.log = folder / "gateway.log"
        self.config = folder / "beamkeeper.yaml"
        key = {"id": KEY.id, "secret": KEY.secret.decode()}
        senders = {"bench-daq": {"keys": [key], "instruments": ["SPB"]}}
        gateway = {"port": self.port.number, "senders": senders}
        self.config.write_text(yaml.safe_dump({"database_url": database_url, "gateway": gateway}))

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "BEAMKEEPER_CONFIG": str(self.config)}
        argv: list[str | Path] = [sys.executable, "-m", "deployments.cli", "gateway"]
        if profile := os.environ.get("GATEWAY_PROFILE"):
            argv = [sys.executable, "-c", PROFILED, profile]
        self.child = processes.start(argv, log=self.log, env=environment)
        self.child.wait_ready(self._answers, 60)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").is_success
        except httpx.HTTPError:
            return False

    def cpu_seconds(self) -> float:
        stat = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in stat[11:13]) / os.sysconf("SC_CLK_TCK")


PROFILED = """
import cProfile, sys, threading
from deployments.gateway.writer import Writer
target = sys.argv[1]
run = Writer._run
def profiled(self):
    profile = cProfile.Profile()
    try:
        profile.runcall(run, self)
    finally:
        profile.dump_stats(target)
Writer._run = profiled
from deployments.services import run_gateway
from settings.model import load
run_gateway(load())
"""


def fresh(server: Postgres, name: str) -> Database:
    database = Database(server.create(name))
    schema.upgrade(database)
    with database.write() as session:
        load_facility(session, read_facility("xfel"), T0, SYSTEM)
        bring_to(session, BeamtimeState.ACTIVE)
    return database


def scalar(database: Database, statement: str) -> int:
    with database.read() as session:
        return int(session.connection().execute(sa.text(statement)).scalar_one())


def one_pass(
    server: Postgres, name: str, folder: Path, runs: int, clients: int, kills: int
) -> dict[str, float]:
    database = fresh(server, name)
    folder.mkdir()
    place = Gateway(database.engine.url.render_as_string(hide_password=False), folder)
    place.start()
    times: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    shares = [list(range(1 + i, runs + 1, clients)) for i in range(clients)]
    children = [
        multiprocessing.Process(target=client, args=(place.port.number, share, times))
        for share in shares
    ]
    begun = time.perf_counter()
    for child in children:
        child.start()
    down = 0.0
    pause = threading.Event()
    for number in range(kills):
        while scalar(database, "SELECT count(*) FROM runs") < runs * (number + 1) / (kills + 1):
            pause.wait(0.02)
        struck = time.perf_counter()
        place.child.kill()
        place.start()
        down += time.perf_counter() - struck
    seen = sorted(second for _ in children for second in times.get())
    for child in children:
        child.join()
    wall = time.perf_counter() - begun
    cpu = place.cpu_seconds()
    place.child.stop()
    place.port.release()
    events = 3 * runs
    found = {
        "inbox": scalar(database, "SELECT count(*) FROM inbox"),
        "applied": scalar(database, "SELECT count(*) FROM inbox WHERE state = 'applied'"),
        "runs": scalar(database, "SELECT count(*) FROM runs WHERE state = 'closed'"),
        "changes": scalar(database, "SELECT count(*) FROM changes WHERE subject = 'run'"),
        "flows": scalar(database, "SELECT count(*) FROM outbox WHERE work = 'run-closed'"),
        "events": scalar(database, "SELECT count(*) FROM outbox WHERE work = 'daq_run_complete'"),
    }
    wanted = dict(zip(found, (events, events, runs, events, runs, runs), strict=True))
    if found != wanted or len(seen) != events:
        raise RuntimeError(f"lost or doubled: {found}, not {wanted}; answered {len(seen)}")
    with database.read() as session:
        verdict = verify(session)
    if not verdict.sound:
        raise RuntimeError(f"the journal does not hold: {verdict.faults[:3]}")
    database.dispose()
    return {
        "events": events,
        "wall": wall,
        "down": down,
        "rate": events / wall,
        "rate_up": events / (wall - down),
        "p50": statistics.median(seen) * 1000,
        "p99": seen[int(len(seen) * 0.99)] * 1000,
        "max": seen[-1] * 1000,
        "cpu": cpu,
    }


def report(rows: list[tuple[str, dict[str, float]]], clients: int) -> str:
    head = "| pass | events | seconds | events/s | while up | p50 ms | p99 ms | max ms |"
    lines = [
        "# Gateway: signed events per second",
        "",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()},"
        f" Python {platform.python_version()}; PostgreSQL with fsync on; load"
        f" {os.getloadavg()[0]:.1f} at the end; clients, gateway and database share the cores.",
        "",
        f"{clients} client processes over loopback HTTP; a third each run-opened, run-updated,"
        " run-closed (with four claimed files). Every event is answered after its commit.",
        "",
        head,
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {r['events']:,} | {r['wall']:.1f} | **{r['rate']:.0f}** | {r['rate_up']:.0f} |"
        f" {r['p50']:.1f} | {r['p99']:.1f} | {r['max']:.0f} |"
        for name, r in rows
    ]
    median = statistics.median(r["rate"] for _, r in rows)
    lines += [
        "",
        f"Median {median:.0f} events/s; goal {GOAL}: {'reached' if median >= GOAL else 'missed'}.",
        "",
        "In every pass: each event once in the inbox, each applied, each run closed once, one"
        " `run-closed` flow and one `daq_run_complete` event per run, and the journal's chain"
        " proved, also with the gateway killed -9 twice and started again in between (the"
        " seconds of start-up count).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3334
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    plan = [("undisturbed", 0), ("killed -9 twice", 2), ("killed -9 twice, again", 2)]
    if "GATEWAY_PROFILE" in os.environ:
        plan = plan[:1]
    rows = []
    with tempfile.TemporaryDirectory() as scratch, postgres(durable=True) as server:
        for number, (name, kills) in enumerate(plan):
            result = one_pass(
                server, f"b{number}", Path(scratch) / str(number), runs, clients, kills
            )
            print(name, {k: round(v, 1) for k, v in result.items()}, flush=True)
            rows.append((name, result))
    text = report(rows, clients)
    print(text)
    if len(sys.argv) == 1:
        (ROOT / "benchmarks" / "results" / "gateway.md").write_text(text)


if __name__ == "__main__":
    main()
