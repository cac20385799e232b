"""From dark runs to constants to corrected data, on a real SLURM and real files."""

import json
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from functools import partial

import h5py
import numpy as np
import pytest
import sqlalchemy as sa
import yaml
from extra_data import RunDirectory

from catalog.queries.calibration_list import calibrations
from catalog.queries.constants import constants_of_run, runs_of_dark
from catalog.queries.darks import versions_of_dark
from catalog.tables import Beamtime, ConstantVersion, Proposal
from deployments.demo_images import Images, dead, rings
from deployments.standins.calcat import CalcatStandin, with_units
from deployments.standins.calcat_faults import Fault
from flows import sightings
from flows.batch_watch import batch_watch
from flows.calibration_ask import calibration_ask
from flows.calibration_forms import CalibrationAsk, OperationMode
from flows.dark_calibrate import dark_calibrate
from flows.dark_request import dark_request
from flows.proposal_prepare import proposal_prepare
from flows.run_calibrate import run_calibrate
from policies.calibration import ALL_SUCCEEDED
from policies.vocabulary import (
    BeamtimeState,
    CalibrationState,
    DarkState,
    ExecutionState,
    JobState,
    StepName,
)
from settings.calibration import read_instrument
from settings.clock import utc_now
from tests.flows.calibration_site import (
    JF,
    MODULES,
    REPORTS,
    build_constants,
    calibration,
    dark,
    darks_through,
    equip,
    give_constants,
    migrated,
    proc,
    sections,
    through,
    use_pipeline,
    wait,
)
from tests.flows.site import GID, NUMBER, OFFLINE

pytestmark = pytest.mark.xdist_group("slurm")


@pytest.fixture
def site(make_site, cluster, tmp_path):
    made = make_site(**sections(tmp_path / "more", cluster))
    made.add_proposal()
    equip(made)
    made.make_ready()
    return made


