"""The reservation's window and what of it has to change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import Refused
from policies.reservation import changes, name, window

T0 = datetime(2026, 3, 27, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE, AFTER = 12 * HOUR, 24 * HOUR


def test_name():
    assert name(2601) == "upex_002601"
    assert name(900054) == "upex_900054"


def test_from_before_the_first_until_after_the_last():
    beamtimes = [(T0 + 100 * HOUR, T0 + 120 * HOUR), (T0 + 50 * HOUR, T0 + 60 * HOUR)]
    assert window(beamtimes, BEFORE, AFTER, T0) == (T0 + 38 * HOUR, T0 + 144 * HOUR)


def test_a_window_that_has_begun_begins_now():
    begin, _ = window([(T0, T0 + 10 * HOUR)], BEFORE, AFTER, T0 + HOUR)
    assert begin == T0 + HOUR


def test_over_is_refused_at_its_very_end():
    beamtimes = [(T0, T0 + 10 * HOUR)]
    window(beamtimes, BEFORE, AFTER, T0 + 34 * HOUR - timedelta(seconds=1))
    with pytest.raises(Refused, match="ended at 2026-03-28 17:00 UTC"):
        window(beamtimes, BEFORE, AFTER, T0 + 34 * HOUR)
    with pytest.raises(Refused, match="no beamtime"):
        window([], BEFORE, AFTER, T0)


SHOWN = (T0, T0 + 48 * HOUR, 2, "900054-part")


@pytest.mark.parametrize(
    ("wanted", "differs"),
    [
        (SHOWN, []),
        ((T0 + timedelta(seconds=59), *SHOWN[1:]), []),
        ((T0 - 2 * HOUR, *SHOWN[1:]), ["begin_at"]),
        ((T0 + 2 * HOUR, *SHOWN[1:]), []),
        ((T0, T0 + 49 * HOUR, *SHOWN[2:]), ["end_at"]),
        ((*SHOWN[:2], 3, SHOWN[3]), ["nodes"]),
        ((*SHOWN[:3], "900055-part"), ["group"]),
        ((T0 - HOUR, T0 + 60 * HOUR, 1, "x"), ["begin_at", "end_at", "nodes", "group"]),
    ],
)
def test_what_has_to_change(wanted, differs):
    assert changes(wanted, SHOWN) == differs


def test_a_reservation_put_off_beyond_its_end_begins_anew():
    later = (T0 + 72 * HOUR, T0 + 96 * HOUR, *SHOWN[2:])
    assert changes(later, SHOWN) == ["begin_at", "end_at"]


@given(st.integers(0, 400), st.integers(1, 200), st.integers(0, 1000))
def test_the_window_holds_the_beamtime_and_never_begins_in_the_past(start, hours, now):
    begin_at = T0 + start * HOUR
    beamtime = (begin_at, begin_at + hours * HOUR)
    moment = T0 + now * HOUR
    try:
        begin, end = window([beamtime], BEFORE, AFTER, moment)
    except Refused:
        assert beamtime[1] + AFTER <= moment
        return
    assert moment <= begin < end
    assert end == beamtime[1] + AFTER
    assert begin == moment or begin == beamtime[0] - BEFORE
