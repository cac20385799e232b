"""In a burst the relay starts few flows; the others' runs wait and are taken along, once each."""

import threading
from datetime import timedelta

from catalog.commands import along
from catalog.commands.journal import ask
from catalog.queries.lost import unconcluded
from deployments.relay.lanes import FLOW_HOLD, FlowLane
from policies.vocabulary import OutboxKind, Work
from tests.catalog.story import NUMBER
from tests.deployments.relay.conftest import MINUTE

FLOW = {"kind": OutboxKind.FLOW}
CLOSED = {"work": Work.RUN_CLOSED}
OTHER = 2013


def started(place) -> list[int]:
    """Runs with a flow of their own, in no order: several hands start them."""
    return sorted(flow.body["parameters"]["run"] for flow in place.engine.world.runs.values())


def wait_for(place, count: int, proposal: int = OTHER) -> None:
    """Closed runs of a proposal that nobody knows more of."""
    with place.database.write() as session:
        for run in range(1, count + 1):
            ask(
                session,
                Work.RUN_CLOSED,
                key=f"c:{proposal}:{run}",
                now=place.now,
                parameters={"proposal": proposal, "run": run},
                proposal=proposal,
                run=run,
            )


def test_few_flows_are_started_and_the_others_are_taken_along(place):
    runs = place.close_runs(30)
    relay = place.relay()
    relay.round()
    assert started(place) == runs[:2]
    place.later(seconds=1)
    assert relay.round() <= len(place.rows(kind=OutboxKind.EVENT))
    assert started(place) == runs[:2]
    done = place.work(most=9)
    assert sorted(done) == runs[:20]
    assert done[1:10] == runs[2:11]
    for _ in range(2):
        place.later(seconds=1)
        relay.round()
        done += place.work(most=9)
    relay.round()
    assert sorted(done) == runs
    assert len(started(place)) == 4
    rows = place.rows(**FLOW)
    assert {row.outcome for row in rows} == {"Completed"}
    assert sum(row.sent_to.startswith(along.ALONG) for row in rows) == 26


def test_a_burst_holds_up_no_other_work_and_no_other_proposal(place):
    place.close_runs(150)
    wait_for(place, 1)
    with place.database.write() as session:
        more = {"parameters": {"proposal": NUMBER}, "proposal": NUMBER}
        ask(session, Work.TEAM_SYNC, key="team", now=place.now, **more)
    place.relay().round()
    found = [(w, f.body["parameters"]["proposal"]) for (w, _), f in place.engine.world.runs.items()]
    assert sorted(found) == [
        ("run-closed", NUMBER),
        ("run-closed", NUMBER),
        ("run-closed", OTHER),
        ("team-sync", NUMBER),
    ]


def test_long_runs_at_work_make_room_for_one_more_now_and_then(place):
    place.close_runs(6)
    relay = place.relay()
    relay.round()
    for flow in list(place.engine.world.runs.values()):
        place.begin(flow)
    for seconds, count in ((5, 2), (6, 3), (5, 3)):
        place.later(seconds=seconds)
        relay.round()
        assert len(started(place)) == count
    place.begin(list(place.engine.world.runs.values())[2])
    place.later(seconds=11)
    relay.round()
    assert len(started(place)) == 4


def test_an_engine_without_workers_is_not_swamped_and_nothing_is_forgotten(place):
    runs = place.close_runs(20)
    relay = place.relay()
    for _ in range(10):
        relay.round()
        place.later(seconds=6)
    assert len(started(place)) == 2
    relay.round()
    assert len(started(place)) == 4
    assert sorted(place.work()) == runs


def test_what_is_being_handed_over_is_taken_along_by_nobody(place):
    """A flow looks for more while the relay's request is under way, at each request."""
    place.close_runs(6)
    taken: list[int | None] = []

    def start(item) -> str:
        with place.database.write() as session:
            other = along.take(session, Work.RUN_CLOSED, NUMBER, "a flow", place.now, MINUTE)
        taken.append(other.item.run if other else None)
        assert other is None or other.item.id != item.id
        return f"flow for {item.run}"

    lane = FlowLane(place.database, start, lambda: False, hands=1)
    lane.round(place.clock)
    lane.close()
    rows = {row.run: row.sent_to for row in place.rows(**FLOW)}
    assert taken == [3, 4]
    assert rows == {
        1: "flow for 1",
        2: "flow for 2",
        3: "along:a flow",
        4: "along:a flow",
        5: "",
        6: "",
    }


def test_killed_while_handing_over_the_rows_come_back(place):
    runs = place.close_runs(2)

    def dies(_item) -> str:
        raise KeyboardInterrupt

    lane = FlowLane(place.database, dies, lambda: False, hands=1)
    try:
        lane.round(place.clock)
    except KeyboardInterrupt:
        lane.close()
    place.relay().round()
    assert started(place) == []
    place.now += FLOW_HOLD
    place.relay().round()
    assert started(place) == runs


def test_a_late_answer_of_the_engine_does_not_undo_what_was_taken_along(place):
    """The request took longer than the row was held; a flow had it done meanwhile."""
    place.close_runs(1)

    def start(item) -> str:
        place.now += FLOW_HOLD + timedelta(seconds=1)
        with place.database.write() as session:
            other = along.take(session, Work.RUN_CLOSED, NUMBER, "a flow", place.now, MINUTE)
        assert other is not None
        place.end(other.item.id, other.held)
        return f"flow for {item.run}"

    lane = FlowLane(place.database, start, lambda: False, hands=1)
    lane.round(place.clock)
    lane.close()
    [row] = place.rows(**CLOSED)
    assert (row.sent_to, row.outcome) == ("along:a flow", "Completed")


def test_a_dark_engine_gives_back_what_was_not_tried(place):
    place.close_runs(6)
    place.engine.stop()
    lane_relay = place.relay()
    lane_relay.round()
    rows = place.rows(**CLOSED)
    assert sum(row.due_at > place.now for row in rows) == 2
    place.engine.start()
    place.later(seconds=2)
    lane_relay.round()
    assert len(started(place)) == 2


def test_two_relays_and_many_flows_at_once_do_each_run_once(place):
    runs = place.close_runs(60)
    done: list[int] = []
    pause = threading.Event()
    with place.running(place.relay(), place.relay()):
        for _ in range(200):
            done += place.work(most=4)
            if len(done) >= 60:
                break
            place.later(seconds=1)
            pause.wait(0.05)
    assert sorted(done) == runs
    rows = place.rows(**CLOSED)
    assert {row.outcome for row in rows} == {"Completed"}
    assert len({row.key for row in rows}) == 60
    with place.database.read() as session:
        assert unconcluded(session, place.now + 9 * MINUTE, MINUTE) == []
