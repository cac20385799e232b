"""A catalog that has been in use for years: what people and sweeps ask of it, and how that grows.

    python benchmarks/table_bench.py [largest number of runs] [files of each run]

Fills a PostgreSQL with a history of a hundredth, a tenth and all of the runs (350,000 × 60
files unless told otherwise) and asks every question at each step; the same once on SQLite
with a tenth. Writes benchmarks/results/table.md. The largest step takes some minutes and
15 GB of disk, which are given back at the end.
"""

import os
import platform
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import sqlalchemy as sa  # noqa: E402

from catalog import schema  # noqa: E402
from catalog.engine import Database  # noqa: E402
from catalog.reference import load_facility  # noqa: E402
from catalog.tables import metadata  # noqa: E402
from deployments.components.postgres import postgres  # noqa: E402
from policies.actor import SYSTEM  # noqa: E402
from settings.facility import read_facility  # noqa: E402
from tests.catalog import growth  # noqa: E402
from tests.catalog.growth.asked import asked  # noqa: E402
from tests.catalog.growth.questions import (  # noqa: E402
    DECISIONS,
    PAGES,
    QUESTIONS,
    SWEEPS,
    Question,
)

RESULT = Path(__file__).parent / "results" / "table.md"
GOAL_MS = 50
LIVING_RUNS = 1_000
TIMES = 60
NEEDED_GB = 25
SMALLEST = 3_500
FILES = "dataset_files"
TABLES = (FILES, "changes", "outbox", "inbox", "data_groups_repositories", "runs")


@dataclass
class Answer:
    """How long a question takes, in milliseconds, and what decides it."""

    p50: float
    p95: float
    rows: int
    plan: str


@contextmanager
def catalog_at(url: str) -> Iterator[Database]:
    database = Database(url)
    schema.upgrade(database)
    with database.write() as session:
        load_facility(session, read_facility("xfel"), growth.NOW, SYSTEM)
    with database.write() as session:
        growth.add_living(session.connection(), LIVING_RUNS, 60)
    yield database
    database.dispose()


def grow(database: Database, first: int, last: int, files: int) -> float:
    """Seconds that it took to fill."""
    begun = time.perf_counter()
    step = max(1, min(35_000, last - first + 1))
    for at in range(first, last + 1, step):
        with database.write() as session:
            connection = session.connection()
            if database.dialect == "postgresql":
                # that rows refer to rows that exist is shown by tests/catalog/test_plans
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            growth.add_history(connection, at, min(last, at + step - 1), files)
    if database.dialect == "postgresql":
        with database.engine.connect() as connection:
            raw = connection.execution_options(isolation_level="AUTOCOMMIT")
            for name in metadata.tables:
                raw.exec_driver_sql(f"{'' if name == FILES else 'VACUUM '}ANALYZE {name}")
            raw.exec_driver_sql("CHECKPOINT")
    else:
        with database.write() as session:
            session.connection().exec_driver_sql("ANALYZE")
    return time.perf_counter() - begun


def ask(database: Database, question: Question) -> Answer:
    """Ask it many times, each in a session of its own as in life."""
    taken, rows = [], 0
    for turn in range(TIMES + 3):
        begun = time.perf_counter()
        with database.read() as session:
            found = question(session)
        if turn >= 3:
            taken.append((time.perf_counter() - begun) * 1000)
        rows = len(found) if isinstance(found, list) else 1
    cuts = statistics.quantiles(taken, n=20)
    return Answer(cuts[9], cuts[18], rows, decisive(database, question))


def decisive(database: Database, question: Question) -> str:
    """The line of the plans that says how the rows are found where most time goes."""
    texts = asked(database, question)
    plans = []
    with database.read() as session:
        connection = session.connection()
        for statement, values in dict(texts).items():
            if database.dialect == "postgresql":
                lines = [
                    str(row[0])
                    for row in connection.exec_driver_sql(
                        f"EXPLAIN (ANALYZE, COSTS OFF) {statement}", values
                    )
                ]
                plans.append((seconds(lines[-1]), longest(lines)))
            else:
                found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                plans.append((0.0, str(next(iter(found))[3])))
    worst = max(plans) if database.dialect == "postgresql" else plans[-1]
    count = f" ({len(texts)} statements)" if len(texts) > 1 else ""
    return worst[1] + count


def seconds(line: str) -> float:
    return float(line.split()[2]) / 1000


def longest(lines: list[str]) -> str:
    """The scan that takes longest, its loops counted."""
    scans = []
    for line in lines:
        found = re.search(
            r"(?:->\s+)?(\S.*Scan.*?)\s+\(actual time=[\d.]+\.\.([\d.]+) rows=(\d+) loops=(\d+)",
            line,
        )
        if found:
            name, took, rows, loops = found.groups()
            total = float(took) * int(loops)
            scans.append((total, f"{name.strip()}: {rows} rows × {loops}, {total:.2f} ms"))
    return max(scans)[1] if scans else lines[0]


def sizes(database: Database) -> str:
    with database.read() as session:
        connection = session.connection()
        whole = connection.execute(sa.text("SELECT pg_database_size(current_database())"))
        counts = [
            f"{name} {connection.execute(sa.text(f'SELECT count(*) FROM {name}')).scalar_one():,}"
            for name in TABLES
        ]
        return f"{whole.scalar_one() / 1e9:.1f} GB; " + ", ".join(counts)


