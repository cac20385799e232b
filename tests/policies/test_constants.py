"""Names, places and validity of calibration constants."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.standins import calcat_special
from policies.constants import (
    Condition,
    Parameter,
    Strategy,
    Version,
    choose,
    condition_name,
    condition_of,
    file_name,
    fits,
    parse_raw_data_location,
    raw_data_location,
    store_folder,
    store_path,
    timeline,
    version_name,
)
from policies.errors import Invalid

T0 = datetime(2023, 7, 29, 17, 56, 36, tzinfo=UTC)
BERLIN_SUMMER = timezone(timedelta(hours=2))


def test_names_are_those_of_the_catalogue():
    assert version_name(T0.astimezone(BERLIN_SUMMER)) == "20230729_175636_sIdx=0"
    assert version_name(T0, 3) == "20230729_175636_sIdx=3"
    assert file_name(datetime(2023, 7, 29, 17, 56, 35, 116930, tzinfo=UTC)) == (
        "cal.1690653395.116930.h5"
    )
    assert file_name(datetime(2023, 7, 29, 17, 56, 35, 7, tzinfo=UTC)) == "cal.1690653395.000007.h5"
    assert store_folder("JUNGFRAU", "Jungfrau_M530") == "xfel/cal/jungfrau-type/jungfrau_m530/"
    assert store_folder("jungfrau-Type", "Jungfrau_M530").startswith("xfel/cal/jungfrau-type/")
    assert store_folder("AGIPD", "AGIPD00 (Q1M1)") == "xfel/cal/agipd-type/agipd00_q1m1/"
    assert store_path("LPD", "M1", T0) == "xfel/cal/lpd-type/m1/cal.1690653396.000000.h5"


@pytest.mark.parametrize("name", ["", "..", "/", "../..", " "])
def test_a_name_that_makes_no_folder_is_refused(name):
    with pytest.raises(Invalid):
        store_folder("JUNGFRAU", name)


@given(st.text(), st.text(min_size=1))
def test_a_store_path_stays_below_the_store(kind, module):
    try:
        path = store_path(kind, module, T0)
    except Invalid:
        return
    parts = path.split("/")
    assert parts[:2] == ["xfel", "cal"]
    assert len(parts) == 5
    assert not {"", ".", ".."} & set(parts)


def test_raw_data_location_names_the_last_run_first():
    assert raw_data_location(900376, [15, 16, 17]) == "proposal:900376 runs:17 16 15"
    assert parse_raw_data_location("proposal:p003073 runs:162 161 160") == (3073, (162, 161, 160))
    assert parse_raw_data_location("XFEL/metadata/") is None
    with pytest.raises(Invalid):
        raw_data_location(900376, [])


@given(st.integers(1, 999_999), st.sets(st.integers(1, 9999), min_size=1))
def test_raw_data_location_can_be_read_back(proposal, runs):
    assert parse_raw_data_location(raw_data_location(proposal, runs)) == (
        proposal,
        tuple(sorted(runs, reverse=True)),
    )


moments = st.integers(-50_000_000, 50_000_000).map(lambda n: T0 + timedelta(seconds=n))


@given(moments, moments)
def test_file_names_are_told_apart_and_sort_as_time(a, b):
    assert (file_name(a) == file_name(b)) == (a == b)
    assert (float(file_name(a)[4:-3]) < float(file_name(b)[4:-3])) == (a < b)


def test_a_time_without_an_offset_is_refused():
    for make in (version_name, file_name):
        with pytest.raises(Invalid):
            make(datetime(2023, 7, 29))


def test_conditions_carry_deviations():
    condition = condition_of({"Sensor Bias Voltage": 180, "Memory cells": 1})
    assert condition == (
        Parameter("Memory cells", 1.0),
        Parameter("Sensor Bias Voltage", 180.0, 5.0, 5.0),
    )
    assert fits(condition, {"Memory cells": 1, "Sensor Bias Voltage": 175})
    assert not fits(condition, {"Memory cells": 1, "Sensor Bias Voltage": 174.9})
    assert not fits(condition, {"Sensor Bias Voltage": 180})
    assert not fits(condition, {"Memory cells": 1, "Sensor Bias Voltage": 180, "Gain Setting": 0})


@pytest.mark.parametrize("values", [{}, {"a": float("nan")}, {"a": float("inf")}])
def test_a_condition_without_numbers_is_refused(values):
    with pytest.raises(Invalid):
        condition_of(values)


numbers = st.floats(allow_nan=False, allow_infinity=False)
conditions: st.SearchStrategy[Condition] = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), numbers, min_size=1
).map(condition_of)


@given(conditions, conditions)
def test_a_condition_has_one_name_and_no_other_has_it(a, b):
    name = condition_name("JUNGFRAU", a)
    assert len(name) <= 60
    assert name == condition_name("jungfrau-Type", tuple(reversed(a)))
    same = [(p.name, repr(p.value)) for p in a] == [(p.name, repr(p.value)) for p in b]
    assert (condition_name("JUNGFRAU", b) == name) == same


hours = st.integers(-20, 20).map(lambda n: T0 + timedelta(hours=n))


@st.composite
def versions(draw):
    begin = draw(hours)
    end = draw(st.none() | hours)
    return {
        "begin_at": begin,
        "begin_validity_at": draw(st.sampled_from([begin, begin - timedelta(hours=3)])),
        "end_validity_at": end,
        "deployed": draw(st.booleans()),
        "good": draw(st.booleans()),
    }


several = st.lists(versions(), max_size=6).map(
    lambda rows: [Version(key=i, **row) for i, row in enumerate(rows, 1)]
)


@given(several, hours, st.sampled_from(Strategy))
def test_what_nobody_deployed_or_is_bad_is_never_chosen_unless_asked_for(rows, at, strategy):
    found = choose(rows, at, strategy)
    assert found is None or (found.deployed and found.good)
    anyway = choose(rows, at, strategy, undeployed=True, bad=True)
    if strategy is Strategy.CLOSEST:
        assert (anyway is None) == (not rows)
    if found is not None:
        assert anyway is not None
    only_bad = choose([r for r in rows if not r.good], at, strategy, undeployed=True)
    assert only_bad is None


@given(several, hours)
def test_the_prior_version_holds_and_none_that_holds_is_newer(rows, at):
    found = choose(rows, at)
    held = [r for r in rows if r.deployed and r.good and r.holds(at)]
    assert (found is None) == (not held)
    if found is not None:
        assert found in held
        assert all((r.since, r.key) <= (found.since, found.key) for r in held)


@given(several, hours)
def test_the_closest_version_is_no_farther_than_any_other(rows, at):
    found = choose(rows, at, Strategy.CLOSEST)
    usable = [r for r in rows if r.deployed and r.good]
    assert (found is None) == (not usable)
    assert all(abs(found.since - at) <= abs(r.since - at) for r in usable)


@given(several, hours, st.randoms(use_true_random=False), st.sampled_from(Strategy))
def test_the_order_of_the_rows_does_not_matter(rows, at, random, strategy):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert choose(shuffled, at, strategy) == choose(rows, at, strategy)


@given(several, hours, st.sampled_from(Strategy), st.integers(-14, 14))
def test_the_offset_that_times_are_written_in_does_not_matter(rows, at, strategy, offset):
    other = at.astimezone(timezone(timedelta(hours=offset)))
    assert choose(rows, other, strategy) == choose(rows, at, strategy)


def test_ties_go_to_the_newer_row_and_to_the_past():
    a, b = (Version(key, T0, T0) for key in (1, 2))
    assert choose([a, b], T0) == b
    assert choose([a, b], T0, Strategy.CLOSEST) == b
    before = Version(3, T0 - timedelta(hours=1), T0 - timedelta(hours=1))
    after = Version(4, T0 + timedelta(hours=1), T0 + timedelta(hours=1))
    assert choose([after, before], T0, Strategy.CLOSEST) == before


def test_validity_begins_with_its_first_instant_and_ends_before_its_last():
    one = Version(1, T0, T0, T0 + timedelta(hours=1))
    instant = timedelta(microseconds=1)
    assert choose([one], T0 - instant) is None
    assert choose([one], T0) == one
    assert choose([one], T0 + timedelta(hours=1) - instant) == one
    assert choose([one], T0 + timedelta(hours=1)) is None


@given(several, hours)
def test_the_timeline_says_what_applies_at_every_instant(rows, at):
    line = timeline(rows)
    for left, right in itertools.pairwise(line):
        assert left.end is not None
        assert left.end <= right.begin
        assert left.end < right.begin or left.version != right.version
    within = [i for i in line if i.begin <= at and (i.end is None or at < i.end)]
    assert [i.version for i in within] == [v for v in [choose(rows, at)] if v is not None]


@given(several, hours, st.sampled_from(Strategy))
def test_the_catalogue_stand_in_chooses_the_same(rows, at, strategy):
    wire = [
        {
            "id": row.key,
            "begin_at": row.since.isoformat(),
            "end_validity_at": row.end_validity_at and row.end_validity_at.isoformat(),
        }
        for row in rows
        if row.deployed and row.good
    ]
    order = calcat_special.prior if strategy is Strategy.PRIOR else calcat_special.closest
    found = choose(rows, at, strategy)
    there = order(wire, at)
    if not there:
        assert found is None
        return
    best = {row.key: row for row in rows}[there[0]["id"]]
    assert found is not None
    assert abs(found.since - at) == abs(best.since - at)
    if strategy is Strategy.PRIOR:
        assert found == best
