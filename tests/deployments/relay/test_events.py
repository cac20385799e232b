"""Events reach every subscriber, in order per run, and one that fails holds up nobody."""

import threading

import pytest

from catalog.commands import outbox
from catalog.tables.journal import Outbox
from deployments.components import ports
from policies.errors import Refused
from policies.messages import MessageKind
from policies.vocabulary import OutboxKind, Topic
from settings.gateway import Key, Subscriber
from tests.catalog.story import NUMBER, closed, opened, post
from tests.deployments.relay.conftest import SECRET

DELIVERY = {"kind": OutboxKind.DELIVERY}


def emit_second(place, run):
    """A further event of the same run."""
    from catalog.commands.journal import emit

    with place.database.write() as session:
        emit(
            session,
            Topic.MIGRATION_COMPLETE,
            key=f"migration_complete:{NUMBER}:{run}",
            now=place.now,
            proposal=NUMBER,
            run=run,
        )


def settle(place, relay, rounds=3):
    for _ in range(rounds):
        relay.round()


def test_every_subscriber_gets_the_event_signed_with_its_key(place):
    first, second = place.subscriber("damnit"), place.subscriber("archive")
    place.close_runs(1)
    settle(place, place.relay())
    [event] = first.events
    assert (event["event"], event["proposal"], event["run"]) == ("daq_run_complete", NUMBER, 1)
    assert event["event_id"] == f"daq_run_complete:{NUMBER}:1->damnit"
    assert second.events[0]["event_id"] == f"daq_run_complete:{NUMBER}:1->archive"
    assert all(row.outcome == "delivered" for row in place.rows(**DELIVERY))


def test_deliveries_of_a_run_keep_their_order_across_failures(place):
    """The later event waits although it is due and the earlier one is pausing."""
    damnit = place.subscriber("damnit")
    [run] = place.close_runs(1)
    emit_second(place, run)
    damnit.fail_next = 3
    relay = place.relay()
    for _ in range(30):
        relay.round()
        place.later(seconds=1)
    events = [e["event"] for e in damnit.events]
    assert events == ["daq_run_complete", "migration_complete"]


def test_a_dead_subscriber_holds_up_neither_others_nor_flows(place):
    good, slow = place.subscriber("good"), place.subscriber("slow")
    port = ports.reserve()
    dead = Subscriber(url=f"http://127.0.0.1:{port.number}/x", key=Key(id="s", secret=SECRET))
    place.extra["dead"] = dead
    slow.delay_seconds = 0.3
    runs, done = place.close_runs(20), []
    pause = threading.Event()

    def tried() -> bool:
        dead = [row for row in place.rows(**DELIVERY) if row.sent_to == "dead"]
        return any(row.last_error for row in dead)

    with place.running(place.relay()):
        for _ in range(100):
            done += place.work()
            if len(good.events) == 20 and len(done) == 20 and tried():
                break
            pause.wait(0.05)
        assert len(slow.events) < 20
    port.release()
    assert sorted(e["run"] for e in good.events) == runs
    assert sorted(done) == runs
    waiting = [row for row in place.rows(**DELIVERY) if row.sent_to == "dead"]
    assert len(waiting) == 20
    assert all(row.sent_at is None for row in waiting)
    assert "dead: ConnectError" in {row.last_error for row in waiting}


def test_a_lost_answer_repeats_the_event_with_the_same_id(place):
    damnit = place.subscriber("damnit")
    place.close_runs(1)
    relay = place.relay()
    relay.round()
    [row] = place.rows(**DELIVERY)
    with place.database.write() as session:  # as if the relay had died before noting it
        again = session.get(type(row), row.id)
        again.sent_at = again.concluded_at = None
        again.due_at = place.now
    relay.round()
    assert len({e["event_id"] for e in damnit.events}) == 1
    assert place.rows(**DELIVERY)[0].sent_at


def test_a_relay_that_dies_with_held_rows_gives_them_back_in_time(place):
    damnit = place.subscriber("damnit")
    place.close_runs(2)
    relay = place.relay()
    relay._lanes[1].round(place.clock)
    with place.database.write() as session:
        items = outbox.due(session, place.now, [OutboxKind.DELIVERY])
        from deployments.relay.lanes import HOLD

        outbox.hold(session, items, place.now + HOLD)
    relay.round()
    assert damnit.events == []
    place.later(minutes=16)
    relay.round()
    assert len(damnit.events) == 2


def test_two_relays_deliver_each_event_once(place):
    damnit = place.subscriber("damnit")
    runs = place.close_runs(30)
    pause = threading.Event()
    with place.running(place.relay(), place.relay()):
        for _ in range(200):
            if len(damnit.events) >= 30:
                break
            pause.wait(0.05)
        pause.wait(0.7)
    assert sorted(e["run"] for e in damnit.events) == runs


def test_after_the_limit_it_is_a_dead_letter_that_people_hear_of(place):
    damnit = place.subscriber("damnit")
    damnit.fail_next = 10**6
    [run] = place.close_runs(1)
    relay = place.relay()
    relay.round()
    with place.database.write() as session:
        session.get(Outbox, place.rows(**DELIVERY)[0].id).tries = outbox.GIVE_UP_AFTER - 3
    for _ in range(3):
        assert place.rows(**DELIVERY)[0].given_up_at is None
        place.later(minutes=11)
        relay.round()
    [row] = place.rows(**DELIVERY)
    assert (row.outcome, row.last_error) == ("dead letter", "damnit: answered 503")
    relay.round()
    assert len(place.notices) == 1
    assert f"in {outbox.GIVE_UP_AFTER} tries" in place.notices[0]
    damnit.fail_next = 0
    emit_second(place, run)
    settle(place, relay)
    assert [e["event"] for e in damnit.events] == ["migration_complete"]
    with place.database.write() as session:
        outbox.deliver_again(session, row.id, place.now)
    relay.round()
    assert [e["event"] for e in damnit.events] == ["migration_complete", "daq_run_complete"]
    with place.database.write() as session, pytest.raises(Refused):
        outbox.deliver_again(session, row.id, place.now)


def test_a_subscriber_that_left_the_settings_is_said(place):
    place.subscriber("damnit")
    place.close_runs(1)
    place.relay()._lanes[1].round(place.clock)
    place.subscribers.clear()
    place.relay().round()
    [row] = place.rows(**DELIVERY)
    assert row.last_error == "subscriber damnit is not configured"


def test_topics_choose(place):
    damnit = place.subscriber("damnit")
    key = Key(id="s", secret=SECRET)
    place.extra["some"] = Subscriber(url=damnit.url, key=key, topics=["migration_complete"])
    [run] = place.close_runs(1)
    emit_second(place, run)
    settle(place, place.relay())
    assert {(r.sent_to, r.work) for r in place.rows(**DELIVERY)} == {
        ("damnit", "daq_run_complete"),
        ("damnit", "migration_complete"),
        ("some", "migration_complete"),
    }


def test_a_run_reported_twice_is_one_event(place):
    damnit = place.subscriber("damnit")
    [run] = place.close_runs(1)
    with place.database.write() as session:
        post(session, MessageKind.RUN_OPENED, opened(run), "again-o")
        post(session, MessageKind.RUN_CLOSED, closed(run), "again-c")
    settle(place, place.relay())
    assert len(damnit.events) == 1
