"""Dark-run requests from the form to constants in use."""

from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.commands import (
    assessing,
    batch_jobs,
    calibration_work,
    dark_life,
    dark_work,
    darks,
    leases,
    registration,
)
from catalog.commands.dark_work import DarkResult, NewConstant
from catalog.commands.darks import DarkAsk
from catalog.commands.sweeping import Automatic, fulfil
from catalog.queries.calibration_list import open_job_keys
from catalog.queries.constants import constants_at
from catalog.queries.darks import dark_requests, versions_of_dark
from catalog.queries.journal import verify
from catalog.queries.sweeps import due_obligations
from catalog.tables import DarkRun, Outbox
from policies.dark import SUCCESS, TIMED_OUT
from policies.errors import Forbidden, Invalid, Missing, Refused
from policies.messages import MessageKind
from policies.vocabulary import (
    Assessment,
    BeamtimeState,
    DarkState,
    ExecutionState,
    JobState,
    Work,
)
from tests.catalog.calibration_story import JF, LOST_AFTER, execution, migrate, sees, units
from tests.catalog.story import (
    ADMIN,
    LEADER,
    MANAGER,
    NUMBER,
    PARTICIPANT,
    T0,
    bring_to,
    closed,
    files,
    opened,
    post,
)

DAY = timedelta(days=1)


def run_at(session, run):
    """A run of its own hour, closed, registered, assessed Good."""
    begin = T0 + timedelta(hours=run)
    post(session, MessageKind.RUN_OPENED, opened(run, begin_at=begin.isoformat()), f"o{run}")
    end = (begin + timedelta(minutes=1)).isoformat()
    post(session, MessageKind.RUN_CLOSED, closed(run, end_at=end), f"c{run}")
    registration.register_files(session, NUMBER, run, files(run), T0)
    assessing.assess_run(session, NUMBER, run, Assessment.GOOD, MANAGER, T0)


@pytest.fixture
def catalog(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        units(session)
        for run in (1, 2, 3):
            run_at(session, run)
    return facility_database


def ask(session, runs=(1, 2, 3), actor=MANAGER, now=T0, **more):
    values = {"detector": JF, "units": (), "mode": "Adaptive Gain", **more}
    asked = DarkAsk(NUMBER, runs=tuple(runs), **values)
    return darks.request(session, asked, actor, now, DAY, 500)


def all_migrated(session):
    for run in (1, 2, 3):
        migrate(session, run)


def held(session, now=T0):
    return leases.acquire(session, f"dark-calibrate:{NUMBER}", "w", now, timedelta(minutes=5))


def asked_for(session):
    query = select(Outbox.key).where(Outbox.work == Work.DARK_CALIBRATE)
    return session.exec(query).all()


def the(session):
    return session.exec(select(DarkRun)).one()


def begun(session):
    all_migrated(session)
    number = ask(session).dark_run
    plan = execution(0, JF)
    lease = held(session)
    dark_work.begin(session, NUMBER, number, plan, lease, T0)
    for job in plan.jobs:
        calibration_work.submitted(session, job.key, "7", lease, T0)
    return number


def constant(calibration="Offset10Hz", **more):
    values = {
        "physical_name": "Jungfrau_M101",
        "calibration": calibration,
        "name": "20240301_090000_sIdx=1",
        "condition": {"Memory cells": 1.0},
        "file_name": "cal.1.000001.h5",
        "path": "xfel/cal/jungfrau-type/jungfrau_m101/cal.1.000001.h5",
        "dataset": f"/Jungfrau_M101/{calibration}/0",
        "xxh3_128": "e" * 32,
        "begin_at": T0 + timedelta(hours=1),
        "raw_data_location": "proposal:2012 runs:3 2 1",
        **more,
    }
    return NewConstant(**values)


def finish(session, number, *constants):
    result = DarkResult(constants or (constant(),), "dark.pdf", "/usr/Reports/r0001", 3 * 10**9)
    return dark_work.finish(session, NUMBER, number, result, held(session), T0)


def test_accepted_waits_wakes(catalog):
    with catalog.write() as session:
        accepted = ask(session)
        assert (accepted.state, accepted.changed) == (DarkState.WAITING, True)
        assert asked_for(session) == []
        for run in (1, 2):
            migrate(session, run)
        assert the(session).flg_status is DarkState.WAITING
        migrate(session, 3)
        assert the(session).flg_status is DarkState.REQUESTED
        assert len(asked_for(session)) == 1
        row = the(session)
        assert (row.runs_info, row.pdu_physical_names) == (
            "[1, 2, 3]",
            '["Jungfrau_M101", "Jungfrau_M102"]',
        )


def test_the_same_request_twice_is_one(catalog):
    with catalog.write() as session:
        first, again = ask(session), ask(session)
        assert (again.dark_run, again.changed) == (first.dark_run, False)
        assert len(dark_requests(session, NUMBER)) == 1
        other = ask(session, units=("JNGFR02",))
        assert other.changed, "other modules are another request"


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"runs": (1, 2)}, "runs_info", "must contain 3 run"),
        ({"runs": (1, 2, 9)}, "runs_info", "r0009 does not exist"),
        ({"detector": "FXE_XAD_JF1M"}, "detector", "is no detector of SPB; known: "),
        ({"units": ("JNGFR07",)}, "units", "JNGFR07"),
        ({"mode": "High Gain"}, "operation_mode", "is one of Adaptive Gain, Fixed Gain"),
    ],
)
def test_field_and_rule_are_named_and_nothing_is_kept(catalog, more, field, words):
    with catalog.write() as session:
        with pytest.raises(Invalid) as caught:
            ask(session, **more)
        assert list(caught.value.context["fields"]) == [field]
        assert words in caught.value.message
        assert dark_requests(session, NUMBER) == []


