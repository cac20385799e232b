"""Registering the files of runs: the command, alone and in bulk, against other ways to write.

    python benchmarks/register_bench.py [runs per row and round]

On a PostgreSQL with fsync on, and on SQLite. Every way writes the same 20 file rows per run;
the command also proves the online copy, updates run and data group and appends to the
hash-chained journal, the others write nothing but the rows. The ways take turns, three
rounds. Writes benchmarks/results/register.md.
"""

import io
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sqlmodel import col, func, select  # noqa: E402

from catalog import schema  # noqa: E402
from catalog.commands import findings, leases, registration  # noqa: E402
from catalog.commands.inbox import Message, accept_all  # noqa: E402
from catalog.commands.registration import RegisteredFile, RunFiles  # noqa: E402
from catalog.engine import Database  # noqa: E402
from catalog.queries.facts import RAW  # noqa: E402
from catalog.queries.journal import verify  # noqa: E402
from catalog.reference import load_facility  # noqa: E402
from catalog.tables import Change, DatasetFile, Run, RunDataGroup  # noqa: E402
from deployments.components.postgres import postgres  # noqa: E402
from policies.actor import SYSTEM  # noqa: E402
from policies.messages import MessageKind  # noqa: E402
from policies.vocabulary import BeamtimeState  # noqa: E402
from settings.facility import read_facility  # noqa: E402
from tests.catalog.story import NUMBER, T0, bring_to, closed, opened  # noqa: E402

RESULT = Path(__file__).parent / "results" / "register.md"
GOAL = 5_000
FILES = 20
ROUNDS = 3
LEASE = timedelta(hours=1)


def files_of_run(run: int) -> list[RegisteredFile]:
    """What reading a run's files gives, digests included."""
    return [
        RegisteredFile(
            relative_path=f"RAW-R{run:04d}-AGIPD{module:02d}-S00000.h5",
            size_bytes=1_500_000_000 + module,
            xxh3_128=f"{run * 7919 + module:032x}",
            adler32=f"{run + module:08x}",
            created_at=T0,
            first_train=1_000_000_000,
            last_train=1_000_003_000,
            num_trains=3_001,
            mtime_ns=1_700_000_000_000_000_000 + module,
        )
        for module in range(FILES)
    ]


@dataclass
class Place:
    """A catalog with closed runs whose files nobody has registered."""

    database: Database
    groups: dict[int, int]
    held: dict[int, leases.Held]


@contextmanager
def place(url: str, runs: int) -> Iterator[Place]:
    database = Database(url)
    schema.upgrade(database)
    with database.write() as session:
        load_facility(session, read_facility("xfel"), T0, SYSTEM)
        bring_to(session, BeamtimeState.ACTIVE)
    for at in range(1, runs + 1, 50):
        messages = [
            Message("daq", f"{kind}-{run}", kind, body(run), f"{kind}-{run}")
            for run in range(at, min(runs, at + 49) + 1)
            for kind, body in ((MessageKind.RUN_OPENED, opened), (MessageKind.RUN_CLOSED, closed))
        ]
        with database.write() as session:
            accept_all(session, messages, lambda: T0)
    with database.write() as session:
        rows = session.exec(
            select(Run.run_number, RunDataGroup.data_group_id).join(
                RunDataGroup, col(RunDataGroup.run_id) == Run.id
            )
        ).all()
        held = {
            run: leases.acquire(session, f"run-closed:{NUMBER}:{run}", "bench", T0, LEASE)
            for run in range(1, runs + 1)
        }
    yield Place(database, dict(rows), held)
    database.dispose()


def as_a_flow_does(here: Place, runs: list[int]) -> None:
    """What the flow `run-closed` asks for: lease checked, files and findings, one commit a run."""
    for run in runs:
        with here.database.write() as session:
            leases.check(session, here.held[run], T0)
            registration.register_files(session, NUMBER, run, READ[run], T0)
            findings.sync(session, NUMBER, run, [], ["sizes"], T0)


