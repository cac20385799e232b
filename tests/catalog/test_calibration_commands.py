"""A run's calibration from the asking to the result in place; nothing happens twice."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from catalog.commands import (
    assessing,
    calibration,
    calibration_end,
    calibration_result,
    calibration_work,
)
from catalog.commands.sweeping import Automatic, fulfil
from catalog.queries.calibration import executions_of, newest_request
from catalog.queries.calibration_list import calibrations, open_job_keys, stuck_calibrations
from catalog.queries.constants import constants_of_run, runs_of_constant
from catalog.queries.journal import history, verify
from catalog.queries.runs import files_of, run_view
from catalog.queries.sweeps import due_obligations
from catalog.tables import DataGroup, Outbox, Replica, Report, Run
from policies.calibration import ALL_SUCCEEDED, NO_DETECTOR, TIMED_OUT
from policies.errors import Forbidden, LeaseLost, Refused
from policies.vocabulary import (
    Assessment,
    BeamtimeState,
    CalibrationState,
    ExecutionState,
    JobState,
    OutboxKind,
    ReplicaState,
    Topic,
    Work,
)
from tests.catalog.calibration_story import (
    AGIPD,
    ALWAYS,
    JF,
    SITE,
    begun,
    execution,
    held_for,
    migrate,
    migrated,
    publish,
    result,
    sees,
)
from tests.catalog.story import MANAGER, NUMBER, PARTICIPANT, T0, bring_to, record_run


@pytest.fixture
def catalog(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
    return facility_database


def the_run(session, run=1):
    return session.exec(select(Run).where(Run.run_number == run)).one()


def asked(session, work=Work.RUN_CALIBRATE):
    return session.exec(select(Outbox.key).where(Outbox.work == work).order_by(Outbox.id)).all()


def request(session, run=1, **more):
    return calibration.request(session, NUMBER, run, SITE, MANAGER, T0, **more)


def conclude(session, run=1):
    return calibration_end.conclude(session, NUMBER, run, held_for(session, run), T0)


def test_a_migrated_run_is_calibrated_at_once(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        answer = request(session)
        assert (answer.state, answer.changed) == (CalibrationState.REQUESTED, True)
        assert len(asked(session)) == 1
        row = the_run(session)
        assert (row.flg_cal_data_status, row.cal_num_requests) == ("R", 1)
        assert row.cal_last_request_at == T0


def test_two_requests_at_once_are_one(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        first, again = request(session), request(session)
        assert (again.request, again.changed) == (first.request, False)
        assert len(asked(session)) == 1
        assert the_run(session).cal_num_requests == 1


def test_another_detector_waits_its_turn(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        request(session, detectors=[JF])
        with pytest.raises(Refused, match="is open for SPB_IRDA_JF4M"):
            request(session, detectors=[AGIPD])


def test_what_is_not_migrated_waits_and_wakes(catalog):
    with catalog.write() as session:
        record_run(session, 1)
        assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)
        assert request(session).state is CalibrationState.WAITING
        assert asked(session) == []
        assert the_run(session).flg_cal_data_status == "W"
        migrate(session, 1)
        assert len(asked(session)) == 1
        assert the_run(session).flg_cal_data_status == "R"
        assert due_obligations(session, T0 + timedelta(days=2)) == [
            o for o in due_obligations(session, T0 + timedelta(days=2)) if "calib" not in o.duty
        ]


def test_what_is_never_migrated_times_out_with_words(catalog):
    with catalog.write() as session:
        record_run(session, 1)
        request(session)
    late = T0 + timedelta(hours=24)
    with catalog.write() as session:
        duties = [o for o in due_obligations(session, late) if o.duty == "calibration-deadline"]
        (duty,) = duties
        assert fulfil(session, duty.id, Automatic(), late) == TIMED_OUT
        row = the_run(session)
        assert (row.flg_cal_data_status, row.cal_pipeline_reply) == ("E", TIMED_OUT)


@pytest.mark.parametrize("moment", [T0, T0 + timedelta(hours=23, minutes=59)])
def test_the_deadline_is_not_early(catalog, moment):
    with catalog.write() as session:
        record_run(session, 1)
        request(session)
        assert calibration.time_out(session, NUMBER, 1, moment) == "nothing waits any more"


def test_never_for_runs_that_stay_online(catalog):
    with catalog.write() as session:
        record_run(session, 1)
        assessing.assess_run(session, NUMBER, 1, Assessment.NOT_INTERESTING, MANAGER, T0)
        with pytest.raises(Refused, match="never migrated"):
            request(session)
        with pytest.raises(Forbidden):
            calibration.request(session, NUMBER, 1, SITE, PARTICIPANT, T0)


def test_automatic_only_where_site_and_proposal_say_so(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        assert asked(session) == []
        migrated(session, 2, ALWAYS)
        assert len(asked(session)) == 1
        assert calibrations(session, NUMBER, 2)[0].kind == "automatic"
        calibration.follow_migration(session, NUMBER, 2, ALWAYS, T0)
        assert len(asked(session)) == 1


def test_jobs_are_on_record_before_anybody_submits(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = request(session).request
        held = held_for(session, 1)
        calibration_work.begin(session, NUMBER, 1, [execution(number)], held, T0)
        assert open_job_keys(session) == [f"cal-{number}-{JF}-1", f"cal-{number}-{JF}-1-report"]
        (view,) = executions_of(session, request=number)
        assert view.state is ExecutionState.PLANNED
        assert the_run(session).flg_cal_data_status == "I"


def test_a_run_without_detectors_says_so(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        request(session)
        state = calibration_work.begin(session, NUMBER, 1, [], held_for(session, 1), T0)
        assert state is CalibrationState.NOTHING
        row = the_run(session)
        assert (row.flg_cal_data_status, row.cal_pipeline_reply) == ("NA", NO_DETECTOR)


def test_from_the_last_job_to_the_result_in_place(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = begun(session, 1)
        before = len(asked(session))
        sees(session, JobState.RUNNING)
        told = sees(session, JobState.SUCCEEDED)
        assert told.over == [f"calibration {number}"]
        assert len(asked(session)) == before + 1
        assert open_job_keys(session) == []
        group = publish(session, number, 1)
        assert conclude(session) == (CalibrationState.AVAILABLE, ALL_SUCCEEDED)
        row = the_run(session)
        assert (row.flg_cal_data_status, row.cal_pipeline_reply) == ("A", ALL_SUCCEEDED)
        copy = session.exec(select(Replica).where(Replica.data_group_id == group)).one()
        assert (copy.state, copy.num_files) == (ReplicaState.VERIFIED, 2)
        report = session.exec(select(Report)).one()
        assert report.cal_report_at == T0
        event = session.exec(
            select(Outbox).where(Outbox.work == Topic.RUN_CORRECTIONS_COMPLETE)
        ).one()
        assert event.parameters["detectors"] == [JF]
        assert len(files_of(session, NUMBER, 1)) == 2, "raw files only"
        assert run_view(session, NUMBER, 1).repositories["XFEL_GPFS_OFFLINE_PROC_CC"] == "verified"
        assert verify(session).sound


def test_publishing_twice_is_publishing_once(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = begun(session, 1)
        sees(session, JobState.SUCCEEDED)
        assert publish(session, number, 1) == publish(session, number, 1)
        groups = session.exec(select(DataGroup).where(col(DataGroup.name).like("proc_%"))).all()
        assert len(groups) == 1


def test_the_request_does_not_end_before_its_results_are_in_place(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = begun(session, 1)
        with pytest.raises(Refused, match="jobs are at work"):
            conclude(session)
        sees(session, JobState.SUCCEEDED)
        with pytest.raises(Refused, match="not published yet"):
            conclude(session)
        stale = held_for(session, 1)
        held_for(session, 1, T0 + timedelta(hours=1))
        with pytest.raises(LeaseLost):
            publish_with(session, stale, number, T0 + timedelta(hours=2))


def publish_with(session, held, number, now):
    key = f"cal-{number}-{JF}-1"
    calibration_result.publish(session, key, result(), held, now)


def test_one_detector_fails_the_other_is_published(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = begun(session, 1, JF, AGIPD)
        sees(session, JobState.SUCCEEDED, only=JF)
        told = sees(session, JobState.FAILED, only=AGIPD, words="constants are damaged")
        assert told.over
        publish(session, number, 1)
        state, reply = conclude(session)
        assert state is CalibrationState.ERROR
        assert reply == f"Succeeded: {JF}; Failed: {AGIPD}"
        assert the_run(session).cal_pipeline_reply == reply
        row = calibrations(session, NUMBER, 1)[0]
        assert [e.words for e in row.executions if e.words] == ["correct: constants are damaged"]
        notices = session.exec(select(Outbox).where(Outbox.kind == OutboxKind.NOTICE)).all()
        assert [n for n in notices if n.key == f"calibration-failed:{number}"]


def test_a_repeat_takes_what_failed_and_keeps_the_rest(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        first = begun(session, 1, JF, AGIPD)
        sees(session, JobState.SUCCEEDED, only=JF)
        sees(session, JobState.FAILED, only=AGIPD, words="node died")
        publish(session, first, 1)
        conclude(session)
        again = calibration.repeat(session, NUMBER, 1, SITE, MANAGER, T0, "once more")
        assert again.detectors == (AGIPD,)
        assert the_run(session).flg_cal_data_status == "R"
        view = newest_request(session, NUMBER, 1)
        assert set(view.in_place) == {JF}


def test_a_new_result_takes_the_place_of_the_former_one(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        first = begun(session, 1)
        sees(session, JobState.SUCCEEDED)
        old = publish(session, first, 1)
        conclude(session)
        second = begun(session, 1)
        assert newest_request(session, NUMBER, 1).in_place[JF]
        assert session.get_one(DataGroup, old).flg_available
        sees(session, JobState.SUCCEEDED)
        publish(session, second, 1, mark="d")
        conclude(session)
        assert session.get_one(DataGroup, old).removed_at == T0
        states = [executions_of(session, request=n)[0].state for n in (first, second)]
        assert states == [ExecutionState.SUPERSEDED, ExecutionState.PUBLISHED]
        current = [use for use in constants_of_run(session, NUMBER, 1) if use.current]
        assert [use.ccv_id for use in current] == [7]
        assert {use.run_label for use in runs_of_constant(session, 7)} == {"p002012 r0001"}


def test_a_failed_new_result_leaves_the_former_one(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        first = begun(session, 1)
        sees(session, JobState.SUCCEEDED)
        old = publish(session, first, 1)
        conclude(session)
        begun(session, 1)
        sees(session, JobState.FAILED, words="time limit")
        conclude(session)
        assert session.get_one(DataGroup, old).flg_available
        assert the_run(session).flg_cal_data_status == "E"


def test_cancel_keeps_the_former_result(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        first = begun(session, 1)
        sees(session, JobState.SUCCEEDED)
        publish(session, first, 1)
        conclude(session)
        begun(session, 1)
        with pytest.raises(Refused, match="reason"):
            calibration.cancel(session, NUMBER, 1, MANAGER, T0, "")
        state = calibration.cancel(session, NUMBER, 1, MANAGER, T0, "wrong run")
        assert state is CalibrationState.CANCELLED
        assert the_run(session).flg_cal_data_status == "A"
        view = newest_request(session, NUMBER, 1)
        assert [e.state for e in view.executions] == [ExecutionState.CANCELLED]
        assert open_job_keys(session), "the flow cancels them and the watch sees it"
        sees(session, JobState.CANCELLED)
        assert open_job_keys(session) == []


def test_a_silent_cluster_loses_nothing_and_a_forgetful_one_after_a_grace(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        begun(session, 1)
        assert not sees_nothing(session, T0).changed
        assert not sees_nothing(session, T0 + timedelta(minutes=14)).changed
        sees(session, JobState.RUNNING, T0 + timedelta(minutes=14))
        assert not sees_nothing(session, T0 + timedelta(minutes=20)).changed
        told = sees_nothing(session, T0 + timedelta(minutes=36))
        assert all("lost" in line for line in told.changed)
        assert told.over


def sees_nothing(session, now):
    from catalog.commands import batch_jobs

    keys = open_job_keys(session)
    return batch_jobs.saw(session, {}, keys, now, timedelta(minutes=15))


def test_a_requeued_job_is_queued_again(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = begun(session, 1)
        sees(session, JobState.RUNNING)
        sees(session, JobState.QUEUED, words="its node died; SLURM queued it again")
        (view,) = executions_of(session, request=number)
        assert {job.state for job in view.jobs} == {JobState.QUEUED}
        assert "node died" in view.jobs[0].words


def test_what_is_over_stays_over(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = begun(session, 1)
        sees(session, JobState.SUCCEEDED)
        key = f"cal-{number}-{JF}-1"
        from catalog.commands import batch_jobs
        from catalog.commands.batch_jobs import Sighting

        late = {key: Sighting(key, "1", JobState.FAILED)}
        told = batch_jobs.saw(session, late, [key], T0, timedelta(minutes=15))
        assert told.changed == []


def test_a_refused_job_ends_its_execution_with_the_reason(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = request(session).request
        held = held_for(session, 1)
        calibration_work.begin(session, NUMBER, 1, [execution(number)], held, T0)
        key = f"cal-{number}-{JF}-1"
        calibration_work.refuse(session, key, "invalid partition", held, T0)
        state, reply = conclude(session)
        assert (state, reply) == (CalibrationState.ERROR, f"Succeeded: none; Failed: {JF}")
        assert open_job_keys(session) == []


def stuck(session, minutes):
    found = stuck_calibrations(session, T0 + timedelta(minutes=minutes))
    return [(item.proposal, item.run, item.work) for item in found]


def test_stuck_requests_are_found(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        request(session)
        assert stuck(session, 11) == [], "it is asked for and on its way"
        for row in session.exec(select(Outbox)):
            row.concluded_at = T0
        assert stuck(session, 9) == []
        assert stuck(session, 11) == [(NUMBER, 1, Work.RUN_CALIBRATE)]
    with catalog.write() as session:
        migrated(session, 2)
        begun(session, 2)
        found = [run for _, run, _ in stuck(session, 11)]
        assert found == [1], "jobs at work are watched, not stuck"


def test_one_watch_is_asked_for_when_the_cluster_gets_its_first_job(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        migrated(session, 2)
        begun(session, 1)
        begun(session, 2)
        assert len(asked(session, Work.BATCH_WATCH)) == 1


def test_the_history_tells_the_story(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        number = begun(session, 1)
        sees(session, JobState.SUCCEEDED)
        publish(session, number, 1)
        conclude(session)
        told = [(row.subject, row.event) for row in history(session, NUMBER, 1)]
        for expected in (
            ("calibration", "request"),
            ("calibration", "begin"),
            ("execution", f"publish:{JF}"),
            ("calibration", "succeed"),
        ):
            assert expected in told
