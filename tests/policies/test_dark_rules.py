"""What a dark-run request may ask for."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.dark import MODES, DarkRunFacts, check, markdown, mode_of
from policies.vocabulary import RunQuality, RunState, RunStatus

T0 = datetime(2026, 3, 1, tzinfo=UTC)
GAIN = mode_of("JUNGFRAU", "Adaptive Gain")


def run(number, at=None, **more):
    begin = T0 + timedelta(minutes=10 * (number if at is None else at))
    values = {
        "state": RunState.CLOSED,
        "status": RunStatus.CLOSED,
        "begin_at": begin,
        "end_at": begin + timedelta(minutes=5),
        "trains": 600,
        **more,
    }
    return DarkRunFacts(number, **values)


def faults(*runs, mode=GAIN, least=500):
    found, _ = check(mode, runs, least)
    return found.get("runs_info", "")


def test_three_runs_in_order_are_fine():
    assert check(GAIN, [run(1), run(2), run(3)], 500) == ({}, [])


@pytest.mark.parametrize("runs", [(), (run(1),), (run(1), run(2)), tuple(map(run, range(4)))])
def test_the_number_of_runs(runs):
    assert faults(*runs) == "must contain 3 run(s) for this operation mode"


def test_epix_takes_one():
    mode = mode_of("EPIX100", "")
    assert faults(run(1), mode=mode) == ""
    assert faults(run(1), run(2), mode=mode) == "must contain 1 run(s) for this operation mode"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (run(2, state=None), "r0002 does not exist in this proposal"),
        (run(2, status=RunStatus.OPEN), "r0002 is still open"),
        (run(2, quality=RunQuality.NOT_INTERESTING), "r0002 is Not interesting"),
        (run(2, trains=499), "r0002 has 499 trains, 500 are needed"),
        (run(1), "r0001 is named twice"),
        (run(2, at=1), "r0002 begins before r0001 ends"),
    ],
)
def test_each_rule_is_named(bad, words):
    assert words in faults(run(1), bad, run(3))


def test_exactly_enough_trains():
    assert faults(run(1), run(2, trains=500), run(3)) == ""
    assert faults(run(1), run(2, trains=None), run(3)) == ""


def test_runs_that_touch_do_not_overlap():
    touching = run(2, begin_at=run(1).end_at)
    assert faults(run(1), touching, run(3)) == ""


def test_another_order_is_a_warning_only():
    found, warnings = check(GAIN, [run(3), run(2), run(1)], 500)
    assert found == {}
    assert warnings == ["the runs are not in the order in which they were taken: G0, G1, G2"]


def test_modes_by_word_name_and_alone():
    assert mode_of("JUNGFRAU", "fixed gain").identifier == "FIXED_GAIN"
    assert mode_of("jungfrau", "FIXED_GAIN").name == "Fixed Gain"
    assert mode_of("JUNGFRAU", "") is None, "there are two: one must be named"
    assert mode_of("GOTTHARD2", "").stages == ("dark",)
    assert mode_of("AGIPD", "Dark") is None


def test_the_handbook_shows_every_mode():
    page = markdown({"JUNGFRAU": 20})
    assert page.count("\n") == sum(map(len, MODES.values())) + 1
    assert "| JUNGFRAU | Adaptive Gain | G0, G1, G2 | 20 |" in page
