"""A thousand calibrations at once: what SLURM, the catalog and the watch cost.

    python benchmarks/queue_bench.py [requests]

A real SLURM whose nodes are drained, so jobs wait, and a PostgreSQL with fsync on. Every request
is made by the migration's end, planned, submitted under its name, and put on record. Then the
watch looks. Counted: calls of SLURM's commands and statements of the database per look, against a
look of one question per job. Writes benchmarks/results/queue.md.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import sqlalchemy as sa  # noqa: E402

from catalog import schema  # noqa: E402
from catalog.commands import batch_jobs, calibration, calibration_work  # noqa: E402
from catalog.engine import Database  # noqa: E402
from catalog.queries.calibration_list import open_job_keys  # noqa: E402
from catalog.reference import load_facility  # noqa: E402
from deployments.components.postgres import postgres  # noqa: E402
from deployments.components.slurm import slurm  # noqa: E402
from flows.sightings import look  # noqa: E402
from policies.actor import SYSTEM  # noqa: E402
from policies.vocabulary import BeamtimeState, RunState  # noqa: E402
from settings.facility import read_facility  # noqa: E402
from tasks.batch import JobSpec, SlurmBatch  # noqa: E402
from tests.catalog.calibration_story import ALWAYS, LOST_AFTER, execution, held_for  # noqa: E402
from tests.catalog.story import MANAGER, NUMBER, T0, bring_to, record_run  # noqa: E402

RESULT = Path(__file__).parent / "results" / "queue.md"
LOOKS = 10
ONE_BY_ONE = 20


def fill(database: Database, count: int) -> None:
    """Runs that are migrated; their migration's end asks for the calibration."""
    with database.write() as session:
        load_facility(session, read_facility("xfel"), T0, SYSTEM)
        bring_to(session, BeamtimeState.ACTIVE)
    for run in range(1, count + 1):
        with database.write() as session:
            record_run(session, run)
            session.connection().execute(
                sa.text("UPDATE runs SET state = :state WHERE run_number = :run"),
                {"state": RunState.MIGRATED, "run": run},
            )
    with database.write() as session:
        session.expire_all()


def one(database: Database, cluster: SlurmBatch, folder: Path, run: int) -> float:
    """From the migration's end to the job's number on record; seconds."""
    began = time.perf_counter()
    with database.write() as session:
        calibration.follow_migration(session, NUMBER, run, ALWAYS, T0)
    with database.write() as session:
        asked = calibration.request(session, NUMBER, run, ALWAYS, MANAGER, T0)
        held = held_for(session, run)
        plan = execution(asked.request)
        calibration_work.begin(session, NUMBER, run, [plan], held, T0)
    after: tuple[str, ...] = ()
    for job in plan.jobs:
        number = cluster.submit(
            JobSpec(job.key, ("true",), str(folder), "exfel", 10, job.tasks, after=after)
        )
        after = (number,)
        with database.write() as session:
            calibration_work.submitted(session, job.key, number, held, T0)
    return time.perf_counter() - began


def watch(database: Database, cluster: SlurmBatch) -> tuple[float, int, int]:
    """One look: seconds, statements of the database, jobs asked about."""
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    sa.event.listen(database.engine, "before_cursor_execute", count)
    began = time.perf_counter()
    with database.read() as session:
        keys = open_job_keys(session)
    seen = look(cluster, keys)
    with database.write() as session:
        batch_jobs.saw(session, seen, keys, T0 + timedelta(minutes=1), LOST_AFTER)
    took = time.perf_counter() - began
    sa.event.remove(database.engine, "before_cursor_execute", count)
    return took, statements, len(keys)


def main(requests: int) -> None:
    """Measure and write the page."""
    with postgres() as server, slurm() as nodes, tempfile.TemporaryDirectory() as name:
        server.create("catalog")
        database = Database(server.url("catalog", "psycopg2"))
        schema.upgrade(database)
        for number in (1, 2):
            nodes.run("scontrol", "update", f"NodeName=max{number}", "State=drain", "Reason=bench")
        cluster = SlurmBatch(nodes.settings())
        fill(database, requests)
        rows, times = [], []
        marks = {max(1, requests // 100), requests // 10, requests}
        for run in range(1, requests + 1):
            times.append(one(database, cluster, Path(name), run))
            if run in marks:
                looks = [watch(database, cluster) for _ in range(LOOKS)]
                rows.append((run, looks))
                sys.stdout.write(f"{run} requests: look {looks[-1][0]:.2f} s\n")
        with database.read() as session:
            keys = open_job_keys(session)[:ONE_BY_ONE]
        began = time.perf_counter()
        for key in keys:
            cluster.look([key])
        single = (time.perf_counter() - began) / len(keys)
        database.dispose()
    write(requests, times, rows, single)


def write(
    requests: int,
    times: list[float],
    rows: list[tuple[int, list[tuple[float, int, int]]]],
    single: float,
) -> None:
    """Write the page."""
    ordered = sorted(times)
    last = rows[-1]
    middle = statistics.median(look[0] for look in last[1])
    jobs = last[1][0][2]
    lines = [
        f"# {requests:,} calibrations in the queue",
        "",
        f"Written by `benchmarks/queue_bench.py {requests}`. {os.cpu_count()} cores,"
        f" {platform.machine()}, Python {platform.python_version()}, PostgreSQL with fsync, SLURM"
        f" 22.05, load {os.getloadavg()[0]:.1f} at the end. Every request has two jobs, an array of"
        " two tasks and a report; the nodes are drained, so all of them wait.",
        "",
        "From the migration's end to both jobs' numbers on record, without the engine's own delay"
        f" (see latency.md): p50 {ordered[len(ordered) // 2]:.2f} s,"
        f" p95 {ordered[int(len(ordered) * 0.95)]:.2f} s, max {ordered[-1]:.2f} s.",
        "",
        "| requests | open jobs | one look, s, median (max) | squeue calls | statements |",
        "|---|---|---|---|---|",
    ]
    for count, looks in rows:
        walls = [look[0] for look in looks]
        lines.append(
            f"| {count:,} | {looks[0][2]:,} | {statistics.median(walls):.2f} ({max(walls):.2f})"
            f" | 1 | {looks[0][1]} |"
        )
    lines += [
        "",
        f"Asking SLURM for each job by itself takes {single:.3f} s a job, so {single * jobs:.0f} s"
        f" for {jobs:,} jobs: {single * jobs / middle:.0f} times as long as one look for all.",
    ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"written: {RESULT}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