def table(
    title: str, names: dict[str, Question], steps: list[int], found: dict[int, dict[str, Answer]]
) -> list[str]:
    last, first = steps[-1], steps[0]
    head = " | ".join(f"{step:,} runs" for step in steps)
    lines = [f"## {title}", "", f"| question | rows | {head} | growth | decides at the end |"]
    lines.append(f"|---|---:|{'---:|' * len(steps)}---:|---|")
    for name in names:
        cells = [f"{found[step][name].p50:.1f} / {found[step][name].p95:.1f}" for step in steps]
        end = found[last][name]
        growth_is = end.p50 / found[first][name].p50
        late = " ❌" if end.p95 > GOAL_MS else ""
        row = [f"{name}{late}", str(end.rows), *cells, f"× {growth_is:.1f}", f"`{end.plan}`"]
        lines.append(f"| {' | '.join(row)} |")
    return [*lines, ""]


def report(
    steps: list[int],
    files: int,
    found: dict[int, dict[str, Answer]],
    notes: list[str],
    small: dict[str, Answer],
) -> str:
    end = found[steps[-1]]
    slow = [name for name in QUESTIONS if end[name].p95 > GOAL_MS]
    worst = max(QUESTIONS, key=lambda name: end[name].p95)
    verdict = f"missed by {', '.join(slow)}" if slow else "met by every one"
    lines = [
        "# The run table and the due work, in a catalog that grows",
        "",
        f"Written by `benchmarks/table_bench.py`. {os.cpu_count()} cores, {platform.machine()},"
        f" Linux {platform.release()}, Python {platform.python_version()}; load"
        f" {os.getloadavg()[0]:.1f} at the end; database and questions share the machine.",
        "",
        f"Milliseconds, p50 / p95 of {TIMES} times, through the functions that the program"
        " itself calls, a transaction each, rows made into objects included. Every run has"
        f" {files} files, 2.4 copies, 8 lines in the journal, 5 of work, 3 messages and 2"
        f" obligations. {LIVING_RUNS:,} runs more are alive at each step: they are what sweeps"
        " find. The long proposal has"
        f" {growth.LONG_RUNS:,} runs, the others {growth.RUNS_EACH}.",
        "",
        f"Goal: under {GOAL_MS} ms at the largest step: **{verdict}**; slowest at p95:"
        f" {worst}, {end[worst].p95:.1f} ms.",
        "",
        *table("PostgreSQL: pages for people", PAGES, steps, found),
        *table("PostgreSQL: what sweeps, relay and doctor ask", SWEEPS, steps, found),
        *table("PostgreSQL: before a decision", DECISIONS, steps, found),
        "## PostgreSQL: what was there",
        "",
        *notes,
        "",
    ]
    if small:
        lines += [
            f"## SQLite with {steps[-1] // 10:,} runs × {files} files",
            "",
            "| question | rows | p50 / p95 ms | last statement |",
            "|---|---:|---:|---|",
        ]
        lines += [
            f"| {name}{' ❌' if a.p95 > GOAL_MS else ''} | {a.rows} | {a.p50:.1f} / {a.p95:.1f} |"
            f" `{a.plan}` |"
            for name, a in small.items()
        ]
        lines.append("")
    return "\n".join(lines)


def on_postgresql(steps: list[int], files: int) -> tuple[dict[int, dict[str, Answer]], list[str]]:
    found, notes = {}, []
    with postgres() as server, server.database() as url, catalog_at(url) as database:
        with database.engine.connect() as connection:
            raw = connection.execution_options(isolation_level="AUTOCOMMIT")
            # nothing but the questions runs while they are asked
            for setting in ("autovacuum = off", "max_wal_size = '4GB'"):
                raw.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
            raw.exec_driver_sql("SELECT pg_reload_conf()")
        done = 0
        for step in steps:
            took = grow(database, done + 1, step, files)
            done = step
            found[step] = {name: ask(database, one) for name, one in QUESTIONS.items()}
            notes.append(f"- {step:,} runs: {sizes(database)}; filled in {took:.0f} s")
            print(notes[-1], flush=True)
            for name, answer in found[step].items():
                print(f"  {name:40} {answer.p50:8.2f} {answer.p95:8.2f}  {answer.plan}", flush=True)
    return found, notes


def on_sqlite(runs: int, files: int) -> dict[str, Answer]:
    with (
        tempfile.TemporaryDirectory(prefix="beamkeeper-table-") as folder,
        catalog_at(f"sqlite:///{folder}/catalog.db") as database,
    ):
        grow(database, 1, runs, files)
        answers = {name: ask(database, one) for name, one in QUESTIONS.items()}
    for name, answer in answers.items():
        print(f"  {name:40} {answer.p50:8.2f} {answer.p95:8.2f}  {answer.plan}", flush=True)
    return answers


def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 350_000
    files = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    steps = sorted({max(SMALLEST, largest // part) for part in (100, 10, 1)})
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    if free < NEEDED_GB * largest * files / 21e6:
        sys.exit(f"{free:.0f} GB are free, {NEEDED_GB} GB are needed")
    found, notes = on_postgresql(steps, files)
    small = on_sqlite(largest // 10, files)
    target = (
        RESULT if (largest, files) == (350_000, 60) else Path(tempfile.gettempdir()) / "table.md"
    )
    target.write_text(report(steps, files, found, notes, small), encoding="utf-8")
    print(f"written: {target}")


if __name__ == "__main__":
    main()
