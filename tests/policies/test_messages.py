"""What the DAQ may say: every rule of every field, and nothing that JSON can hold breaks it."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.gateway.body import json_object
from policies.errors import Invalid
from policies.message_files import MAX_AGGREGATORS, MAX_FILES
from policies.message_rules import MAX_TRAIN
from policies.messages import FIELDS, FILE_FIELDS, MAX_FAULTS, SUBJECT, MessageKind, read

K = MessageKind
FILE = {"filename": "RAW-R0082-DA01-S00000.h5", "size": 5, "checksum": "0A1B2C3D"}
BODIES = {
    K.RUN_OPENED: {
        "proposal": 900054,
        "run": 82,
        "begin_at": "2018-09-25T15:20:00+02:00",
        "first_train": 1000,
        "run_type": "Dark",
        "sample": "Lysozyme",
        "description": "first light\n\tagain",
    },
    K.RUN_UPDATED: {"proposal": 900054, "run": 82, "alias": "the good one"},
    K.RUN_CLOSED: {
        "proposal": 900054,
        "run": 82,
        "end_at": "2018-09-25T13:30:00Z",
        "last_train": 1600,
        "files": [FILE],
        "aggregators": ["DA01", "AGIPD15"],
    },
}


def faults_of(kind, **changes):
    """Fields that are wrong after some are replaced, with the rule of each."""
    with pytest.raises(Invalid) as told:
        read(kind, {**BODIES[kind], **changes})
    fields = told.value.context["fields"]
    assert all(f"{name} {rule}" in told.value.message for name, rule in fields.items())
    return fields


@pytest.mark.parametrize("kind", K)
def test_a_good_message_is_read(kind):
    proposal, run, facts = read(kind, BODIES[kind])
    assert (proposal, run) == (900054, 82)
    assert list(facts) == [field.name for field in FIELDS[kind]]


def test_instants_come_in_utc_and_checksums_in_small_letters():
    assert read(K.RUN_OPENED, BODIES[K.RUN_OPENED])[2]["begin_at"] == datetime(
        2018, 9, 25, 13, 20, tzinfo=UTC
    )
    [file] = read(K.RUN_CLOSED, BODIES[K.RUN_CLOSED])[2]["files"]
    assert file == {**FILE, "checksum": "0a1b2c3d", "relative_path": ""}


@pytest.mark.parametrize("kind", K)
def test_what_must_be_there_is_named_when_it_is_not(kind):
    needed = {field.name for field in (*SUBJECT, *FIELDS[kind]) if field.needed}
    with pytest.raises(Invalid) as told:
        read(kind, {})
    assert told.value.context["fields"] == dict.fromkeys(needed, "can't be blank")
    bare = {name: BODIES[kind][name] for name in needed}
    absent = {field.name for field in FIELDS[kind]} - needed
    assert all(read(kind, bare)[2][name] is None for name in absent)
    assert read(kind, bare | dict.fromkeys(absent))[2] == read(kind, bare)[2]


RUN_NUMBER = "must be between 0 and 99999"
TRAIN = f"must be between 0 and {MAX_TRAIN}"


@pytest.mark.parametrize(
    ("kind", "field", "value", "rule"),
    [
        (K.RUN_UPDATED, "proposal", 0, "must be between 1 and 999999"),
        (K.RUN_UPDATED, "proposal", 1_000_000, "must be between 1 and 999999"),
        (K.RUN_UPDATED, "run", -1, RUN_NUMBER),
        (K.RUN_UPDATED, "run", 100_000, RUN_NUMBER),
        (K.RUN_UPDATED, "run", 10**4000, RUN_NUMBER),
        (K.RUN_UPDATED, "run", "82", "must be an integer"),
        (K.RUN_UPDATED, "run", 82.0, "must be an integer"),
        (K.RUN_UPDATED, "run", True, "must be an integer"),
        (K.RUN_UPDATED, "run", float("nan"), "must be an integer"),
        (K.RUN_UPDATED, "run", [82], "must be an integer"),
        (K.RUN_OPENED, "first_train", -1, TRAIN),
        (K.RUN_OPENED, "first_train", 2**63, TRAIN),
        (K.RUN_CLOSED, "last_train", 2**63, TRAIN),
        (K.RUN_OPENED, "begin_at", "soon", "must be an ISO 8601 date and time"),
        (K.RUN_OPENED, "begin_at", 1_537_888_800, "must be an ISO 8601 date and time"),
        (K.RUN_OPENED, "begin_at", "2018-09-25T15:20:00", "must carry a UTC offset"),
        (K.RUN_OPENED, "begin_at", "2018-09-25", "must carry a UTC offset"),
        (K.RUN_OPENED, "begin_at", "1999-12-31T23:59:59Z", "must lie between 2000 and 2199"),
        (K.RUN_CLOSED, "end_at", "2200-01-01T00:00:00Z", "must lie between 2000 and 2199"),
        (K.RUN_CLOSED, "end_at", "9999-12-31T23:59:59-23:59", "must lie between 2000 and 2199"),
        (K.RUN_CLOSED, "end_at", "2019-02-29T00:00:00Z", "must be an ISO 8601 date and time"),
        (K.RUN_OPENED, "run_type", "x" * 61, "is longer than 60 characters"),
        (K.RUN_OPENED, "sample", "x" * 128, "is longer than 127 characters"),
        (K.RUN_UPDATED, "alias", "x" * 128, "is longer than 127 characters"),
        (K.RUN_UPDATED, "description", "x" * 4001, "is longer than 4000 characters"),
        (K.RUN_OPENED, "sample", {"name": "x"}, "must be text"),
        (K.RUN_OPENED, "sample", "a\nb", "must not contain control characters"),
        (K.RUN_OPENED, "sample", "a\x00b", "must not contain control characters"),
        (K.RUN_OPENED, "sample", "a\x85b", "must not contain control characters"),
        (K.RUN_OPENED, "sample", "a\u2028b", "must not contain control characters"),
        (K.RUN_OPENED, "sample", "a\ud800", "must not contain half a surrogate pair"),
        (
            K.RUN_OPENED,
            "sample",
            "gpj.\u202eexe",
            "must not contain marks that change the direction of writing",
        ),
        (
            K.RUN_UPDATED,
            "description",
            "\u2066x",
            "must not contain marks that change the direction of writing",
        ),
        (K.RUN_UPDATED, "description", "a\x1b[2J", "must not contain control characters"),
        (K.RUN_CLOSED, "files", {}, f"must be a list of at most {MAX_FILES} files"),
        (
            K.RUN_CLOSED,
            "files",
            [FILE] * (MAX_FILES + 1),
            f"must be a list of at most {MAX_FILES} files",
        ),
        (
            K.RUN_CLOSED,
            "aggregators",
            "DA01",
            f"must be a list of at most {MAX_AGGREGATORS} aggregators",
        ),
        (
            K.RUN_CLOSED,
            "aggregators",
            ["DA01"] * (MAX_AGGREGATORS + 1),
            f"must be a list of at most {MAX_AGGREGATORS} aggregators",
        ),
        (K.RUN_CLOSED, "aggregators", ["DA01", "DA02", "DA01"], "names one twice"),
    ],
    ids=lambda v: str(v)[:30].encode("ascii", "backslashreplace").decode(),
)
def test_the_rule_of_a_field_is_named(kind, field, value, rule):
    assert faults_of(kind, **{field: value}) == {field: rule}


NO_NAMES = [
    "",
    ".",
    "..",
    "../x.h5",
    "/etc/passwd",
    "a/b.h5",
    "a\nb.h5",
    "a\x00.h5",
    "SPB/SFX",
    "\u202e5h.x",
    "\ud800.h5",
    "x" * 256,
    "\u00e4" * 128,
]


@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_a_name_that_is_a_path_or_no_name_is_refused(name):
    said = faults_of(K.RUN_CLOSED, files=[FILE, {**FILE, "filename": name}])
    assert said == {"files[1].filename": "must be a plain file name"}


@pytest.mark.parametrize("path", ["/", "//", "/r0082", "../r0082", "r0082/../..", "r\x00", 5, []])
def test_a_path_that_leaves_the_run_is_refused(path):
    said = faults_of(K.RUN_CLOSED, files=[{**FILE, "relative_path": path}])
    assert said == {"files[0].relative_path": "must be a path below the run folder"}


@pytest.mark.parametrize("path", ["", None, "r0082/", "0082/", "r0082/sub"])
def test_paths_as_clients_send_them_are_taken(path):
    body = {**BODIES[K.RUN_CLOSED], "files": [{**FILE, "relative_path": path}]}
    assert read(K.RUN_CLOSED, body)[2]["files"][0]["relative_path"] == (path or "")


@pytest.mark.parametrize(
    ("part", "value", "rule"),
    [
        ("size", -1, "must be a number of bytes"),
        ("size", 2**63, "must be a number of bytes"),
        ("size", True, "must be a number of bytes"),
        ("size", "5", "must be a number of bytes"),
        ("checksum", "0a1b2c3", "should be 8 hex characters"),
        ("checksum", "0a1b2c3g", "should be 8 hex characters"),
        ("checksum", "", "should be 8 hex characters"),
        ("checksum", 12345678, "should be 8 hex characters"),
        ("checksum", "\u0661" * 8, "should be 8 hex characters"),
    ],
)
def test_the_rule_of_a_claim_is_named(part, value, rule):
    said = faults_of(K.RUN_CLOSED, files=[{**FILE, part: value}])
    assert said == {f"files[0].{part}": rule}


@pytest.mark.parametrize("item", [1, None, [], "RAW", {}, {"filename": None}, {"filename": 5}])
def test_a_file_is_an_object_with_a_name(item):
    said = faults_of(K.RUN_CLOSED, files=[item])
    assert said == {"files[0]": "must be an object with a filename"}


@pytest.mark.parametrize(
    "name", ["", "DA-01", "../DA01", "DA01\n", "D\u00c401", "x" * 41, 5, None, ["DA01"]]
)
def test_an_aggregator_is_part_of_a_file_name(name):
    said = faults_of(K.RUN_CLOSED, aggregators=["DA01", name])
    assert said == {"aggregators[1]": "must be an aggregator's name"}


def test_everything_wrong_is_named_at_once_as_far_as_it_can_be_read():
    said = faults_of(K.RUN_CLOSED, run=None, end_at="x", files=[{"filename": ".", "size": -1}])
    assert set(said) == {"run", "end_at", "files[0].filename", "files[0].size"}
    with pytest.raises(Invalid) as told:
        read(K.RUN_CLOSED, {**BODIES[K.RUN_CLOSED], "files": [{}] * MAX_FILES})
    assert len(told.value.context["fields"]) == MAX_FAULTS
    assert told.value.message.endswith(f"; and {MAX_FILES - MAX_FAULTS} more")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from([*NO_NAMES, "SPB/SFX", "2018-09-25T13:30:00Z", "r0082/", "DA01"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([f.name for f in FILE_FIELDS]) | st.text(max_size=5), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@st.composite
def hostile(draw):
    """A good message in which anything may stand anywhere, and any key may be gone."""
    kind = draw(st.sampled_from(K))
    body = dict(BODIES[kind])
    names = [field.name for field in (*SUBJECT, *FIELDS[kind])]
    for name in draw(st.lists(st.sampled_from(names) | st.text(max_size=8), max_size=4)):
        body[name] = draw(JSON)
    for name in draw(st.lists(st.sampled_from(names), max_size=2)):
        body.pop(name, None)
    return kind, body


@given(hostile())
def test_no_json_whatever_is_read_into_anything_but_facts_or_our_error(message):
    kind, body = message
    known = {field.name for field in (*SUBJECT, *FIELDS[kind])}
    try:
        proposal, run, facts = read(kind, body)
    except Invalid as error:
        fields = error.context["fields"]
        assert fields
        assert {name.split("[")[0].split(".")[0] for name in fields} <= known
        assert json.dumps(fields)
        error.message.encode()  # can be stored and sent
    else:
        assert 1 <= proposal <= 999_999
        assert 0 <= run <= 99_999
        assert set(facts) <= known
        for name, value in facts.items():
            if isinstance(value, str):
                assert "\x00" not in value, name
            if isinstance(value, datetime):
                assert value.tzinfo is UTC
        for file in facts.get("files") or []:
            assert "/" not in file["filename"]
            assert file["filename"] not in {"", ".", ".."}


@given(JSON)
def test_a_body_is_an_object_the_catalog_can_keep_or_a_reason(content):
    body = json.dumps(content).encode()
    kept, fault = json_object(body)
    assert (kept is None) is bool(fault)
    if kept is not None:
        assert isinstance(kept, dict)
        text = json.dumps(kept, ensure_ascii=False, allow_nan=False)
        text.encode()  # no half pair
        assert json.loads(text) == content


@given(st.binary(max_size=60))
def test_bytes_are_an_object_or_a_reason(body):
    kept, fault = json_object(body)
    assert (kept is None) is bool(fault)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"run": 1, "run": 2}', "the body holds an object that names a key twice"),
        (b'{"a": [{"b": 1, "\\u0062": 1}]}', "the body holds an object that names a key twice"),
        (b'{"a": NaN}', "the body holds a number that is none or out of range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "the body holds a number that is none or out of range"),
        (b'{"a": "\\u0000"}', "the body holds a NUL character"),
        (b'{"a": "\\ud800"}', "the body holds half a surrogate pair"),
        (
            b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
            "the body is nested deeper than 32 levels",
        ),
        (b"[" * 100_000, "the body is nested deeper than 32 levels"),
    ],
)
def test_why_a_body_cannot_be_kept(body, why):
    assert json_object(body) == (None, why)


def test_nesting_just_within_the_limit_is_kept():
    assert json_object(b'{"a":' + b"[" * 31 + b"]" * 31 + b"}")[1] == ""