def test_who_may_ask(catalog):
    with catalog.write() as session:
        with pytest.raises(Forbidden):
            ask(session, actor=PARTICIPANT)
        assert ask(session, actor=LEADER).changed


def test_runs_that_are_never_migrated(catalog):
    with catalog.write() as session:
        ask(session)
        late = T0 + DAY
        (duty,) = [o for o in due_obligations(session, late) if o.duty == "dark-deadline"]
        assert fulfil(session, duty.id, Automatic(), late) == f"{TIMED_OUT}: 1"
        row = the(session)
        assert (row.flg_status, row.calcat_feedback) == (DarkState.ERROR, TIMED_OUT)


def test_a_beamtime_that_moves_leaves_the_deadline_alone(catalog):
    from catalog.commands import proposals
    from policies.actor import SYSTEM
    from policies.vocabulary import BeamtimeEvent

    with catalog.write() as session:
        ask(session)
        proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, SYSTEM, T0)
        duties = [o.duty for o in due_obligations(session, T0 + DAY)]
        assert "dark-deadline" in duties


def test_from_jobs_to_constants_not_in_use_until_somebody_says_so(catalog):
    with catalog.write() as session:
        number = begun(session)
        with pytest.raises(Refused, match="a job is at work"):
            finish(session, number)
        told = sees(session, JobState.SUCCEEDED)
        assert told.over == [f"dark run request {number}"]
        assert finish(session, number) is DarkState.FINISHED
        row = the(session)
        assert (row.calcat_feedback, row.size) == (SUCCESS, "3.0GB")
        assert row.report_url == "/usr/Reports/r0001/dark.pdf"
        later = T0 + 10 * DAY
        assert constants_at(session, JF, later).known == ()
        with pytest.raises(Forbidden):
            dark_work.deploy(session, NUMBER, number, MANAGER, T0)
        dark_work.deploy(session, NUMBER, number, LEADER, T0, "looks right")
        (known,) = constants_at(session, JF, later).known
        assert (known.karabo_da, known.calibration) == ("JNGFR01", "Offset10Hz")
        assert dark_work.deploy(session, NUMBER, number, LEADER, T0) == []
        assert constants_at(session, JF, T0).known == (), "they hold from the dark run on"
        assert verify(session).sound


