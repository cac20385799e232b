"""A flow that takes others along dies at every boundary, or meets another: one effect each."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.tables import Outbox
from policies.vocabulary import Work
from settings.clock import utc_now
from tasks.records import sweeps
from tests.flows.conftest import forget_settings
from tests.flows.site import Site
from tests.flows.test_kills import Victims

ROOT = Path(__file__).parents[2]
LEASE = 4.0
FIRST = 3101
RUNS = (1, 2)


@pytest.fixture(scope="module")
def nest() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flows.burst_victim"],
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
def dialect() -> str:
    return "sqlite"


@pytest.fixture
def place(make_site, dialect) -> Site:
    work = {"lease_seconds": LEASE, "renew_seconds": 0.5, "lost_after_seconds": 0.5}
    return make_site(dialect, work=work)


@pytest.fixture
def victims(nest, place) -> Victims:
    return Victims(nest, place.folder, place.config)


def handed_over(site: Site, row: Outbox, last: int | None = None) -> dict[str, Any]:
    """The order for an asking that the relay hands over now."""
    holder = f"flow-{row.id}"
    with site.database.write() as session:
        session.connection().execute(
            sa.update(Outbox).values(sent_at=utc_now(), sent_to=holder).where(Outbox.id == row.id)
        )
    return {"parameters": row.parameters, "outbox": row.id, "last": last, "holder": holder}


def burst(site: Site, number: int, runs: tuple[int, ...] = RUNS) -> list[Outbox]:
    """Closed runs of a new proposal."""
    site.add_proposal(number)
    site.make_ready(number)
    for run in runs:
        site.record(run, number)
    return site.outbox(work=Work.RUN_CLOSED, proposal=number)


def waiting(site: Site, number: int) -> list[Outbox]:
    return site.outbox(work=Work.RUN_CLOSED, proposal=number, sent_at=None)


def ended(site: Site, number: int) -> bool:
    return all(r.concluded_at for r in site.outbox(work=Work.RUN_CLOSED, proposal=number))


def once_each(site: Site, number: int, runs: tuple[int, ...] = RUNS) -> bool:
    """Every run is registered, by one line of the journal, and every asking has an end."""
    for run in runs:
        assert site.run(run, number).inspected_at is not None
        assert Counter(site.events(run, number))["register-files"] == 1, site.events(run, number)
        assert site.findings(run, number) == {}
    assert ended(site, number)
    return True


def test_killed_at_every_boundary_with_a_run_taken_along_each_is_registered_once(place, victims):
    first, *_ = burst(place, FIRST)
    ((code, crossed),) = victims.run(handed_over(place, first))
    assert code == 0
    assert crossed.pop().endswith("1 more taken along")
    assert Counter(crossed)["register: committed"] == 2
    assert Counter(crossed)["following: committed"] == 2
    assert once_each(place, FIRST)

    begin = crossed.index("conclude: not committed")
    assert len(crossed) - begin >= 9
    numbers = {FIRST + at: at for at in range(begin, len(crossed))}
    orders = []
    for number, at in numbers.items():
        first, *_ = burst(place, number)
        orders.append(handed_over(place, first, at))
    for code, said in victims.pairs(orders):
        assert code == -9, said
    taken = place.outbox(work=Work.RUN_CLOSED, concluded_at=None)
    assert sum(row.sent_to.startswith("along:") for row in taken) >= 5

    for pause in (LEASE + 0.6, LEASE + 0.6):
        time.sleep(pause)
        forget_settings()
        sweeps.sweep_lost()
        forget_settings()
        orders = [
            handed_over(place, rows[0]) for number in numbers if (rows := waiting(place, number))
        ]
        for code, said in victims.pairs(orders):
            assert code == 0
            assert said[-1].startswith("= Completed"), said
        if all(ended(place, number) for number in numbers):
            break
    for number, at in numbers.items():
        assert once_each(place, number), f"killed at {crossed[at]}"
    assert place.sound()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_two_flows_at_once_share_what_waits(place, victims):
    runs = tuple(range(1, 13))
    rows = burst(place, FIRST, runs)
    told = victims.run(handed_over(place, rows[0]), handed_over(place, rows[1]))
    assert [code for code, _ in told] == [0, 0]
    assert once_each(place, FIRST, runs)
    rows = place.outbox(work=Work.RUN_CLOSED, proposal=FIRST)
    shares = Counter(row.sent_to for row in rows)
    assert sum(shares.values()) == len(rows) == 12
    assert len([holder for holder in shares if holder.startswith("along:")]) == 2, shares
    assert place.sound()


def test_the_same_asking_handed_to_two_flows_has_one_effect(place, victims):
    """The engine's own doubling: two processes execute the same flow for the same row."""
    rows = burst(place, FIRST)
    order = handed_over(place, rows[0])
    told = victims.run(dict(order), order | {"holder": "another"})
    assert [code for code, _ in told] == [0, 0]
    said = sorted(lines[-1].partition(":")[0] for _, lines in told)
    assert said in (["= AlreadyRunning", "= Completed"], ["= Completed", "= Completed"])
    assert once_each(place, FIRST)
