"""What a facility file may say, and how its mistakes are named."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from policies.errors import Misconfigured
from settings.facility import FOLDER, read_facility


@pytest.fixture
def content() -> dict[str, Any]:
    return deepcopy(yaml.safe_load((FOLDER / "example.yaml").read_text()))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda f: f.stem)
def test_the_files_that_come_along_are_valid(file):
    assert read_facility(file) == read_facility(file.stem)


def set_in(content: Any, path: str, value: object) -> None:
    *way, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    for step in way:
        content = content[step]
    content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("instruments.0.colour", "red", "instruments.0.colour: Extra inputs"),
        ("instruments.0.identifier", "../etc", "instruments.0.identifier"),
        ("instruments.0.identifier", "SPB/SFX", "instruments.0.identifier"),
        ("instruments.0.identifier", "A\n", "instruments.0.identifier"),
        ("instruments.0.repository", "MOON", "instrument LAMP1: no repository MOON"),
        ("instruments.0.facility", "MOON", "instrument LAMP1: no facility MOON"),
        ("instruments.0.instrument_leader", "nobody", "instrument LAMP1: no user nobody"),
        ("instruments.1.identifier", "LAMP1", "instruments: LAMP1 twice"),
        ("instruments.1.id", 1, "instruments: id 1 twice"),
        ("repositories.0.mount_point", "data", "repositories.0.mount_point"),
        ("repositories.0.tier", "moon", "repositories.0.tier"),
        ("repositories.1.data_group_type", "CAL", "CENTRE: no data_group_type CAL"),
        ("users.0.roles", ["PI"], "PI: computed from facts, never stored"),
        ("users.0.uid", "a b", "users.0.uid"),
        ("run_types.0.experiment_type", "MOON", "no experiment_type MOON"),
        ("sample.sample_type", "MOON", "sample: no sample_type MOON"),
        ("timezone", "Europe/Atlantis", "'Europe/Atlantis' is not an IANA time zone"),
        ("timezone", "../../etc/passwd", "is not an IANA time zone"),
        ("groups.gid_first", 50000, "gid_first is after gid_last"),
        ("groups.gid_first", 0, "groups.gid_first"),
        ("groups.participants", "team", "groups.participants: String should match"),
        ("groups.participants", "{number.__class__}", "groups.participants: String should match"),
        ("groups.participants", "exp{number}-owners", "have the same name"),
        ("cycles.last_year", 2024, "first_year is after last_year"),
        ("cycles.rules.0.suffix", "02", "cycles.rules: 02 twice"),
        ("cycles.rules.0.begin", "02-30", "cycles.rules.0.begin: Value error, day is out of range"),
        ("cycles.rules.0.end", "02-29", "cycles.rules.0.end: Value error, day is out of range"),
        ("cycles.rules.0.instruments", ["MOON"], "cycles: no instrument MOON"),
        ("facilities", [], "facilities"),
    ],
)
def test_a_mistake_is_named(content, tmp_path, path, value, said):
    set_in(content, path, value)
    file = tmp_path / "facility.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(Misconfigured) as caught:
        read_facility(file)
    assert said in caught.value.message


def test_every_mistake_is_named_at_once(content, tmp_path):
    set_in(content, "instruments.0.repository", "MOON")
    set_in(content, "sample.sample_type", "SUN")
    file = tmp_path / "facility.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(Misconfigured, match=r"MOON.*SUN"):
        read_facility(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [", "is not YAML"), ("just words", "file: "), ("", "file: "), (b"\xff\xfe", "not YAML")],
)
def test_a_file_that_is_no_facility_is_refused(tmp_path, text, said):
    file = tmp_path / "facility.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Misconfigured, match=said):
        read_facility(file)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Misconfigured, match="No such file"):
        read_facility(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("cycle", "begin", "end"),
    [
        ("202401", (2023, 12, 31, 23), (2024, 6, 30, 21, 59, 59)),
        ("202431", (2024, 6, 30, 22), (2025, 1, 31, 22, 59, 59)),
    ],
)
def test_a_cycle_has_days_by_rule(cycle, begin, end):
    assert read_facility("xfel").cycle_span(cycle) == (
        datetime(*begin, tzinfo=UTC),
        datetime(*end, tzinfo=UTC),
    )


def test_a_suffix_without_a_rule_has_no_days():
    assert read_facility("xfel").cycle_span("202499") is None