def test_the_newest_validity_wins(catalog):
    with catalog.write() as session:
        number = begun(session)
        sees(session, JobState.SUCCEEDED)
        new = constant(name="20240302_090000_sIdx=1", begin_at=T0 + DAY, path="b.h5")
        finish(session, number, constant(), new)
        dark_work.deploy(session, NUMBER, number, ADMIN, T0)
        assert [k.path for k in constants_at(session, JF, T0 + DAY).known] == ["b.h5"]
        before = constants_at(session, JF, T0 + DAY - timedelta(seconds=1)).known
        assert [k.path for k in before] == [constant().path]


def test_a_module_that_is_not_on_record_ends_nothing_half(catalog):
    with catalog.write() as session:
        number = begun(session)
        sees(session, JobState.SUCCEEDED)
    with pytest.raises(Missing, match="Jungfrau_M999"), catalog.write() as session:
        finish(session, number, constant(), constant(physical_name="Jungfrau_M999"))
    with catalog.read() as session:
        assert versions_of_dark(session, number) == []
        assert the(session).flg_status is DarkState.IN_PROGRESS


def test_a_failed_job_ends_with_its_words(catalog):
    with catalog.write() as session:
        number = begun(session)
        sees(session, JobState.FAILED, words="the dark runs are not what the request says (exit 6)")
        (view,) = dark_requests(session, NUMBER)
        words = view.executions[0].words
        assert dark_work.fail(session, NUMBER, number, words, held(session), T0) is DarkState.ERROR
        assert "exit 6" in the(session).calcat_feedback
        with pytest.raises(Refused, match="it has no constants"):
            dark_work.deploy(session, NUMBER, number, ADMIN, T0)


def test_cancel(catalog):
    with catalog.write() as session:
        number = begun(session)
        with pytest.raises(Refused, match="reason"):
            dark_life.cancel(session, NUMBER, number, MANAGER, T0, "")
        state = dark_life.cancel(session, NUMBER, number, MANAGER, T0, "wrong runs")
        assert state is DarkState.CANCELLED
        (view,) = dark_requests(session, NUMBER)
        assert view.executions[0].state is ExecutionState.CANCELLED
        assert [d.id for d in dark_requests(session, NUMBER, due_only=True)] == [number]
        keys = open_job_keys(session)
        batch_jobs.saw(session, {}, keys, T0, LOST_AFTER)
        sees(session, JobState.CANCELLED)
        assert dark_requests(session, NUMBER, due_only=True) == []


def test_another_proposal_s_request_is_missing(catalog):
    with catalog.write() as session:
        number = ask(session).dark_run
        bring_to(session, BeamtimeState.READY, 2013)
        with pytest.raises(Missing, match="has no dark-run request"):
            dark_life.cancel(session, 2013, number, ADMIN, T0, "oops")


def test_constants_made_under_other_settings_leave_the_place_to_older_ones(catalog):
    with catalog.write() as session:
        number = begun(session)
        sees(session, JobState.SUCCEEDED)
        cells = {"condition": {"Memory cells": 16.0}}
        new = constant(name="20240302_090000_sIdx=1", begin_at=T0 + DAY, path="b.h5", **cells)
        finish(session, number, constant(), new)
        dark_work.deploy(session, NUMBER, number, ADMIN, T0)
        held = constants_at(session, JF, T0 + DAY, {"Memory cells": 1.0})
        assert [k.path for k in held.known] == [constant().path]
        assert held.aside == ("Offset10Hz of JNGFR01: Memory cells is 1 in the data, 16 in them",)
        held = constants_at(session, JF, T0 + DAY, {"Memory cells": 16.0})
        assert ([k.path for k in held.known], held.aside) == (["b.h5"], ())
