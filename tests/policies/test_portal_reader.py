"""The portal's export is read row by row, whatever is in it."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.standins.portal import load
from policies import portal_values as v
from policies.errors import Invalid
from policies.portal_export import FORMAT, MAX_ROWS
from policies.portal_reader import canonical, parse_export

HEAD = {"format": "upex-export", "version": 1}


def proposal(**values):
    return {**load()["proposals"][0], **values}


def faults(**values):
    read = parse_export({**HEAD, "proposals": [proposal(**values)]})
    assert len(read.refused) + len(read.proposals) == 1
    return dict(read.refused[0].faults) if read.refused else {}


def test_every_row_is_good_or_refused_and_none_is_lost():
    document = load("upex_hostile")
    read = parse_export(document)
    for name, good in (("users", read.people), ("cycles", read.cycles)):
        bad = [r for r in read.refused if r.kind == name[:-1]]
        assert len(good) + len(bad) == len(document[name])
    bad = [r.content for r in read.refused if r.kind == "proposal"]
    came = sorted(canonical(row) for row in document["proposals"])
    assert came == sorted(canonical(r) for r in [*bad, *(p.content for p in read.proposals)])


def test_only_what_the_catalog_must_judge_passes_the_hostile_export():
    read = parse_export(load("upex_hostile"))
    assert [p.number for p in read.proposals] == [3001, 3007, 3008, 3025, 3026, 3042]
    assert all(r.faults and all(r.faults.values()) for r in read.refused)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instrument", "../../etc"),
        ("instrument", "SPB/SFX"),
        ("instrument", "MID\n"),
        ("instrument", "MID\0"),
        ("instrument", "\u041cID"),
        ("instrument", ""),
        ("cycle", "٢٠١٨٣١"),
        ("cycle", "20183"),
        ("cycle", 201831),
        ("title", "x" * 1001),
        ("title", "a\nb"),
        ("title", "a\u2028b"),
        ("title", "\ud800"),
        ("title", "a\u202eb"),
        ("title", " \t "),
        ("title", ["a"]),
        ("title", None),
        ("number", 0),
        ("number", True),
        ("number", 1_000_000),
        ("number", 5.0),
        ("principal_investigator", "Root"),
        ("principal_investigator", "a" * 33),
        ("local_contact", "a b"),
        ("url", "file:///etc/passwd"),
        ("url", "https://host/\n"),
        ("begin_at", "2018-09-26T08:00:00"),
        ("begin_at", "yesterday"),
        ("begin_at", "0001-01-01T00:00:00+14:00"),
        ("scheduled_shifts", 1.5),
        ("available", 1),
        ("system", "u"),
        ("team", None),
        ("team", {}),
        ("beamtimes", None),
    ],
)
def test_a_broken_field_is_named(field, value):
    assert set(faults(**{field: value})) == {field}


def test_every_broken_field_is_named_at_once():
    found = faults(number=0, team=[{"uid": "../x"}, {"data_access_role": 3}], title="")
    assert set(found) == {
        "number",
        "title",
        "team[0].uid",
        "team[1].uid",
        "team[1].data_access_role",
    }


def test_an_end_before_its_begin_is_refused():
    begin, end = "2018-02-03T08:00:00+01:00", "2018-02-03T07:59:59+01:00"
    beamtime = {"id": 1, "begin_at": begin, "end_at": end}
    assert faults(beamtimes=[beamtime]) == {"beamtimes[0].end_at": "must be after begin_at"}
    assert faults(begin_at=begin, end_at=begin) == {"end_at": "must be after begin_at"}


def test_a_member_twice_is_one_member_but_not_with_two_roles():
    one, other = {"uid": "lindqva", "data_access_role": 1}, {"uid": "lindqva"}
    assert faults(team=[one, one]) == {}
    assert faults(team=[one, other]) == {"team": "has two rows with uid lindqva that differ"}


def test_too_many_rows_are_refused():
    team = [{"uid": f"u{i}"} for i in range(MAX_ROWS["team"] + 1)]
    assert faults(team=team) == {"team": "must be a list of at most 500 rows"}
    assert faults(team=team[:-1]) == {}


def test_a_proposal_twice_counts_once_but_not_with_two_meanings():
    same = parse_export({**HEAD, "proposals": [proposal(), proposal()]})
    assert (len(same.proposals), len(same.refused)) == (1, 0)
    two = parse_export({**HEAD, "proposals": [proposal(), proposal(title="Other"), proposal()]})
    assert (len(two.proposals), [r.key for r in two.refused]) == (0, ["900054", "900054"])


def test_values_are_brought_into_one_form():
    beamtime = {"id": 7, "begin_at": "2018-02-01T08:00:00+01:00", "end_at": "2018-02-02T08:00Z"}
    samples = [{"name": "  Cafe\u0301 "}]
    read = parse_export({**HEAD, "proposals": [proposal(beamtimes=[beamtime], samples=samples)]})
    row = read.proposals[0]
    assert row.beamtimes[0].id == "7"
    assert row.beamtimes[0].begin_at == datetime(2018, 2, 1, 7, tzinfo=UTC)
    assert row.beamtimes[0].begin_at.tzinfo is UTC
    assert row.samples[0].name == "Café"
    assert row.team[0].role_description == "Group coordinator"


def test_what_the_portal_does_not_tell_is_not_invented():
    row = proposal()
    del row["samples"], row["run_types"]
    read = parse_export({**HEAD, "proposals": [row]}).proposals[0]
    assert read.samples is None
    assert read.run_types == ()


def test_unknown_fields_are_left_alone():
    assert faults(flavour="strange", gid_participants=0) == {}


@pytest.mark.parametrize("document", [None, [], "x", {}, {**HEAD, "version": 2}])
def test_what_is_no_export_is_refused_as_a_whole(document):
    with pytest.raises(Invalid):
        parse_export(document)


def test_the_key_of_a_refused_row_is_short_and_printable():
    rows = ["x" * 500, {"number": "\ud800\n"}, {"number": 10**5000}, {"number": [[]]}]
    read = parse_export({**HEAD, "proposals": rows})
    assert len(read.refused) == 4
    assert all(len(r.key) <= 60 and r.key.isascii() and r.key.isprintable() for r in read.refused)


def test_every_field_of_the_format_is_explained():
    for rules in FORMAT.values():
        assert all(rule.meaning.endswith(".") for rule in rules)
        assert len({rule.name for rule in rules}) == len(rules)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([rule.name for rule in FORMAT["proposal"]])


@given(st.dictionaries(fields, values, max_size=4))
def test_whatever_a_field_holds_the_row_is_good_or_refused(changed):
    row = proposal(**changed)
    read = parse_export({**HEAD, "proposals": [row, proposal(number=1)]})
    assert len(read.proposals) + len(read.refused) == 2
    assert 1 in [p.number for p in read.proposals] or changed.get("number") == 1
    json.loads(canonical(row))


@given(st.text())
def test_no_accepted_account_can_leave_its_folder(text):
    try:
        uid = v.UID.read(text)
    except v.Broken:
        return
    assert uid == text
    assert uid.isascii()
    assert not set(uid) & set("/\\\0\n ,=+<>#;\"'")
    assert uid not in {".", ".."}
