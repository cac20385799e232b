"""Killed at every boundary, asked for again by the sweep, converged, nothing twice.

Real processes die by SIGKILL before a transaction commits, after intent is on record, with
half of the groups or folders made, with a file half copied. Then their leases run out, the
sweep asks again, and a new process brings the work to its end.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.commands import leases
from catalog.commands.journal import ask
from catalog.tables import Outbox
from policies.vocabulary import BeamtimeState, Work
from settings.clock import utc_now
from tasks.records import sweeps
from tests.flows.conftest import forget_settings
from tests.flows.site import Site, leftovers
from tests.flows.test_prepare import GREEN, members

ROOT = Path(__file__).parents[2]
LEASE = 4.0
"""Seconds; longer than a loaded machine stalls, short enough to wait for."""
FIRST = 3001
"""Proposal number of the rehearsal."""


@dataclass
class Victims:
    """The process that forks the others."""

    process: subprocess.Popen[str]
    folder: Path
    config: Path
    logs: list[Path] = field(default_factory=list)

    def run(self, *orders: dict[str, Any]) -> list[tuple[int, list[str]]]:
        """Run orders side by side; answers exit code and crossings of each."""
        logs = []
        for order in orders:
            logs.append(self.folder / f"victim-{len(self.logs)}.log")
            self.logs.append(logs[-1])
            order |= {"log": str(logs[-1]), "config": str(self.config)}
        assert self.process.stdin and self.process.stdout  # noqa: PT018
        self.process.stdin.write(json.dumps(orders) + "\n")
        self.process.stdin.flush()
        codes = json.loads(self.process.stdout.readline())
        return [(codes[str(log)], log.read_text().splitlines()) for log in logs]

    def pairs(self, orders: list[dict[str, Any]]) -> list[tuple[int, list[str]]]:
        """Two at a time: the machine has two cores."""
        found = []
        for at in range(0, len(orders), 2):
            found += self.run(*orders[at : at + 2])
        return found


@pytest.fixture(scope="module")
def nest() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flows.victim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    yield process
    assert process.stdin
    process.stdin.close()
    process.stdout.close()
    assert process.wait(20) == 0


@pytest.fixture
def place(make_site, groups) -> Site:
    work = {"lease_seconds": LEASE, "renew_seconds": 0.5, "lost_after_seconds": 0.5}
    return make_site(slapd=groups, work=work)


@pytest.fixture
def victims(nest, place) -> Victims:
    return Victims(nest, place.folder, place.config)


def handed_over(site: Site, work: Work, number: int, run: int | None = None) -> dict[str, Any]:
    """The order for the newest asking, which the relay would have handed over by now."""
    (*_, row) = site.outbox(work=work, proposal=number, run=run)
    with site.database.write() as session:
        session.connection().execute(
            sa.update(Outbox).values(sent_at=utc_now()).where(Outbox.id == row.id)
        )
    order = {"work": work, "parameters": row.parameters, "outbox": row.id, "last": None}
    assert row.concluded_at is None
    return order


def converge(site: Site, victims: Victims, wanted: int) -> None:
    """What the sweep and the workers do until nothing is lost any more."""
    for pause in (LEASE + 0.6, 0.6, LEASE + 0.6, 0.6):
        time.sleep(pause)
        forget_settings()
        swept = sweeps.sweep_lost()
        forget_settings()
        lost = [row for row in site.outbox(kind="flow", sent_at=None) if row.attempt > 1]
        assert len(lost) == len(swept) <= wanted
        if not swept:
            return
        orders = [handed_over(site, Work(r.work), r.proposal or 0, r.run) for r in lost]
        for code, said in victims.pairs(orders):
            assert code == 0
            assert said[-1].startswith(("= Completed", "= Overtaken", "= AlreadyRunning")), said
    pytest.fail(f"still lost: {swept}")


def shape(site: Site, number: int) -> list[tuple[str, int]]:
    """Folders, links and rights of a proposal, told without its number."""
    found = []
    for path in sorted(site.folder.rglob("*")):
        if f"{number:06d}" in str(path):
            name = str(path).replace(f"{number:06d}", "N")
            found.append((name, path.lstat().st_mode))
    return sorted(found)


def test_prepare_survives_a_kill_at_every_boundary(place, victims, groups):
    def order(number: int, last: int | None) -> dict[str, Any]:
        place.add_proposal(number)
        with place.database.write() as session:
            key = f"{Work.PROPOSAL_PREPARE}:{number}"
            more = {"parameters": {"proposal": number}, "proposal": number}
            ask(session, Work.PROPOSAL_PREPARE, key=key, now=utc_now(), **more)
        return handed_over(place, Work.PROPOSAL_PREPARE, number) | {"last": last}

    # The first one makes what the instrument's proposals share, so the second is the measure.
    (code, _), (_, crossed) = victims.run(order(FIRST, None)) + victims.run(order(FIRST + 1, None))
    assert code == 0
    assert crossed.pop().startswith(f"= Completed: p{FIRST + 1:06d}: Ready; 7 steps green")
    names = Counter(name.partition(":")[0] for name in crossed)
    assert (names["begin_step"], names["end_step"], names["advance"]) == (16, 8, 3)
    assert {"working", "conclude", f"group {FIRST + 1:06d}-part is there"} <= set(names)
    whole = shape(place, FIRST + 1)
    assert len(whole) > 20

    numbers = {FIRST + 2 + at: at for at in range(len(crossed))}
    for code, said in victims.pairs([order(n, at) for n, at in numbers.items()]):
        assert code == -9, said
    converge(place, victims, len(numbers))

    for number, at in numbers.items():
        where = f"killed at {crossed[at]}"
        assert place.state(number) is BeamtimeState.READY, where
        assert sorted((n, s) for n, (s, _) in place.steps(number).items()) == GREEN, where
        assert shape(place, number) == whole, where
        past = Counter(place.events(number=number))
        assert {past[e] for e in ("offline-configured", "online-configured", "make-ready")} == {1}
        assert {past[name] for name, _ in GREEN} == {1}, where
        team = members(groups)
        assert team[f"{number:06d}-part"][1] == ["alice", "bob"], where
        assert team[f"{number:06d}-dmgt"][1] == ["alice"], where
    assert leftovers(place.folder) == []
    assert place.count()["proposals_users"] == 3 * (len(numbers) + 2)
    assert place.sound()


def test_migrate_survives_a_kill_at_every_boundary(place, victims):
    place.add_proposal(FIRST)
    place.make_ready(FIRST)
    wanted = {"aggregators": ("DA01", "JNGFR01"), "trains": 4}
    place.request(1, FIRST, **wanted)
    ((code, crossed),) = victims.run(handed_over(place, Work.RUN_MIGRATE, FIRST, 1))
    assert code == 0
    assert crossed.pop().startswith("= Completed"), crossed
    names = Counter(name.partition(":")[0] for name in crossed)
    assert (names["begin_migration"], names["record_copy"], names["complete_migration"]) == (
        2,
        2,
        1,
    )
    assert (names["a file is written"], names["everything is copied"]) == (4, 2)
    runs = {2 + at: at for at in range(len(crossed))}
    for run in runs:
        place.request(run, FIRST, **wanted)
    orders = [
        handed_over(place, Work.RUN_MIGRATE, FIRST, run) | {"last": at} for run, at in runs.items()
    ]
    for code, said in victims.pairs(orders):
        assert code == -9, said
    torn = [part for part in leftovers(place.folder) if ".part-" in part]
    assert torn
    converge(place, victims, len(runs))
    for run, at in runs.items():
        assert place.safe(run, FIRST), f"killed at {crossed[at]}"
        past = Counter(place.events(run, FIRST))
        assert {past[f"copy:{store}"] for store in place.run(run, FIRST).repositories} <= {0, 1}
    assert place.sound()


def test_a_lease_of_the_dead_is_respected_until_it_runs_out(place, victims):
    place.add_proposal(FIRST)
    place.make_ready(FIRST)
    place.request(1, FIRST)
    order = handed_over(place, Work.RUN_MIGRATE, FIRST, 1)
    ((code, _),) = victims.run(order | {"last": 3})
    assert code == -9
    ((code, said),) = victims.run(dict(order))
    assert code == 0
    assert said[-1].startswith("= AlreadyRunning")
    forget_settings()
    assert sweeps.sweep_lost() == []
    with place.database.write() as session:
        key = f"{Work.RUN_MIGRATE}:{FIRST}:1"
        held = leases.acquire(
            session, key, "the next", utc_now() + timedelta(seconds=LEASE), timedelta(seconds=60)
        )
        assert held.token == 2
