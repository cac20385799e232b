"""Two people put the same form at the same moment: one effect, one line of history."""

import contextvars
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from catalog.commands import assessing, proposals
from flows.beamtime_finish import beamtime_finish
from flows.operator_ask import operator_ask
from flows.run_assess import run_assess
from policies.asking import Ask
from policies.errors import Refused
from policies.vocabulary import Assessment, BeamtimeEvent, BeamtimeState, RunState, Work
from settings.clock import utc_now
from tests.catalog.story import ADMIN, MANAGER
from tests.flows.site import NUMBER, Site

LATE = "finish is not possible from Finished (Beamtime)"
ALICE, BOSS = {"operator": "alice"}, {"operator": "boss"}


@pytest.fixture(params=["sqlite", "postgresql"])
def active(request, make_site) -> Site:
    """A beamtime that takes data, with a run that waits for its assessment."""
    site = make_site(request.param)
    site.add_proposal()
    site.make_ready()
    with site.database.write() as session:
        proposals.advance(session, NUMBER, BeamtimeEvent.START, ADMIN, utc_now())
    site.record(1)
    site.register(1)
    return site


def together(*calls):
    """Call from as many threads, as so many workers would; answers in the order given."""
    barrier = Barrier(len(calls))

    def call(one):
        barrier.wait(20)
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        runs = [pool.submit(contextvars.copy_context().run, call, one) for one in calls]
        return [run.result(60) for run in runs]


def moves(site: Site, subject: str) -> list[tuple[str, str]]:
    return [(row.source, row.target) for row in site.history() if row.subject == subject]


def test_the_same_form_twice_has_one_effect(active, put):
    def forms(flow, first, second, **common):
        states = together(
            lambda: put(flow, proposal=NUMBER, **common, **first),
            lambda: put(flow, proposal=NUMBER, **common, **second),
        )
        names = sorted(state.name for state in states)
        assert {state.type for state in states} == {"COMPLETED"}
        return names, states

    # the same word: one says it, the other is told that somebody is at it, or says nothing new
    names, _ = forms(run_assess, ALICE, BOSS, run=1, assessment="Good")
    assert set(names) <= {"Completed", "AlreadyRunning"}
    assert "Completed" in names
    assert active.events(1).count("assess-good") == 1
    assert len(active.outbox(work=Work.RUN_MIGRATE, run=1)) == 1

    # different words: the last one on record is the one in force
    said = (ALICE | {"assessment": "Not interesting"}, BOSS | {"assessment": "Unclear"})
    names, _ = forms(run_assess, *said, run=1)
    assert "Completed" in names
    last = [row.event for row in active.history(1) if row.event.startswith("assess")][-1]
    assert last in {"assess-not-interesting", "assess-unclear"}
    wanted = last == "assess-unclear"
    assert (active.run_state(1) is RunState.MIGRATION_REQUESTED) is wanted

    # a step of the beamtime: the second is refused and told where it stands
    names, states = forms(beamtime_finish, ALICE, BOSS)
    assert names in (["Completed", "Refused"], ["AlreadyRunning", "Completed"])
    for state in states:
        if state.name == "Refused":
            assert LATE in state.message
    assert active.events().count("finish") == 1
    assert active.state() is BeamtimeState.FINISHED
    assert active.sound()


def test_forms_that_contradict_each_other_leave_one_unbroken_history(active, put):
    back = {"ask": Ask.BEAMTIME_STEP_BACK, "reason": "water leak"}
    finished, stepped = together(
        lambda: put(beamtime_finish, proposal=NUMBER, **ALICE),
        lambda: put(operator_ask, proposal=NUMBER, **back, **BOSS),
    )
    assert "Completed" in {finished.name, stepped.name}
    assert {finished.name, stepped.name} <= {"Completed", "Refused"}
    path = moves(active, "beamtime")
    assert all(path[at][1] == path[at + 1][0] for at in range(len(path) - 1))
    assert path[-1][1] == active.state().label
    assert len(path) == 4 + (finished.name == "Completed") + (stepped.name == "Completed")
    assert active.sound()


def test_ten_at_once_put_the_same_command(active):
    """Past flows and leases: the commands alone take turns."""

    def finish():
        try:
            with active.database.write() as session:
                proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, MANAGER, utc_now())
        except Refused as error:
            return error.message
        return "done"

    def good():
        with active.database.write() as session:
            move = assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, utc_now())
        return "done" if move.changed else "as before"

    answers = together(*[finish, good] * 5)
    assert sorted(answers[0::2]) == ["done"] + [LATE] * 4
    assert sorted(answers[1::2]) == ["as before"] * 4 + ["done"]
    assert active.events().count("finish") == 1
    assert active.events(1).count("assess-good") == 1
    assert len(active.outbox(work=Work.RUN_MIGRATE, run=1)) == 1
    assert active.sound()