def in_bulk(size: int) -> Callable[[Place, list[int]], None]:
    def register(here: Place, runs: list[int]) -> None:
        for at in range(0, len(runs), size):
            some = [RunFiles(NUMBER, run, READ[run]) for run in runs[at : at + size]]
            with here.database.write() as session:
                registration.register_runs(session, some, T0)

    return register


def row(here: Place, run: int, file: RegisteredFile) -> DatasetFile:
    return DatasetFile(
        data_group_id=here.groups[run],
        data_group_type_id=RAW,
        filename=file.relative_path,
        relative_path=file.relative_path,
        file_creation_at=file.created_at,
        byte_size=file.size_bytes,
        checksum=file.adler32,
        xxh3_128=file.xxh3_128,
        year=2024,
        first_train=file.first_train,
        last_train=file.last_train,
        num_trains=file.num_trains,
        mtime_ns=file.mtime_ns,
    )


def row_by_row(here: Place, runs: list[int]) -> None:
    """The ORM as in its tutorial: add, flush, next; a commit per run."""
    for run in runs:
        with here.database.write() as session:
            for file in READ[run]:
                session.add(row(here, run, file))
                session.flush()


def row_by_row_in_bulk(here: Place, runs: list[int]) -> None:
    """The same, a commit per 50 runs."""
    for at in range(0, len(runs), 50):
        with here.database.write() as session:
            for run in runs[at : at + 50]:
                for file in READ[run]:
                    session.add(row(here, run, file))
                    session.flush()


def add_all(here: Place, runs: list[int]) -> None:
    """The ORM's unit of work: everything added, one flush; a commit per 50 runs."""
    for at in range(0, len(runs), 50):
        with here.database.write() as session:
            session.add_all(row(here, r, f) for r in runs[at : at + 50] for f in READ[r])


COLUMNS = (
    "data_group_id, data_group_type_id, filename, relative_path, flg_available, flg_immutable,"
    " file_creation_at, byte_size, checksum, checksum_algorithm, xxh3_128, format, year,"
    " first_train, last_train, num_trains, mtime_ns"
)


def copied(here: Place, runs: list[int]) -> None:
    """PostgreSQL's COPY, the ceiling; a commit per 50 runs."""
    for at in range(0, len(runs), 50):
        lines = io.StringIO()
        for run in runs[at : at + 50]:
            for f in READ[run]:
                values = (
                    *(here.groups[run], RAW, f.relative_path, f.relative_path, True, True),
                    *(f.created_at, f.size_bytes, f.adler32, "adler32", f.xxh3_128, f.format),
                    *(2024, f.first_train, f.last_train, f.num_trains, f.mtime_ns),
                )
                lines.write("\t".join(str(value) for value in values) + "\n")
        lines.seek(0)
        with here.database.write() as session:
            raw = session.connection().connection.cursor()
            raw.copy_expert(f"COPY dataset_files ({COLUMNS}) FROM STDIN", lines)


Way = Callable[[Place, list[int]], None]

COMMAND: dict[str, Way] = {
    "the command, as the flow asks: one run a commit": as_a_flow_does,
    "the command, 50 runs a commit": in_bulk(50),
    "the command, 500 runs a commit": in_bulk(500),
}
BULK, FLOW = "the command, 50 runs a commit", "the command, as the flow asks: one run a commit"

OTHERS: dict[str, Way] = {
    "ORM row by row, one run a commit; rows only": row_by_row,
    "ORM row by row, 50 runs a commit; rows only": row_by_row_in_bulk,
    "ORM add_all, 50 runs a commit; rows only": add_all,
}
ALONE, TOGETHER = list(OTHERS)[:2]

COPY: dict[str, Way] = {"COPY, 50 runs a commit; rows only": copied}

READ: dict[int, list[RegisteredFile]] = {}


