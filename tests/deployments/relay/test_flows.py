"""Flows are started once each, whatever Prefect does meanwhile."""

import threading

import pytest

from catalog.engine import Database
from deployments.relay.engine import Engine
from policies.vocabulary import OutboxKind
from tests.catalog.story import NUMBER

FLOW = {"kind": OutboxKind.FLOW}


def test_a_closed_run_starts_its_flow_with_name_tags_and_key(place):
    place.close_runs(1)
    place.relay().round()
    [row] = place.rows(**FLOW)
    [run] = place.engine.world.runs.values()
    assert row.sent_at == place.now
    assert row.sent_to == run.id
    assert run.body == {
        "parameters": {"proposal": NUMBER, "run": 1},
        "idempotency_key": row.key,
        "name": "p002012 r0001",
        "tags": ["beamkeeper", f"outbox:{row.id}", f"proposal:{NUMBER}", "run:0001"],
        "labels": {"bk.outbox": str(row.id)},
        "state": {"type": "SCHEDULED"},
    }
    place.relay().round()
    assert len(place.engine.world.runs) == 1


@pytest.mark.parametrize("fault", [503, 500, 502, 429, 408, "lost"])
def test_whatever_leaves_it_open_is_asked_again_with_the_same_key(place, fault):
    place.close_runs(1)
    place.engine.world.script = [fault, fault]
    relay = place.relay()
    for _ in range(4):
        relay.round()
        place.later(seconds=10)
    [row] = place.rows(**FLOW)
    assert row.sent_at is not None
    assert row.tries == 3
    assert row.last_error == ""
    assert list(place.engine.world.runs) == [("run-closed", row.key)]
    created = [p for m, p in place.engine.world.log if m == "POST"]
    assert len(created) == 3


def test_killed_between_creating_and_noting_there_is_one_flow_run(place):
    """The answer was on its way when the relay died: another one finds the same run."""
    place.close_runs(2)
    with place.database.read() as session:
        from catalog.commands import outbox

        items = outbox.due(session, place.now, [OutboxKind.FLOW])
    engine = Engine(place.engine.api_url)
    ids = [engine.start(item) for item in items]
    engine.close()
    assert all(row.sent_at is None for row in place.rows(**FLOW))
    place.relay().round()
    assert [row.sent_to for row in place.rows(**FLOW)] == ids
    assert len(place.engine.world.runs) == 2


def test_a_refusal_stays_visible_and_holds_up_nobody(place):
    place.close_runs(2)
    place.engine.world.refuse = {"run-closed"}
    relay = place.relay()
    relay.round()
    for row in place.rows(**FLOW):
        assert row.sent_at is None
        assert "409" in row.last_error
        assert "Validation failed for field 'proposal'" in row.last_error
        assert row.given_up_at is None
    place.engine.world.refuse = set()
    place.later(seconds=31)
    relay.round()
    assert all(row.sent_at and not row.last_error for row in place.rows(**FLOW))


def test_a_missing_deployment_is_named_and_found_when_it_is_there(place):
    place.close_runs(1)
    del place.engine.world.deployments["run-closed"]
    relay = place.relay()
    relay.round()
    assert "run beamkeeper deploy" in place.rows(**FLOW)[0].last_error
    place.engine.world.deploy("run-closed")
    place.later(seconds=31)
    relay.round()
    assert place.rows(**FLOW)[0].sent_at


def test_a_wiped_engine_gets_new_ids_looked_up(place):
    place.close_runs(1)
    relay = place.relay()
    relay.round()
    place.engine.world.wipe()
    place.close_runs(1)
    relay.round()
    assert all(row.sent_at for row in place.rows(**FLOW))
    assert len(place.engine.world.runs) == 1


def test_an_hour_without_prefect_loses_nothing(place):
    """Sixty minutes of runs while every connection is refused; then all are done, soon."""
    relay = place.relay()
    place.engine.stop()
    runs = []
    for _minute in range(60):
        runs += place.close_runs(1)
        relay.round()
        place.later(minutes=1)
    waiting = place.rows(**FLOW)
    assert len(waiting) == 60
    assert all(row.sent_at is None for row in waiting)
    assert {row.last_error for row in waiting if row.tries} == {
        "Prefect does not answer: ConnectError"
    }
    place.engine.start()
    done: list[int] = []
    rounds = 0
    while len(done) < 60:
        relay.round()
        done += place.work(most=10)
        place.later(seconds=5)
        rounds += 1
        assert rounds < 10
    assert sorted(done) == runs
    assert all(row.sent_at and row.outcome == "Completed" for row in place.rows(**FLOW))
    relay.round()
    assert len(place.engine.world.runs) <= 8


def test_a_wrong_password_is_said(place):
    place.close_runs(1)
    place.engine.world.auth = "Basic dXNlcjpwdw=="
    place.relay().round()
    assert "401" in place.rows(**FLOW)[0].last_error
    place.auth = "user:pw"
    place.later(seconds=31)
    place.relay().round()
    assert place.rows(**FLOW)[0].sent_at


def test_what_is_not_prefect_is_not_believed(place):
    place.close_runs(1)
    other = place.subscriber("x")
    engine = Engine(other.url.removesuffix("/events"))
    with place.database.read() as session:
        from catalog.commands import outbox

        [item] = outbox.due(session, place.now, [OutboxKind.FLOW])
    with pytest.raises(Exception, match="beamkeeper deploy"):
        engine.start(item)
    engine.close()


def test_two_relays_at_once_start_each_flow_once(place):
    runs = place.close_runs(40)
    place.engine.world.script = ["ok", 503, "lost", "ok"] * 3
    pause = threading.Event()
    with place.running(place.relay(), place.relay()):
        for _ in range(300):
            if all(row.sent_at for row in place.rows(**FLOW)):
                break
            place.later(seconds=10)
            pause.wait(0.1)
    rows = place.rows(**FLOW)
    assert all(row.sent_at for row in rows)
    started = {r.id: r.body["parameters"]["run"] for r in place.engine.world.runs.values()}
    assert sorted(started.values()) == runs
    assert {row.sent_to for row in rows} == set(started)


def test_the_relay_outlives_its_catalog(tmp_path, place):
    """A database that does not answer is waited for, not died of."""
    broken = Database(f"sqlite:///{tmp_path}/nowhere/catalog.db")
    relay = place.relay()
    relay._lanes = [type(relay._lanes[0])(broken, lambda _: "", relay._stop.is_set)]
    with place.running(relay):
        pause = threading.Event()
        pause.wait(0.3)
        assert any(thread.name == "flows" for thread in threading.enumerate())
    assert not any(thread.name == "flows" for thread in threading.enumerate())
    broken.dispose()
