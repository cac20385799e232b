"""Replies, statuses and names of calibration."""

from datetime import UTC, datetime

import pytest

from policies import calibration_paths as paths
from policies.calibration import (
    CALIBRATION,
    CalibrationFacts,
    reply,
    run_status,
    wanted_by_itself,
)
from policies.dark import DARK
from policies.errors import Refused
from policies.executions import EXECUTION, JOB
from policies.layout import Home
from policies.machine import Machine
from policies.vocabulary import (
    CalibrationEvent,
    ExecutionState,
    JobState,
    Role,
)
from policies.vocabulary import CalibrationState as S

AT = datetime(2025, 4, 30, 21, 46, 41, 250720, tzinfo=UTC)
HOME = Home("FXE", "202530", 900491)


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        (["A"], [], "Calibration jobs succeeded"),
        ([], ["FXE_DET_LPD1M-1"], "Succeeded: none; Failed: FXE_DET_LPD1M-1"),
        (["B", "A"], ["D", "C"], "Succeeded: A, B; Failed: C, D"),
        ([], [], "No detector data"),
    ],
)
def test_replies_as_the_facility_writes_them(good, bad, words):
    assert reply(good, bad) == words


def test_the_run_s_status_after_a_cancel_is_that_of_the_former_result():
    assert run_status(S.CANCELLED, True) is S.AVAILABLE
    assert run_status(S.CANCELLED, False) is S.NOTHING
    assert run_status(S.ERROR, True) is S.ERROR
    assert run_status(S.WAITING, True) is S.WAITING


@pytest.mark.parametrize(
    ("when", "prefers", "wanted"),
    [
        ("always", "R", True),
        ("never", "P", False),
        ("preferred-processed", "P", True),
        ("preferred-processed", "R", False),
    ],
)
def test_when_a_run_is_calibrated_by_itself(when, prefers, wanted):
    assert wanted_by_itself(when, prefers) is wanted


def test_names_as_published():
    name = paths.correction_report("FXE_XAD_JF1M", 900491, 487, AT)
    assert name == "FXE_XAD_JF1M_correct_900491_r0487_250430_214641_250720.pdf"
    assert paths.report_folder(HOME, 487) == "/gpfs/exfel/u/usr/FXE/202530/p900491/Reports/r0487"
    assert paths.proc_run(HOME, 487) == "/gpfs/exfel/d/proc/FXE/202530/p900491/r0487"


def test_keys_are_the_same_for_the_same_request_and_no_other():
    key = paths.correction_key(7, "FXE_DET_LPD1M-1", AT)
    assert key == paths.correction_key(7, "FXE_DET_LPD1M-1", AT)
    later = AT.replace(microsecond=250721)
    others = {
        paths.correction_key(8, "FXE_DET_LPD1M-1", AT),
        paths.correction_key(7, "FXE_XAD_JF1M", AT),
        paths.correction_key(7, "FXE_DET_LPD1M-1", later),
        paths.dark_key(7, "FXE_DET_LPD1M-1", AT),
    }
    assert key not in others
    assert len(others) == 4
    assert paths.staging(HOME, 487, key).startswith(f"{paths.proc_run(HOME, 487)}/_cal-7-")


def test_lacking_constants_are_named_with_their_modules():
    words = paths.lacking(["A1", "A2", "A3"], ["Offset"], {"A1": ["Offset", "Noise"], "A2": []})
    assert words.startswith("no Offset valid at the run's begin for A2, A3:")
    assert paths.lacking(["A1"], ["Offset"], {"A1": ["Offset"]}) == ""


@pytest.mark.parametrize("machine", [CALIBRATION, EXECUTION, JOB, DARK], ids=lambda m: m.name)
def test_what_is_over_stays_over(machine: Machine):
    for end in machine.ends - {ExecutionState.PUBLISHED}:
        assert not [edge for edge in machine.edges if edge.source is end and edge.target is not end]


def test_only_the_system_says_what_became_of_it():
    for edge in CALIBRATION.edges:
        people = edge.by - {Role.SYSTEM, Role.ADMIN}
        assert bool(people) == (edge.event is CalibrationEvent.CANCEL)


def test_a_failed_detector_is_no_success():
    facts = CalibrationFacts(migrated=True, failed=("A",))
    with pytest.raises(Refused, match="failed: A"):
        CALIBRATION.decide(S.IN_PROGRESS, CalibrationEvent.SUCCEED, frozenset({Role.SYSTEM}), facts)


def test_a_job_may_be_seen_in_any_order_until_it_is_over():
    for source in (JobState.PLANNED, JobState.QUEUED, JobState.RUNNING):
        targets = {edge.target for edge in JOB.edges if edge.source is source}
        assert targets == set(JobState) - {JobState.PLANNED, source}
