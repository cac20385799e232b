"""Runs that close together: one flow run does several, each as if it had its own."""

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from prefect import tags
from prefect.client.orchestration import get_client

from catalog.commands import along, leases, outbox
from catalog.queries.lost import unconcluded
from catalog.queries.traffic import traffic, waiting_for
from catalog.tables import Outbox
from catalog.tables.journal import Lease
from flows import looking
from flows.run_closed import run_closed
from policies.vocabulary import Work
from settings.clock import utc_now
from tasks.records import sweeps
from tests.flows.conftest import forget_settings
from tests.flows.site import NUMBER, Site

MINUTES = timedelta(minutes=2)


def inspect(put, row: Outbox):
    """The flow that the relay started for an asking."""
    with tags(f"outbox:{row.id}", "beamkeeper"):
        return put(run_closed, **row.parameters)


def asked(site: Site, run: int | None = None, **where: object) -> list[Outbox]:
    more = {} if run is None else {"run": run}
    return site.outbox(work=Work.RUN_CLOSED, **more, **where)


def handed_over(site: Site, row: Outbox) -> Outbox:
    with site.database.write() as session:
        outbox.sent(session, row.id, f"flow for {row.id}", utc_now())
    return row


def flow_run(state):
    with get_client(sync_client=True) as client:
        return client.read_flow_run(state.state_details.flow_run_id)


def pictures(state) -> dict[str, str]:
    """Artifacts of a flow run: key → type."""
    wanted = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    with get_client(sync_client=True) as client:
        return {
            a["key"]: a["type"]
            for a in client._client.post("/artifacts/filter", json=wanted).json()
        }


def test_three_runs_closed_with_one_flow_run(ready, put):
    for run in (1, 2, 3):
        ready.record(run)
    first, *_ = asked(ready)
    done = inspect(put, handed_over(ready, first))
    assert (done.type, done.name) == ("COMPLETED", "Completed")
    assert done.message.endswith("0 resolved; 2 more taken along")
    shown = flow_run(done)
    assert shown.name == "p002012 r0001 +2"
    assert {"proposal:2012", "run:0001", "run:0002", "run:0003"} <= set(shown.tags)
    assert pictures(done) == {"p002012-r0001-files": "table", "p002012-r0001-along": "table"}
    own, *others = asked(ready)
    assert own.sent_to == f"flow for {own.id}"
    assert [row.sent_to for row in others] == [f"along:{shown.id}"] * 2
    assert all(
        row.outcome.startswith(f"Completed: p002012 r000{row.run}") for row in (own, *others)
    )
    for run in (1, 2, 3):
        assert ready.run(run).num_files == 1
        assert Counter(ready.events(run))["register-files"] == 1
    with ready.database.read() as session:
        held = session.execute(sa.select(Lease).order_by(Lease.key)).scalars().all()
        assert [x.key for x in held if x.key.startswith("run-closed")] == [
            f"run-closed:{NUMBER}:{run}" for run in (1, 2, 3)
        ]
        assert all(x.released_at for x in held)
    assert ready.sound()


def test_a_poison_run_in_the_middle_stops_none_and_is_asked_for_again(make_site, put):
    site = make_site(work={"lost_after_seconds": 0.01})
    site.add_proposal()
    site.make_ready()
    written = {run: site.record(run) for run in (1, 2, 3)}
    away = written[2].folder.with_name("away")
    written[2].folder.rename(away)
    done = inspect(put, handed_over(site, asked(site, 1)[0]))
    assert (done.type, done.name) == ("COMPLETED", "Completed")
    assert done.message.endswith("2 more taken along, 1 of them failed")
    assert "outcome:along-failed" in flow_run(done).tags
    assert site.run(3).inspected_at is not None
    (poison,) = asked(site, 2)
    assert poison.concluded_at is None
    assert "r0002" in poison.last_error
    assert site.run(2).inspected_at is None

    away.rename(written[2].folder)
    forget_settings()
    (swept,) = sweeps.sweep_lost()
    assert "asked again as" in swept.outcome
    _, again = asked(site, 2)
    assert inspect(put, handed_over(site, again)).name == "Completed"
    assert site.run(2).num_files == 1
    assert all(row.concluded_at for row in asked(site))
    assert Counter(site.events(2))["register-files"] == 1
    assert site.sound()


def test_an_error_nobody_foresaw_is_the_runs_own(ready, put, monkeypatch):
    for run in (1, 2, 3):
        ready.record(run)
    original = looking.inspect_run

    def breaks(folder):
        if folder.name == "r0002":
            raise ZeroDivisionError("by a poison run")
        return original(folder)

    monkeypatch.setattr(looking, "inspect_run", breaks)
    done = inspect(put, handed_over(ready, asked(ready, 1)[0]))
    assert done.message.endswith("2 more taken along, 1 of them failed")
    (poison,) = asked(ready, 2)
    assert (poison.concluded_at, poison.last_error) == (None, "ZeroDivisionError: by a poison run")
    assert ready.run(3).inspected_at is not None


