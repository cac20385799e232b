"""Release dates: every published proposal, and every odd day of the clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.release import (
    OnAnchorChange,
    add_civil,
    drift,
    first_open_day,
    keep_or_extend,
    release_at,
    resolve,
)

BERLIN = ZoneInfo("Europe/Berlin")


def at(text):
    return datetime.fromisoformat(text)


VECTORS = [
    ("2018-04-02T08:00+02:00", "2021-04-02T08:00+02:00"),
    ("2021-06-30T23:59:58+02:00", "2024-06-30T23:59:58+02:00"),
    ("2024-06-02T07:00+02:00", "2027-06-02T07:00+02:00"),
    ("2017-07-06T18:13:51+02:00", "2020-07-06T18:13:51+02:00"),
    ("2017-07-11T14:23:52+02:00", "2020-07-11T14:23:52+02:00"),
    ("2025-12-31T23:59:58+01:00", "2028-12-31T23:59:58+01:00"),
    ("2024-02-29T08:00+01:00", "2027-02-28T08:00+01:00"),
    ("2021-03-28T08:00+02:00", "2024-03-28T08:00+01:00"),
    ("2022-12-31T23:58+01:00", "2025-12-31T23:58+01:00"),
    ("2023-10-29T02:30+02:00", "2026-10-29T02:30+01:00"),
    ("2023-10-29T02:30+01:00", "2026-10-29T02:30+01:00"),
    ("2023-03-29T02:30+02:00", "2026-03-29T03:30+02:00"),
    ("2023-10-25T02:30+02:00", "2026-10-25T02:30+01:00"),
]


@pytest.mark.parametrize(("end", "expected"), VECTORS)
def test_three_civil_years_after_the_last_beamtime(end, expected):
    found = release_at([at(end)], BERLIN)
    assert found == at(expected)
    assert found.tzinfo is UTC
    assert found.astimezone(BERLIN).isoformat() == at(expected).isoformat()


def test_the_last_of_two_beamtimes_counts():
    ends = [at("2018-04-02T08:00+02:00"), at("2017-09-19T08:00+02:00")]
    assert release_at(ends, BERLIN) == at("2021-04-02T08:00+02:00")


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("2025-01-31T23:58+01:00", "2028-12-31T23:58+01:00"),
        ("2019-06-30T23:59:58+02:00", "2022-12-31T23:59:58+01:00"),
    ],
)
def test_the_other_reading_counts_from_the_end_of_the_year(end, expected):
    found = release_at([at(end)], BERLIN, end_of_year=True)
    assert found.astimezone(BERLIN).isoformat() == at(expected).isoformat()


def test_a_year_is_not_365_days():
    end = at("2022-12-31T23:58+01:00")
    assert release_at([end], BERLIN) - end == timedelta(days=1096)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2028-12-31T00:00+01:00", "2029-02-12T00:00+01:00"),
        ("2026-12-31T00:00+01:00", "2027-02-12T00:00+01:00"),
    ],
)
def test_archival_is_43_days_after_release(start, expected):
    found = add_civil(at(start), BERLIN, days=43).astimezone(BERLIN)
    assert found.isoformat() == at(expected).isoformat()


def test_a_day_across_the_clock_change_keeps_the_wall_clock():
    noon = at("2026-03-28T12:00+01:00")
    assert add_civil(noon, BERLIN, days=1) == at("2026-03-29T12:00:00+02:00")
    assert add_civil(noon, BERLIN, days=1) - noon.astimezone(UTC) == timedelta(hours=23)


def test_months_end_at_the_last_day():
    assert add_civil(at("2026-01-31T08:00+01:00"), BERLIN, months=1).day == 28
    back = add_civil(at("2026-03-31T08:00+02:00"), BERLIN, months=-13)
    assert back == at("2025-02-28T08:00:00+01:00")


def test_the_offset_of_the_input_does_not_matter():
    berlin, tokyo = at("2024-06-02T00:30+02:00"), at("2024-06-02T07:30+09:00")
    assert release_at([tokyo], BERLIN) == release_at([berlin], BERLIN)


def test_naive_times_are_refused():
    with pytest.raises(ValueError, match="carries a zone"):
        release_at([datetime(2024, 1, 1)], BERLIN)
    with pytest.raises(ValueError, match="carries a zone"):
        add_civil(datetime(2024, 1, 1), BERLIN, days=1)
    with pytest.raises(ValueError, match="no zone"):
        resolve(datetime(2024, 1, 1, tzinfo=UTC), BERLIN)
    with pytest.raises(ValueError, match="at least one"):
        release_at([], BERLIN)


EARLY, LATE = at("2027-01-01T00:00+01:00"), at("2028-01-01T00:00+01:00")


@pytest.mark.parametrize(
    ("rule", "stored", "computed", "expected"),
    [
        (OnAnchorChange.EXTEND_ONLY, LATE, EARLY, LATE),
        (OnAnchorChange.EXTEND_ONLY, EARLY, LATE, LATE),
        (OnAnchorChange.KEEP, EARLY, LATE, EARLY),
        (OnAnchorChange.KEEP, LATE, EARLY, LATE),
        (OnAnchorChange.RECOMPUTE, LATE, EARLY, EARLY),
        (OnAnchorChange.KEEP, None, EARLY, EARLY),
        (OnAnchorChange.EXTEND_ONLY, None, EARLY, EARLY),
        (OnAnchorChange.RECOMPUTE, LATE, None, LATE),
        (OnAnchorChange.EXTEND_ONLY, None, None, None),
    ],
)
def test_what_is_stored_when_the_beamtime_moves(rule, stored, computed, expected):
    assert keep_or_extend(stored, computed, rule) == expected


def test_extending_is_what_happens_unless_told_otherwise():
    assert keep_or_extend(LATE, EARLY) == LATE
    assert keep_or_extend(EARLY, LATE) == LATE


def test_drift_is_the_difference_that_is_reported():
    assert drift(LATE, EARLY) == timedelta(days=365)
    assert drift(EARLY, LATE) == timedelta(days=-365)
    assert drift(EARLY, EARLY.astimezone(UTC)) is None
    assert drift(None, EARLY) is None
    twice = release_at([at("2023-10-25T02:30+02:00")], BERLIN)
    assert drift(twice.astimezone(BERLIN), twice) is None


def test_people_see_the_local_day():
    assert first_open_day(at("2028-12-31T23:30:00+00:00"), BERLIN) == date(2029, 1, 2)
    assert first_open_day(at("2028-12-31T23:00:00+00:00"), BERLIN) == date(2029, 1, 1)


@given(
    end=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
    years=st.integers(0, 10),
)
def test_never_early_and_never_more_than_an_hour_off_the_wall_clock(end, years):
    found = release_at([end], BERLIN, years=years)
    local, then = end.astimezone(BERLIN), found.astimezone(BERLIN)
    wall = then.replace(tzinfo=None, fold=0)
    day = 28 if (local.month, local.day) == (2, 29) and wall.day == 28 else local.day
    wanted = local.replace(tzinfo=None, fold=0, year=local.year + years, day=day)
    assert timedelta(0) <= wall - wanted <= timedelta(hours=1)