def measure(url: str, ways: dict[str, Way], runs: int) -> dict[str, list[float]]:
    """Files per second of each way in each round; the result is checked afterwards."""
    total = runs * len(ways) * ROUNDS
    for run in range(1, total + 1):
        READ.setdefault(run, files_of_run(run))
    rates: dict[str, list[float]] = {name: [] for name in ways}
    first, commanded = 1, 0
    with place(url, total) as here:
        for turn in range(ROUNDS):
            for name, way in ways.items():
                mine = list(range(first, first + runs))
                first += runs
                begun = time.perf_counter()
                way(here, mine)
                rates[name].append(runs * FILES / (time.perf_counter() - begun))
                commanded += runs if name in COMMAND else 0
                print(f"{turn + 1} {name:50} {rates[name][-1]:9,.0f} files/s", flush=True)
        check(here.database, total, commanded)
    return rates


def check(database: Database, total: int, commanded: int) -> None:
    """Every row is there, every command in the journal, the chain holds."""
    with database.read() as session:
        rows = session.exec(select(func.count()).select_from(DatasetFile)).one()
        noted = session.exec(
            select(func.count()).select_from(Change).where(Change.event == "register-files")
        ).one()
        inspected = session.exec(
            select(func.count()).select_from(Run).where(col(Run.inspected_at).is_not(None))
        ).one()
        sound = verify(session).sound
    if (rows, noted, inspected, sound) != (total * FILES, commanded, commanded, True):
        sys.exit(f"not what was to be written: {rows=} {noted=} {inspected=} {sound=}")


def lines_of(rates: dict[str, list[float]]) -> list[str]:
    flow, bulk = statistics.median(rates[FLOW]), statistics.median(rates[BULK])
    base = {name: flow if "one run a commit" in name else bulk for name in rates}
    lines = ["| way | files/s | rounds | the command is faster |", "|---|---:|---|---:|"]
    for name, found in rates.items():
        middle = statistics.median(found)
        rounds = ", ".join(f"{rate:,.0f}" for rate in found)
        ratio = "" if name in COMMAND else f"× {base[name] / middle:.2f}"
        lines.append(f"| {name} | {middle:,.0f} | {rounds} | {ratio} |")
    return lines


def report(
    runs: int, on_postgres: dict[str, list[float]], on_sqlite: dict[str, list[float]]
) -> str:
    bulk = statistics.median(on_postgres[BULK])
    verdict = "met" if bulk >= GOAL else "missed"
    return "\n".join(
        [
            "# Registering the files of runs",
            "",
            f"Written by `benchmarks/register_bench.py {runs}`. {os.cpu_count()} cores,"
            f" {platform.machine()}, Linux {platform.release()}, Python"
            f" {platform.python_version()}; load {os.getloadavg()[0]:.1f} at the end; database"
            " and writer share the machine, every commit is flushed to disk, one writer.",
            "",
            f"{runs} runs × {FILES} files per way and round, {ROUNDS} rounds in turn, medians."
            " The command writes the rows, updates run and data group, records the online copy"
            " as proved, appends to the hash-chained journal; as the flow asks, it also checks"
            " the lease and compares the findings. The other ways write the rows and nothing"
            " else. Afterwards every row, every journal line and the chain are checked.",
            "",
            f"Goal: {GOAL:,} files/s in bulk on PostgreSQL: **{bulk:,.0f}, {verdict}**. Ratios"
            " compare ways that commit equally often.",
            "",
            "## PostgreSQL, fsync on",
            "",
            *lines_of(on_postgres),
            "",
            "## SQLite",
            "",
            *lines_of(on_sqlite),
            "",
        ]
    )


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with postgres(durable=True) as server, server.database() as url:
        on_postgres = measure(url, COMMAND | OTHERS | COPY, runs)
    with tempfile.TemporaryDirectory(prefix="beamkeeper-register-") as folder:
        on_sqlite = measure(f"sqlite:///{folder}/catalog.db", COMMAND | OTHERS, runs)
    target = RESULT if runs >= 500 else Path(tempfile.gettempdir()) / RESULT.name
    target.write_text(report(runs, on_postgres, on_sqlite), encoding="utf-8")
    print(f"written: {target}")


if __name__ == "__main__":
    main()