@pytest.fixture
def asks(put):
    def asks(what, *runs, reason=""):
        form = {"proposal": NUMBER, "ask": what, "runs": list(runs), "operator": "boss"}
        return put(calibration_ask, **form, reason=reason)

    return asks


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Constants from three dark runs, made by the program itself."""
    return build_constants(tmp_path_factory.mktemp("constants"))


@pytest.fixture
def darks_done(site, built):
    """A site whose detector has constants."""
    give_constants(site, built)
    return site


def test_an_operator_asks_for_darks_and_the_next_run_is_corrected(site, put, asks):
    for stage in range(3):
        migrated(site, put, 1 + stage, Images(stage))
    for run in (1, 2, 3):
        asks(CalibrationAsk.CANCEL, run, reason="a dark run")
    put(dark_request, proposal=NUMBER, detector=JF, runs=[1, 2, 3], operator="boss")
    told = darks_through(put)
    assert "constants injected" in told, told
    asks(CalibrationAsk.DEPLOY_CONSTANTS, dark(site).id)
    request = dark(site)
    assert request.state is DarkState.FINISHED
    assert request.feedback == "This dark run performed with success"
    report = site.at(OFFLINE, request.report_url)
    assert report.read_bytes().startswith(b"%PDF")
    assert str(report).startswith(
        str(site.at(OFFLINE, f"{REPORTS}/r0001/{JF}_dark_2012_r1_r2_r3_"))
    )
    with site.database.read() as session:
        versions = versions_of_dark(session, request.id)
    names = {v.calibration for v in versions}
    assert names == {"Offset10Hz", "Noise10Hz", "BadPixelsDark10Hz", "RelativeGain10Hz"}
    assert all(v.deployed for v in versions)
    assert {v.raw_data_location for v in versions} == {"proposal:2012 runs:3 2 1"}

    migrated(site, put, 4, Images(0, 300.0), sequences=2)
    assert calibration(site, 4).state is CalibrationState.REQUESTED, "asked by itself"
    told = through(put, 4)
    assert told == f"p002012 r0004: {ALL_SUCCEEDED}"
    view = calibration(site, 4)
    assert view.state is CalibrationState.AVAILABLE
    assert [j.state for e in view.executions for j in e.jobs] == [JobState.SUCCEEDED] * 2
    folder = proc(site, 4)
    assert len(list(folder.glob("CORR-R0004-JNGFR0?-S0000?.h5"))) == 4
    assert (folder / f"calibration_metadata_{JF}.yml").is_file()
    assert len(RunDirectory(str(folder), include="*.h5").train_ids) == 4
    with h5py.File(folder / "CORR-R0004-JNGFR01-S00000.h5") as file:
        group = file[f"INSTRUMENT/{JF}/CORR/JNGFR01:daqOutput/data"]
        mean = group["adc"][:, 0].mean(axis=0)
        good = (group["mask"][0, 0] == 0) & ~dead(1)
    assert abs((mean - rings(300.0))[good].mean()) < 1
    assert np.corrcoef(mean[good], rings(300.0)[good])[0, 1] > 0.95

    with site.database.read() as session:
        used = constants_of_run(session, NUMBER, 4)
        back = runs_of_dark(session, request.id)
        (row,) = calibrations(session, NUMBER, 4)
    assert {use.dark_run for use in used} == {request.id}
    assert {use.run_label for use in back} == {"p002012 r0004"}
    assert site.at(OFFLINE, row.reports[0]).read_bytes().startswith(b"%PDF")
    (event,) = site.outbox(work="run_corrections_complete", run=4)
    assert event.parameters["detectors"] == [JF]
    assert site.sound()


def test_a_failed_detector_is_repeated_and_the_former_result_stays(darks_done, put, asks):
    site = darks_done
    migrated(site, put, 4, Images(0, 300.0))
    through(put, 4)
    before = (proc(site, 4) / "CORR-R0004-JNGFR01-S00000.h5").read_bytes()
    store = sorted(site.folder.parent.glob("more/caldb_store/**/*.h5"))
    kept = store[0].read_bytes()
    store[0].chmod(0o644)
    store[0].write_bytes(kept[:100] + bytes([kept[100] ^ 1]) + kept[101:])
    assert asks(CalibrationAsk.CALIBRATE, 4).name == "Completed"
    assert through(put, 4) == f"p002012 r0004: Succeeded: none; Failed: {JF}"
    (execution,) = calibration(site, 4).executions
    assert "constants are missing or damaged (exit 3)" in execution.words
    assert (proc(site, 4) / "CORR-R0004-JNGFR01-S00000.h5").read_bytes() == before
    store[0].write_bytes(kept)
    assert asks(CalibrationAsk.REPEAT, 4).name == "Completed"
    assert through(put, 4) == f"p002012 r0004: {ALL_SUCCEEDED}"


def test_without_constants_it_says_what_to_do(site, put):
    migrated(site, put, 1, Images(0))
    told = put(run_calibrate, proposal=NUMBER, run=1).message
    assert told == f"p002012 r0001: Succeeded: none; Failed: {JF}"
    (execution,) = calibration(site, 1).executions
    assert "ask for darks" in execution.words
    assert execution.jobs == ()


def test_constants_made_under_other_settings_are_left_aside_and_named(darks_done, put):
    with darks_done.database.write() as session:
        session.connection().execute(
            sa.update(ConstantVersion).values(condition={"Sensor Bias Voltage": 90.0})
        )
    migrated(darks_done, put, 4, Images(0))
    put(run_calibrate, proposal=NUMBER, run=4)
    (execution,) = calibration(darks_done, 4).executions
    assert "no Offset10Hz valid at the run's begin for JNGFR01, JNGFR02" in execution.words
    assert "Sensor Bias Voltage is 180 V in the data, 90 V in them" in execution.words


def test_another_pipeline_is_a_setting_away(site, put, tmp_path):
    use_pipeline(tmp_path / "more")
    migrated(site, put, 1, Images(0))
    assert through(put, 1) == f"p002012 r0001: {ALL_SUCCEEDED}"
    assert sorted(p.name for p in proc(site, 1).glob("*.h5")) == [
        "CORR-R0001-JNGFR01-S00000.h5",
        "CORR-R0001-JNGFR02-S00000.h5",
    ]


def test_a_run_without_detectors(site, put):
    migrated(site, put, 1, Images(0), aggregators=("DA01",))
    told = put(run_calibrate, proposal=NUMBER, run=1).message
    assert told == "p002012 r0001: Not available"


def test_dark_runs_in_the_wrong_order_are_found_by_their_data(site, put, asks):
    for run, stage in ((1, 0), (2, 2), (3, 1)):
        migrated(site, put, run, Images(stage))
    for run in (1, 2, 3):
        asks(CalibrationAsk.CANCEL, run, reason="a dark run")
    state = put(dark_request, proposal=NUMBER, detector=JF, runs=[1, 2, 3], operator="boss")
    assert state.name == "Completed"
    darks_through(put)
    request = dark(site)
    assert request.state is DarkState.ERROR
    assert "the dark runs are not what the request says (exit 6)" in request.feedback
    assert state.name == "Completed"


def test_constants_go_into_calcat_and_a_lost_answer_is_found_again(
    make_site, cluster, tmp_path, put
):
    with CalcatStandin(with_units({v: k for k, v in MODULES.items()})) as calcat:
        more = sections(tmp_path / "more", cluster)
        more["constants"]["calcat"] = {
            "url": calcat.url,
            "client_id": calcat.tokens.client_id,
            "client_secret": calcat.tokens.client_secret,
            "user_email": min(calcat.emails),
        }
        site = make_site(**more)
        site.add_proposal()
        equip(site)
        site.make_ready()
        for stage in range(3):
            migrated(site, put, 1 + stage, Images(stage))
            form = {"proposal": NUMBER, "ask": CalibrationAsk.CANCEL, "operator": "boss"}
            put(calibration_ask, **form, runs=[1 + stage], reason="a dark run")
        put(dark_request, proposal=NUMBER, detector=JF, runs=[1, 2, 3], operator="boss")
        lost = Fault("lost", "POST", "calibration_constant_versions", skip=2)
        calcat.faults.append(lost)
        assert "8 constants injected" in darks_through(put)
        rows = calcat.tables.all("calibration_constant_versions")
        assert lost.times == 0, "an answer was lost on the way"
        with site.database.read() as session:
            versions = versions_of_dark(session, dark(site).id)
        assert {v.ccv_id for v in versions} == {row["id"] for row in rows}
        assert len(rows) == 8
        assert not any(row["flg_deployed"] for row in rows)
        form["ask"] = CalibrationAsk.DEPLOY_CONSTANTS
        told = put(calibration_ask, **form, runs=[dark(site).id], reason="looks right")
        assert "8 of them in CalCat" in told.message
        rows = calcat.tables.all("calibration_constant_versions")
        assert all(row["flg_deployed"] for row in rows)
        (condition,) = calcat.tables.all("conditions")
        told = {p["parameter_name"]: p["value"] for p in condition["parameters_conditions"]}
        assert told == {
            "Gain Setting": 0,
            "Integration Time": 10,
            "Memory cells": 1,
            "Sensor Bias Voltage": 180,
        }
        # Again from the same runs: a second later, so that nobody takes the former ones.
        put(dark_request, proposal=NUMBER, detector=JF, runs=[1, 2, 3], operator="boss")
        assert "8 constants injected" in darks_through(put)
        second = calcat.tables.all("calibration_constant_versions")[8:]
        begins = {datetime.fromisoformat(row["begin_at"]) for row in rows}
        later = {datetime.fromisoformat(row["begin_at"]) for row in second}
        assert {at - timedelta(seconds=1) for at in later} == begins


def test_a_wrong_dark_request_names_the_field_and_the_rule(site, put):
    migrated(site, put, 1, Images(0))
    form = {"proposal": NUMBER, "detector": JF, "operator": "boss"}
    state = put(dark_request, **form, runs=[1, 1])
    assert state.name == "Refused"
    assert state.message == "runs_info must contain 3 run(s) for this operation mode."
    state = put(dark_request, **form, runs=[1, 7, 8])
    assert "r0007 does not exist in this proposal" in state.message
    state = put(dark_request, **form, runs=[1], operation_mode=OperationMode.DARK)
    assert "of JUNGFRAU is one of Adaptive Gain, Fixed Gain" in state.message


DIES_AFTER_SUBMITTING = """
import os, signal, sys
from flows import jobs
from flows.calibrating import plan
from tasks.batch import batch
from tasks.records import calibration
from tasks.records.work import working

