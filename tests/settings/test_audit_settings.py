"""Thresholds of the settings file reach the checks, and a wrong one is refused at the start."""

import pytest
import yaml

from policies.audit import AuditSettings
from policies.errors import Misconfigured
from settings.audit import AuditSection
from settings.model import CONFIG, load


@pytest.fixture
def said(tmp_path, monkeypatch):
    """Settings with this `audit` section, read from a file."""

    def read(**section):
        file = tmp_path / "beamkeeper.yaml"
        file.write_text(yaml.safe_dump({"audit": section}))
        monkeypatch.setenv(CONFIG, str(file))
        load.cache_clear()
        return load().audit

    yield read
    load.cache_clear()


def test_what_is_left_out_has_the_rules_own_default():
    assert AuditSection().rules() == AuditSettings()


def test_every_threshold_of_the_rules_can_be_set(said):
    section = {
        "missing_trains_max": 0.5,
        "modified_after_seconds": 1,
        "creation_tolerance_seconds": 2,
        "whitelist": ["map.json"],
        "disabled": ["sample"],
        "not_blocking": ["foreign-run"],
    }
    rules, usual = said(**section).rules(), AuditSettings()
    assert set(section) == set(AuditSection.model_fields)
    assert all(getattr(rules, name) != getattr(usual, name) for name in vars(usual))


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ({"missing_trains_max": 1.01}, "audit.missing_trains_max"),
        ({"missing_trains_max": "some"}, "audit.missing_trains_max"),
        ({"modified_after_seconds": -1}, "audit.modified_after_seconds"),
        ({"creation_tolerance_seconds": float("nan")}, "audit.creation_tolerance_seconds"),
        ({"modified_after_seconds": float("inf")}, "audit.modified_after_seconds"),
        ({"disabled": ["no-such-check"]}, "no-such-check"),
        ({"not_blocking": ["no-such-check"]}, "no-such-check"),
        ({"rolling": 5}, "audit.rolling"),
    ],
    ids=str,
)
def test_a_wrong_threshold_is_named_at_the_start(said, section, where):
    with pytest.raises(Misconfigured, match=where):
        said(**section)
