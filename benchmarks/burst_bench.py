"""A burst of closed runs: how long until every one is registered, and what that costs.

    python benchmarks/burst_bench.py [RUNS] [--engine-down]

A whole system (gateway, relay, engine, workers; PostgreSQL for catalog and engine) is put up
in a scratch folder. RUNS runs of one small file each are opened and closed through the
signed webhooks within a minute. With `--engine-down` the flow engine is stopped for the first
half of the messages. Nothing may be lost: every run must be registered, the journal must hold.
"""

import argparse
import os
import platform
import secrets
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=int, nargs="?", default=200)
    parser.add_argument("--engine-down", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="beamkeeper-burst-") as name, postgres() as server:
        report(asked, measure(Path(name), server, asked))


def measure(folder, server, asked):
    server.create("catalog")
    server.create("prefect")
    key = SigningKey("burst", secrets.token_hex(24).encode())
    tree = folder / "online"
    tree.mkdir()
    (tree / ".beamkeeper-storage").write_text(ONLINE)
    config = folder / "beamkeeper.yaml"
    content = {
        "home": str(folder),
        "database_url": server.url("catalog"),
        "engine": {
            "home": str(folder / "prefect"),
            "port": reserve().number,
            "database_url": server.url("prefect", "asyncpg"),
        },
        "gateway": {
            "port": reserve().number,
            "senders": {"daq": {"keys": [{"id": key.id, "secret": key.secret.decode()}]}},
        },
        "storage": {"mounts": {ONLINE: str(tree)}},
    }
    config.write_text(yaml.safe_dump(content))
    os.environ[CONFIG] = str(config)
    load.cache_clear()
    settings = load()
    database = ready_catalog(settings)
    path = seed(database)
    print(f"writing {asked.runs} runs", flush=True)
    recipes = [recipe(run) for run in range(1, asked.runs + 1)]
    written = [write_run(tree / path.lstrip("/"), r) for r in recipes]
    supervisor = Supervisor(
        settings.engine,
        folder,
        manifest=MANIFEST,
        extra=own_commands(settings, {CONFIG: str(config)}),
        environment={**os.environ, CONFIG: str(config)},
        on_event=print,
    )
    with supervisor:
        daq = DaqClient(f"http://127.0.0.1:{settings.gateway.port}", "daq", key, folder / "spool")
        command = supervisor.command_of("prefect-server")
        if asked.engine_down:
            supervisor.stop_child("prefect-server")
        began = time.monotonic()
        for at, done in enumerate(written):
            post(daq, done)
            if asked.engine_down and at == len(written) // 2:
                supervisor.start_child(command)
        daq.flush()
        sent = time.monotonic() - began
        latencies = wait(database, asked.runs)
        total = time.monotonic() - began
    with database.read() as session:
        sound = verify(session).sound
        rows = session.exec(select(func.count()).select_from(Outbox)).one()
        again = session.exec(
            select(func.count()).select_from(Outbox).where(Outbox.work == "run-closed")
        ).one()
    database.dispose()
    size = prefect_size(server)
    return sent, total, latencies, sound, rows, again, size


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
        session.add(Beamtime(proposal_id=proposal.id, begin_at=now, end_at=now + timedelta(days=1)))
        session.add(TeamMember(proposal_id=proposal.id, user_id=pi.id))
        boss = Actor("bench", frozenset({Role.ADMIN}))
        proposals.override(session, NUMBER, BeamtimeState.ACTIVE, boss, now, "benchmark")
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


def wait(database, runs):
    last = 0.0
    while True:
        with database.read() as session:
            rows = session.exec(
                select(Run.created_at, Run.inspected_at).where(col(Run.inspected_at).is_not(None))
            ).all()
        if len(rows) == runs:
            return [(done - born).total_seconds() for born, done in rows]
        if time.monotonic() - last > 10:
            last = time.monotonic()
            print(f"{len(rows)} of {runs} registered", flush=True)
        time.sleep(0.5)


def prefect_size(server):
    import psycopg2

    connection = psycopg2.connect(server.url("prefect").replace("+psycopg2", ""))
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size('prefect')")
        size = cursor.fetchone()[0]
    connection.close()
    return size


def report(asked, figures):
    sent, total, latencies, sound, rows, again, size = figures
    latencies.sort()
    p95 = latencies[int(0.95 * (len(latencies) - 1))]
    how = "engine stopped for the first half" if asked.engine_down else "everything up"
    line = (
        f"| {asked.runs} | {how} | {sent:.0f} | {total:.0f} | {statistics.median(latencies):.0f}"
        f" | {p95:.0f} | {again} | {'yes' if sound else 'NO'} | {size / 1e6:.0f} |"
    )
    page = Path(__file__).parent / "results" / "burst.md"
    head = (
        "# A burst of closed runs\n\n"
        f"Written by `benchmarks/burst_bench.py`. {os.cpu_count()} cores, {platform.machine()},"
        f" Linux {platform.release()}, Python {platform.python_version()}; gateway, relay, engine,"
        " workers and PostgreSQL share the machine. Seconds; *registered* counts from the first"
        " message, p50 and p95 from the run's opening to its registration.\n\n"
        "| runs | | sent in | all registered | p50 | p95 | run-closed asked | chain holds"
        " | engine's database, MB |\n|---:|---|---:|---:|---:|---:|---:|---|---:|\n"
    )
    page.parent.mkdir(exist_ok=True)
    old = page.read_text().splitlines() if page.exists() else []
    kept = [r for r in old if r.startswith("| ") and r[2].isdigit() and r != line]
    page.write_text(head + "\n".join([*kept, line]) + "\n")
    print(line)
    assert sound, f"{rows} rows, the chain is broken"


if __name__ == "__main__":
    sys.exit(main())