number, run = map(int, sys.argv[1:])
calibration.submitted = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with working("run-calibrate", "victim", number, run) as unit:
    view = calibration.newest(number, run)
    planned, *_ = plan(view, number, run, configured=True)
    calibration.begin(number, run, planned, unit.held)
    jobs.submit(calibration.newest(number, run).executions, batch(), unit)
"""
"""What `run-calibrate` does, killed between the cluster's answer and its record."""


def test_a_worker_dies_between_submitting_and_writing_it_down(site, put, cluster, darks_done):
    """The job is found again by its name: one job runs."""
    migrated(site, put, 4, Images(0))
    done = subprocess.run(
        [sys.executable, "-c", DIES_AFTER_SUBMITTING, str(NUMBER), "4"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    (execution,) = calibration(site, 4).executions
    assert [job.state for job in execution.jobs] == [JobState.PLANNED] * 2
    lapse(site)
    assert through(put, 4) == f"p002012 r0004: {ALL_SUCCEEDED}"
    key = execution.jobs[0].key
    seen = cluster.run("squeue", "-h", "-t", "all", f"--name={key}", "-o", "%F").stdout.split()
    assert len(set(seen)) == 1


def lapse(site):
    """The dead worker's lease runs out."""
    from catalog.tables import Lease

    with site.database.write() as session:
        session.connection().execute(sa.update(Lease).values(expires_at=utc_now()))


def test_a_silent_controller_changes_nothing(darks_done, put, cluster):
    site = darks_done
    migrated(site, put, 4, Images(0))
    put(run_calibrate, proposal=NUMBER, run=4)
    cluster.stop_controller()
    try:
        state = put(batch_watch)
        assert (state.type, state.name) == ("COMPLETED", "Silent")
        (execution,) = calibration(site, 4).executions
        assert execution.state is ExecutionState.AT_WORK
        again = put(run_calibrate, proposal=NUMBER, run=4)
        assert "SLURM works on" in again.message
    finally:
        cluster.start_controller()
    wait(partial(_watched, put, site), "the watch sees the end", 90)
    assert put(run_calibrate, proposal=NUMBER, run=4).message.endswith(ALL_SUCCEEDED)


def _watched(put, site):
    put(batch_watch)
    return calibration(site, 4).executions[0].state is ExecutionState.SUCCEEDED


def test_a_job_that_the_cluster_forgot_is_known_by_what_its_script_left(darks_done, put):
    """Nobody looked for so long that SLURM knows nothing of the ended jobs any more."""
    site = darks_done
    migrated(site, put, 4, Images(0))
    put(run_calibrate, proposal=NUMBER, run=4)
    (execution,) = calibration(site, 4).executions
    folder = site.at(OFFLINE, execution.folder)
    marks = [f"{execution.jobs[0].key}.{n}.exit" for n in (0, 1)]
    marks.append(f"{execution.jobs[1].key}.0.exit")
    wait(lambda: all((folder / mark).exists() for mark in marks), "the jobs end")
    keys = [job.key for job in execution.jobs]
    seen = sightings.look(Forgetful(), keys)
    assert {s.state for s in seen.values()} == {JobState.SUCCEEDED}
    assert "its script said so" in seen[keys[0]].words
    (folder / marks[0]).write_text("4\n")
    failed = sightings.look(Forgetful(), keys)[keys[0]]
    assert failed.state is JobState.FAILED
    assert "1 of 2 tasks" in failed.words
    (folder / marks[0]).unlink()
    assert keys[0] not in sightings.look(Forgetful(), keys), "a task has not said its end"


class Forgetful:
    """A cluster after `MinJobAge`."""

    def look(self, _keys):
        return {}


def test_cancelling_ends_the_jobs_and_leaves_no_result(darks_done, put, asks, cluster):
    site = darks_done
    for number in (1, 2):
        cluster.run("scontrol", "update", f"NodeName=max{number}", "State=drain", "Reason=test")
    try:
        migrated(site, put, 4, Images(0))
        put(run_calibrate, proposal=NUMBER, run=4)
        refused = asks(CalibrationAsk.CANCEL, 4)
        assert refused.name == "Refused"
        assert asks(CalibrationAsk.CANCEL, 4, reason="wrong run").name == "Completed"
        put(run_calibrate, proposal=NUMBER, run=4)
    finally:
        for number in (1, 2):
            cluster.run("scontrol", "update", f"NodeName=max{number}", "State=resume")
    put(batch_watch)
    view = calibration(site, 4)
    assert view.state is CalibrationState.CANCELLED
    assert {j.state for e in view.executions for j in e.jobs} == {JobState.CANCELLED}
    assert not list(proc(site, 4).glob("*.h5"))


def test_a_result_that_is_not_what_the_job_said_is_never_published(darks_done, put):
    site = darks_done
    migrated(site, put, 4, Images(0))
    put(run_calibrate, proposal=NUMBER, run=4)
    put(batch_watch)
    (execution,) = calibration(site, 4).executions
    staging = site.at(OFFLINE, execution.folder)
    told = json.loads((staging / "result-0.json").read_text())
    path = staging / told["files"][0]["filename"]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    message = put(run_calibrate, proposal=NUMBER, run=4).message
    assert message == f"p002012 r0004: Succeeded: none; Failed: {JF}"
    assert "is not what the job wrote" in calibration(site, 4).executions[0].words
    assert not list(proc(site, 4).glob("*.h5"))


def test_everything_may_run_twice(darks_done, put):
    site = darks_done
    migrated(site, put, 4, Images(0))
    through(put, 4)
    before = site.count()
    put(run_calibrate, proposal=NUMBER, run=4)
    put(dark_calibrate, proposal=NUMBER)
    put(batch_watch)
    after = site.count()
    assert {k for k in after if after[k] != before[k]} <= {"leases"}
    assert MODULES


def reshape(site, **changes):
    """Other values of the correction's step in the calibration file."""
    path = site.folder.parent / "more" / "calibrations" / "default.yaml"
    content = yaml.safe_load(path.read_text())
    content["detectors"]["JUNGFRAU"]["correct"].update(changes)
    path.write_text(yaml.safe_dump(content))
    read_instrument.cache_clear()


def test_a_job_that_needs_too_much_memory_says_which_setting_helps(darks_done, put):
    take = "import time; kept = bytearray(300_000_000); time.sleep(60)"
    reshape(darks_done, memory_mb=50, command=["{python}", "-c", take])
    migrated(darks_done, put, 4, Images(0))
    assert through(put, 4) == f"p002012 r0004: Succeeded: none; Failed: {JF}"
    (execution,) = calibration(darks_done, 4).executions
    assert "it needed more memory than it had: raise `memory_mb` of its step" in execution.words


@pytest.fixture
def reserved(make_site, cluster, tmp_path, built, put):
    """An Active beamtime with nodes of its own, whose jobs are to run there."""
    more = sections(tmp_path / "more", cluster)
    more["batch"] = cluster.settings(timeout_seconds=20, reservations=True).model_dump(mode="json")
    made = make_site(**more)
    made.add_proposal()
    equip(made)
    made.make_ready()
    begin = utc_now() - timedelta(hours=1)
    with made.database.write() as session:
        session.connection().execute(
            sa.update(Beamtime).values(begin_at=begin, end_at=begin + timedelta(days=1))
        )
    give_constants(made, built)
    reshape(made, in_reservation=True)
    cluster.know_group(f"{NUMBER:06d}-part", GID + 2 * (NUMBER % 1000), ["alice", "bob"])
    only = [StepName.BATCH_RESERVATION]
    assert "1 changes" in put(proposal_prepare, proposal=NUMBER, only=only).message
    with made.database.write() as session:
        session.connection().execute(
            sa.update(Proposal).values(flg_beamtime_status=BeamtimeState.ACTIVE)
        )
    yield made
    cluster.run("scontrol", "delete", f"ReservationName=upex_{NUMBER:06d}", check=False)


def test_jobs_run_on_a_beamtime_s_nodes_or_elsewhere_where_these_do_not_take_them(
    reserved, put, cluster
):
    name = f"upex_{NUMBER:06d}"

    def where(run):
        (execution,) = calibration(reserved, run).executions
        shown = cluster.run(
            "squeue", "-h", "-t", "all", f"--name={execution.jobs[0].key}", "-o", "%P|%v"
        )
        return execution.reservation, set(shown.stdout.split())

    migrated(reserved, put, 4, Images(0))
    assert through(put, 4) == f"p002012 r0004: {ALL_SUCCEEDED}"
    assert where(4) == ("", {"upex-high|(null)"})
    (left,) = [row for row in reserved.history(4) if row.event == "leave-reservation"]
    assert "Access denied to requested reservation" in left.reason

    # Tests run as root, whom SLURM never counts as a member of a group.
    cluster.run("scontrol", "delete", f"ReservationName={name}")
    nodes = ["PartitionName=upex-beamtime", "NodeCnt=1", "Users=root"]
    span = ["StartTime=now", "Duration=60"]
    cluster.run("scontrol", "create", "reservation", f"ReservationName={name}", *span, *nodes)
    migrated(reserved, put, 5, Images(0))
    assert through(put, 5) == f"p002012 r0005: {ALL_SUCCEEDED}"
    assert where(5) == (name, {f"upex-beamtime|{name}"})