def test_when_the_place_is_in_trouble_the_rest_stays_in_the_outbox(ready, put):
    for run in range(1, 8):
        ready.record(run)
    for run in range(2, 8):
        ready.runs[run].folder.rename(ready.runs[run].folder.with_name(f"away{run}"))
    done = inspect(put, handed_over(ready, asked(ready, 1)[0]))
    assert done.message.endswith("3 more taken along, 3 of them failed")
    assert [row.run for row in asked(ready, sent_at=None)] == [5, 6, 7]


@pytest.mark.parametrize(
    ("work", "left"),
    [({"along_units": 1}, [3]), ({"along_seconds": 0}, [2, 3])],
)
def test_a_flow_takes_along_no_more_than_it_may(make_site, put, work, left):
    site = make_site(work=work)
    site.add_proposal()
    site.make_ready()
    for run in (1, 2, 3):
        site.record(run)
    assert inspect(put, handed_over(site, asked(site, 1)[0])).name == "Completed"
    assert [row.run for row in asked(site, sent_at=None)] == left


def test_only_what_waits_for_the_same_work_and_proposal_is_taken(ready, put):
    other = 2013
    ready.add_proposal(other)
    ready.make_ready(other)
    for run in (1, 2, 3, 4, 5):
        ready.record(run)
    ready.record(1, other)
    later, often = asked(ready, 2)[0], asked(ready, 3)[0]
    with ready.database.write() as session:
        session.get(Outbox, later.id).due_at = utc_now() + MINUTES
        session.get(Outbox, often.id).attempt = 3
        key = outbox.lease_key(Work.RUN_CLOSED, NUMBER, 4)
        leases.acquire(session, key, "somebody", utc_now(), MINUTES)
    assert inspect(put, handed_over(ready, asked(ready, 1)[0])).name == "Completed"
    left = [(row.proposal, row.run) for row in asked(ready, sent_at=None)]
    assert left == [(NUMBER, 2), (NUMBER, 3), (NUMBER, 4), (other, 1)]
    assert ready.run(5).inspected_at is not None


def test_a_run_by_hand_takes_nobody_along(ready, put):
    for run in (1, 2):
        ready.record(run)
    done = put(run_closed, proposal=NUMBER, run=1)
    assert done.message.endswith("0 resolved")
    assert ready.run(2).inspected_at is None


def test_a_flow_that_comes_late_for_what_was_taken_along_writes_nothing(ready, put):
    """The engine's answer was lost, the hold ran out, another flow had it done: then it starts."""
    for run in (1, 2):
        ready.record(run)
    inspect(put, handed_over(ready, asked(ready, 1)[0]))
    (taken,) = asked(ready, 2)
    past, rows = ready.history(), ready.count()
    late = inspect(put, taken)
    assert (late.type, late.name) == ("COMPLETED", "Overtaken")
    assert "was taken along by flow run" in late.message
    assert (ready.history(), ready.count()) == (past, rows)
    assert asked(ready, 2)[0].outcome == taken.outcome


def test_a_flow_that_comes_late_does_what_a_dead_one_had_taken_along(ready, put):
    """Its holder was killed and its lease is over: whoever comes first does it."""
    ready.record(1)
    long_ago = utc_now() + timedelta(seconds=1)
    with ready.database.write() as session:
        along.take(session, Work.RUN_CLOSED, NUMBER, "dead", long_ago, timedelta(milliseconds=1))
    (taken,) = asked(ready)
    assert taken.sent_to == "along:dead"
    with ready.database.write() as session:
        session.get_one(Lease, f"run-closed:{NUMBER}:1").expires_at = utc_now()
    assert inspect(put, taken).name == "Completed"
    assert asked(ready)[0].outcome.startswith("Completed")
    assert Counter(ready.events(1))["register-files"] == 1


def test_what_was_taken_along_is_lost_only_without_a_lease_and_says_nothing_of_the_queue(ready):
    for run in (1, 2, 3):
        ready.record(run)
    own = asked(ready, 1)[0]
    began = utc_now() + timedelta(seconds=1)

    def at(minutes: float):
        return began + timedelta(minutes=minutes)

    def lost(minutes: float) -> list[int]:
        return [item.run for item in unconcluded(session, at(minutes), MINUTES)]

    with ready.database.write() as session:
        outbox.sent(session, own.id, "in the engine's queue", began)
        taken = [
            along.take(session, Work.RUN_CLOSED, NUMBER, "f", at(1), timedelta(minutes=m))
            for m in (5, 1)
        ]
        assert [t.item.run for t in taken] == [2, 3]
        assert waiting_for(session, [Work.RUN_CLOSED], at(1)) == []
        seen = traffic(session, Work.RUN_CLOSED, NUMBER, began + timedelta(seconds=50))
        assert (seen.starting, seen.at_work) == (1, 1)
        assert lost(1.5) == []
        assert lost(4) == [1, 3]  # nothing has ended, the first one's queue does not move
        outbox.conclude(session, taken[0].item.id, "Completed", at(3))
        assert lost(4) == [1, 3]  # its end was no end of the queue
        outbox.ask_again(session, taken[1].item.id, "no end", at(4))
        assert lost(9) == [1]
