"""Data policies: what the files of eleven facilities say, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.data_policy import in_force, policy_of
from policies.durations import Span, parse_span
from policies.embargo import (
    EmbargoFacts,
    computed_release,
    latest,
    plan,
    stored_release,
)
from policies.errors import Invalid, Misconfigured
from policies.policy_words import AccessMode, Anchor, Consent
from policies.vocabulary import ReleaseState, Role
from settings.data_policies import FOLDER, read_policies, read_policy

BERLIN = ZoneInfo("Europe/Berlin")
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
END = datetime(2024, 3, 6, 8, tzinfo=UTC)
NOW = datetime(2024, 6, 1, tzinfo=UTC)

# embargo, anchor, after release, data licence, data management plan needed
ROWS = {
    "euxfel-2017": ("P3Y", Anchor.LAST_BEAMTIME_END, AccessMode.PUBLIC, "CC-BY-4.0", False),
    "euxfel-2025": ("P3Y", Anchor.LAST_BEAMTIME_END, AccessMode.PUBLIC, "CC-BY-4.0", True),
    "esrf-2024": ("P3Y", Anchor.EXPERIMENT_END, AccessMode.PUBLIC, "CC-BY-4.0", False),
    "isis-2026": ("P3Y", Anchor.EXPERIMENT_END, AccessMode.PUBLIC, "CC-BY-4.0", False),
    "diamond": ("P3Y", Anchor.DATA_CREATED, AccessMode.ON_REQUEST, "CC-BY-4.0", False),
    "psi-2016": ("P3Y", Anchor.DATASET_CREATED, AccessMode.PUBLIC, "CC-BY-4.0", False),
    "ill-2011": ("P3Y", Anchor.LAST_BEAMTIME_END, AccessMode.PUBLIC, "CC-BY-4.0", False),
    "soleil-2018": ("P3Y", Anchor.LAST_BEAMTIME_END, AccessMode.REGISTERED, "CC-BY-4.0", True),
    "elettra-2019": ("P3Y", Anchor.LAST_BEAMTIME_END, AccessMode.REGISTERED, "CC-BY-SA-4.0", False),
    "hzb-2016": ("P5Y", Anchor.LAST_BEAMTIME_END, AccessMode.PUBLIC, "CC-BY-4.0", False),
    "emfl": ("P5Y", Anchor.EXPERIMENT_END, AccessMode.PUBLIC, "CC-BY-4.0", False),
}


def policy(name):
    return read_policy(name).policy


def berlin(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def facts(*ends, **more):
    return EmbargoFacts(more.pop("now", NOW), beamtime_ends=ends, **more)


@pytest.mark.parametrize("name", ROWS)
def test_what_each_facility_says(name):
    found = policy(name)
    assert (
        found.embargo.duration,
        found.embargo.anchor,
        found.access_after_release.mode,
        found.licence.data,
        found.dmp.required,
    ) == (parse_span(ROWS[name][0], name), *ROWS[name][1:])


def test_every_file_is_read_and_every_facility_is_there():
    assert set(NAMES) == set(ROWS) | {"base"}
    assert [file.policy.id for file in read_policies(tuple(NAMES))] == NAMES


def test_what_makes_facilities_differ():
    assert policy("esrf-2024").embargo.covers[-1] == "report"
    assert policy("esrf-2024").embargo.early_release.consent is Consent.ON_DOI_CREATION
    assert policy("isis-2026").embargo.early_release.answer_within == Span(hours=72)
    assert policy("isis-2026").embargo.extension.approver == "director"
    assert policy("psi-2016").embargo.extension.max_total == Span(years=5)
    assert policy("soleil-2018").embargo.extension.max_count == 2
    assert policy("elettra-2019").embargo.extension.step == Span(years=2)
    assert policy("emfl").embargo.early_release.by[0] is Role.T_PART
    assert policy("emfl").embargo.early_release.objection_period == Span(days=30)
    assert policy("ill-2011").doi.doi(5421) == "10.5291/ILL-DATA.5421"
    assert policy("euxfel-2017").doi.doi(2012) == "10.22003/XFEL.EU-DATA-002012-00"


VECTORS = [
    ("2018-04-02T08:00", "2021-04-02T08:00"),
    ("2021-06-30T23:59:58", "2024-06-30T23:59:58"),
    ("2024-06-02T07:00", "2027-06-02T07:00"),
    ("2025-12-31T23:59:58", "2028-12-31T23:59:58"),
    ("2024-02-29T08:00", "2027-02-28T08:00"),
    ("2023-03-29T02:30", "2026-03-29T03:30"),
]


@pytest.mark.parametrize(("end", "expected"), VECTORS)
def test_the_facility_s_own_dates(end, expected):
    found = computed_release(policy("euxfel-2017"), facts(berlin(end)))
    assert found.astimezone(BERLIN).replace(tzinfo=None) == datetime.fromisoformat(expected)


def test_the_last_of_several_beamtimes_counts_and_five_years_are_five():
    two = facts(berlin("2017-09-19T08:00"), berlin("2018-04-02T08:00"))
    assert computed_release(policy("euxfel-2017"), two) == berlin("2021-04-02T08:00")
    assert computed_release(policy("hzb-2016"), two) == berlin("2023-04-02T08:00")


def test_each_anchor_counts_from_its_own():
    known = facts(END, data_created=END + timedelta(days=1), dataset_created=END)
    assert computed_release(policy("diamond"), known).day == 7
    assert computed_release(policy("psi-2016"), known).day == 6
    nothing = facts(END)
    assert computed_release(policy("diamond"), nothing) is None
    provisional = facts(proposal_end=END)
    assert computed_release(policy("euxfel-2017"), provisional) is not None
    assert "provisionally" in " ".join(plan(policy("euxfel-2017"), provisional).because)


def test_a_beamtime_that_moves_only_extends():
    first = computed_release(policy("euxfel-2017"), facts(END))
    shorter = facts(END - timedelta(days=30), stored=first)
    assert stored_release(policy("euxfel-2017"), shorter) == (first, timedelta(days=29))
    longer = facts(END + timedelta(days=30), stored=first)
    kept, differs = stored_release(policy("euxfel-2017"), longer)
    assert kept == computed_release(policy("euxfel-2017"), longer) > first
    assert differs is None


@given(st.lists(st.datetimes(datetime(2017, 7, 1), datetime(2040, 1, 1)), min_size=1, max_size=6))
def test_no_order_of_imports_ever_shortens_an_embargo(ends):
    stored = None
    for end in ends:
        kept, _ = stored_release(
            policy("euxfel-2025"), facts(end.replace(tzinfo=UTC), stored=stored)
        )
        assert stored is None or kept >= stored
        stored = kept


def test_how_late_extensions_can_make_it():
    base = berlin("2018-04-02T08:00")
    assert latest(policy("euxfel-2017"), facts(base)) == berlin("2023-04-02T08:00")
    assert latest(policy("soleil-2018"), facts(base)) == berlin("2023-04-02T08:00")
    assert latest(policy("esrf-2024"), facts(base)) is None


def test_a_proposal_of_another_system_opens_on_no_date():
    assert computed_release(policy("euxfel-2017"), facts(END, system="X")) is None
    said = plan(policy("euxfel-2017"), facts(END, system="X"))
    assert "this one is of X" in said.because[-1]
    assert said.follows == ("it opens on no date",)


def test_the_policy_in_force_at_the_beamtime():
    ours = tuple(policy(name) for name in ("euxfel-2017", "euxfel-2025"))
    assert in_force(ours, date(2024, 12, 31)).id == "euxfel-2017"
    assert in_force(ours, date(2025, 1, 1)).id == "euxfel-2025"
    assert in_force(ours, date(2017, 6, 30)) is None


def test_a_date_is_explained():
    told = plan(policy("euxfel-2017"), facts(END, stored=END + timedelta(days=2000)))
    assert told.first_open_day.isoformat() == "2029-08-28"
    assert "3 years by the calendar of Europe/Berlin from the end of its last" in told.because[1]
    assert "an embargo is never shortened by itself" in told.because[2]
    assert told.follows[0].startswith("people are told on 2028-08-27")
    assert "to everybody, under CC-BY-4.0" in told.follows[1]
    assert "later: PI or MP may ask, management decides (1 year at a time" in told.who[0]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"hold": "legal-hold: evidence"}, "a legal-hold stands: evidence; nothing opens"),
        ({"now": END + timedelta(days=1500)}, "for more than a day: somebody must look"),
        ({"state": ReleaseState.OPEN, "openly_released_at": END}, "open since 2024-03-06"),
        ({"state": ReleaseState.RECLOSED}, "was closed again"),
        ({"state": ReleaseState.RESTRICTED, "restriction": "sensitive"}, "opens on no date"),
    ],
)
def test_what_comes_next_in_every_state(more, words):
    assert words in " ".join(plan(policy("euxfel-2017"), facts(END, **more)).follows)


def test_notices_have_calendar_dates():
    release = berlin("2028-12-31T23:59:58")
    told = plan(policy("euxfel-2017"), facts(berlin("2025-12-31T23:59:58"), stored=release))
    days = [at.astimezone(BERLIN).date().isoformat() for at in told.notices]
    assert days == ["2027-12-31", "2028-06-30", "2028-09-30", "2028-11-30", "2028-12-24"]


def document(**changes):
    found = yaml.safe_load((FOLDER / "base.yaml").read_text())
    for place, value in changes.items():
        *path, last = place.split("__")
        inner = found
        for name in path:
            inner = inner[name]
        inner[last] = value
    return found


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"embargo__duration": "3 years"}, "base.embargo.duration", "is no span"),
        ({"embargo__duraton": "P3Y"}, "base.embargo.duraton", "is not known here"),
        ({"embargo__anchor": "sometime"}, "base.embargo.anchor", "is not one of"),
        ({"version": "1"}, "base.version", "must be int, not str"),
        ({"version": True}, "base.version", "must be int, not bool"),
        ({"valid_from": "2025"}, "base.valid_from", "is no day"),
        ({"timezone": "Europe/Schenefeld"}, "base", "is not known"),
        ({"doi__pattern": "{prefix}/{nummer}"}, "base.doi", "cannot be filled"),
        ({"embargo__covers": "raw"}, "base.embargo.covers", "must be a list"),
        ({"embargo__extension": {"max_total": "P1Y"}}, "base.embargo", "shorter than"),
        ({"embargo__early_release": {"consent": "no_objection"}}, "base.embargo.early_release",
         "needs an objection_period"),
        ({"retention__raw": [{"tier": "disk", "after": ["moon"]}]}, "base", "after names moon"),
        ({"assumed": ["licence.dta"]}, "base", "which is not there"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_names_the_place_and_the_rule(change, field, rule):
    with pytest.raises(Invalid) as wrong:
        policy_of(document(**change))
    assert field in wrong.value.context["fields"]
    assert rule in wrong.value.message


def test_files_that_are_no_policies(tmp_path):
    (tmp_path / "a.yaml").write_text("inherits: b\nid: a\n")
    (tmp_path / "b.yaml").write_text("inherits: a\nid: b\n")
    (tmp_path / "c.yaml").write_text("{")
    (tmp_path / "d.yaml").write_text("id: e\nversion: 1\n")
    for name, words in (
        ("a", "inherits from itself: a → b → a"),
        ("c", "is no YAML"),
        ("d", "its id is 'e'"),
        ("f", "there is no policy f"),
    ):
        with pytest.raises(Misconfigured, match=words):
            read_policy(name, tmp_path)


@given(st.integers(0, 9), st.integers(0, 20), st.integers(0, 90))
def test_a_span_is_read_as_it_is_written(years, months, days):
    text = f"P{years}Y{months}M{days}D"
    assert parse_span(text, "x") == Span(years, months, days)


@pytest.mark.parametrize("text", ["", "P", "PT", "3Y", "P3", "P-3Y", "P3Y ", "PT3D", "P３Y"])
def test_what_is_no_span(text):
    with pytest.raises(Invalid):
        parse_span(text, "x")
