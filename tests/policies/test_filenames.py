"""Names of run folders and run files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import Invalid
from policies.filenames import (
    RunFileName,
    detector_module,
    parse_run_file,
    parse_run_folder,
    run_folder,
)

numbers = st.integers(0, 999_999_999)
words = st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True)
names = st.builds(
    RunFileName,
    st.from_regex(r"[A-Z][A-Z0-9]{0,8}", fullmatch=True),
    numbers,
    words,
    st.none() | numbers,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("RAW-R0003-DA04-S00000.h5", ("RAW", 3, "DA04", 0)),
        ("CORR-R0003-AGIPD07-S00012.h5", ("CORR", 3, "AGIPD07", 12)),
        ("RAW-R9015-AGIPD1MCTRL00-S00000.h5", ("RAW", 9015, "AGIPD1MCTRL00", 0)),
        ("RAW-R12345-JNGFRCTRL00-S123456.h5", ("RAW", 12345, "JNGFRCTRL00", 123456)),
        ("RAW-R5100-OVERVIEW.h5", ("RAW", 5100, "OVERVIEW", None)),
    ],
)
def test_real_names(text, parts):
    assert parse_run_file(text) == RunFileName(*parts)
    assert RunFileName(*parts).filename == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "karabo_data_map.json",
        "RAW-R3-DA04-S00000.h5",
        "RAW-R00003-DA04-S00000.h5",
        "RAW-R0003-DA04-S000000.h5",
        "RAW-R0003-DA04-S0.h5",
        "raw-R0003-DA04-S00000.h5",
        "RAW-R0003-DA 04-S00000.h5",
        "RAW-R0003-DA04-S00000.h5\n",
        "\nRAW-R0003-DA04-S00000.h5",
        "RAW-R0003-DA04-S00000.hdf5",
        "RAW-R0003-DA04-S00000.h5.part",
        "../RAW-R0003-DA04-S00000.h5",
        "RAW-R0003-../DA04-S00000.h5",
        "RAW-R٠٠٠٣-DA04-S00000.h5",
        "RAW-R0003-DÄ04-S00000.h5",
        "RAW-R0003-DA04-S00000\0.h5",
        "RAW-R99999999999999999999-DA04-S00000.h5",
    ],
)
def test_other_names_are_none_of_ours(text):
    assert parse_run_file(text) is None


@given(names)
def test_what_is_made_is_read_back(name):
    assert parse_run_file(name.filename) == name


@given(st.text())
def test_a_name_that_is_read_is_made_again(text):
    name = parse_run_file(text)
    assert name is None or name.filename == text


@given(names, st.integers(0, 60), st.characters())
def test_one_changed_character_is_never_read_as_the_same(name, at, char):
    text = name.filename
    changed = text[: at % len(text)] + char + text[at % len(text) + 1 :]
    assert (parse_run_file(changed) == name) == (changed == text)


@given(numbers)
def test_folders(run):
    assert parse_run_folder(run_folder(run)) == run
    assert len(run_folder(run)) == max(5, len(str(run)) + 1)


@pytest.mark.parametrize(
    "text", ["3", "r3", "r003", "r00003", "R0003", "r0003/", "r0003\n", "0003"]
)
def test_no_run_folder(text):
    assert parse_run_folder(text) is None


@pytest.mark.parametrize(
    ("parts", "fields"),
    [
        (("", 3, "DA01", 0), ["run_class"]),
        (("RAW", -1, "DA01", 0), ["run"]),
        (("RAW", 3, "../x", 0), ["aggregator"]),
        (("raw", 3, "", -1), ["run_class", "aggregator", "sequence"]),
        (("RAW\n", 10**9, "DA01", 0), ["run_class", "run"]),
    ],
)
def test_parts_that_no_name_carries(parts, fields):
    with pytest.raises(Invalid) as caught:
        RunFileName(*parts)
    assert caught.value.context["fields"] == fields


@pytest.mark.parametrize("run", [-1, 10**9])
def test_numbers_that_no_folder_carries(run):
    with pytest.raises(Invalid):
        run_folder(run)


def test_detector_modules():
    assert detector_module("AGIPD03") == ("AGIPD", 3)
    assert detector_module("JNGFR08") == ("JNGFR", 8)
    for other in ("DA01", "AGIPD1MCTRL00", "JNGFRCTRL00", "AGIPD500K2G00", "REMI01"):
        assert detector_module(other) is None


def test_a_name_too_long_to_be_copied_is_no_run_file():
    assert parse_run_file(f"RAW-R0001-{'A' * 180}-S00000.h5") is not None
    assert parse_run_file(f"RAW-R0001-{'A' * 181}-S00000.h5") is None
