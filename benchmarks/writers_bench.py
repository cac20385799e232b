"""What "one writer at a time" costs: commands per second, alone, against others, in batches.

    python benchmarks/writers_bench.py [seconds per row]

Each command writes a row, a line of the hash-chained journal, and commits to disk. Eight
writers are eight threads with a connection each; a batch is what the gateway does in a burst.
"""

import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlmodel import Session, select

from catalog import schema
from catalog.commands import proposals
from catalog.engine import Database
from catalog.reference import load_facility
from catalog.tables import Instrument, InstrumentCycle, Proposal
from deployments.components.postgres import postgres
from policies.actor import SYSTEM, Actor
from policies.vocabulary import Role
from settings.facility import read_facility

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEADER = Actor("leader", frozenset({Role.LS}))
RESULT = Path(__file__).parent / "results" / "writers.md"
WRITERS = 8
BATCH = 64


@contextmanager
def catalogs() -> Iterator[dict[str, Database]]:
    """A fresh catalog on each database, with one proposal per writer."""
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres(durable=True) as server,
        server.database() as url,
    ):
        made = {"SQLite": f"sqlite:///{folder}/catalog.db", "PostgreSQL": url}
        found = {name: Database(address, pool_size=WRITERS) for name, address in made.items()}
        for database in found.values():
            fill(database)
        yield found
        for database in found.values():
            database.dispose()


def fill(database: Database) -> None:
    """Tables, a facility and proposals."""
    schema.upgrade(database)
    with database.write() as session:
        load_facility(session, read_facility("example"), NOW, SYSTEM)
        place = session.exec(select(Instrument)).first()
        cycle = session.exec(select(InstrumentCycle)).first()
        assert place is not None
        assert cycle is not None
        for number in range(1, WRITERS + 1):
            row = Proposal(
                number=number,
                proposal_folder=f"p{number:06d}",
                def_proposal_path=f"/p{number:06d}",
                instrument_id=place.id or 0,
                instrument_cycle_id=cycle.id or 0,
            )
            session.add(row)


def command(session: Session, number: int, turn: int) -> None:
    """One command: never the value that is there already."""
    proposals.fill_shifts(session, number, turn % 200, LEADER, NOW)


class Writer(threading.Thread):
    """Writes until told to stop and keeps how long each transaction took."""

    def __init__(self, database: Database, number: int, batch: int, stop: threading.Event) -> None:
        super().__init__()
        self._database, self._number, self._batch, self._halt = database, number, batch, stop
        self.seconds: list[float] = []

    def run(self) -> None:
        """Write."""
        turn = 0
        while not self._halt.is_set():
            began = time.perf_counter()
            with self._database.write() as session:
                for _ in range(self._batch):
                    turn += 1
                    command(session, self._number, turn)
            self.seconds.append(time.perf_counter() - began)


def measure(database: Database, writers: int, batch: int, seconds: float) -> tuple[float, ...]:
    """Commands per second, and p50, p99 and maximum of a transaction in milliseconds."""
    stop = threading.Event()
    crew = [Writer(database, number + 1, batch, stop) for number in range(writers)]
    began = time.perf_counter()
    for one in crew:
        one.start()
    time.sleep(seconds)
    stop.set()
    for one in crew:
        one.join()
    spent = time.perf_counter() - began
    taken = sorted(second for one in crew for second in one.seconds)
    cuts = statistics.quantiles(taken, n=100)
    rate = len(taken) * batch / spent
    return rate, cuts[49] * 1000, cuts[98] * 1000, taken[-1] * 1000


def main() -> None:
    """Measure and write the page."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    lines = [
        "# One writer at a time",
        "",
        f"Written by `benchmarks/writers_bench.py {seconds:g}`. {os.cpu_count()} cores,"
        f" {platform.machine()}, Linux {platform.release()}, Python {platform.python_version()};"
        " database and writers share the machine, every commit is flushed to disk.",
        "",
        "| database | writers | commands per transaction | commands/s | p50 ms | p99 ms | max ms |"
        " load |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with catalogs() as found:
        for name, database in found.items():
            for writers, batch in ((1, 1), (WRITERS, 1), (1, BATCH)):
                rate, *waits = measure(database, writers, batch, seconds)
                cells = [f"{rate:.0f}", *(f"{wait:.1f}" for wait in waits)]
                load = f"{os.getloadavg()[0]:.1f}"
                lines.append(f"| {name} | {writers} | {batch} | {' | '.join(cells)} | {load} |")
                print(lines[-1], flush=True)
    lines += [
        "",
        "The times are those of a whole transaction, waiting for the turn included. *load*: the"
        " machine's load average at the end of the row; above 2 other programs were in the way.",
        "",
    ]
    RESULT.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
