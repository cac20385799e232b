"""prefect.yaml and the words of the catalog say the same; a bad file is refused."""

import re
from zoneinfo import ZoneInfo

import pytest
import yaml

from deployments.serving.manifest import TAG, read_manifest
from policies.errors import Misconfigured
from policies.vocabulary import Work
from settings.engine import POOLS
from tests.deployments.serving.conftest import ROOT

FILE = ROOT / "prefect.yaml"
ENTRIES = read_manifest(FILE).entries
FACILITY_ZONE = "Europe/Berlin"


def test_one_deployment_per_work():
    assert sorted(entry.name for entry in ENTRIES) == sorted(Work)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entry_tells_operators_what_they_need(entry):
    word = entry.name.replace("-", "_")
    assert entry.entrypoint == f"flows.{word}.{word}"
    assert TAG in entry.tags
    assert len(entry.description) > 60
    assert entry.enforce is True
    assert entry.pull == ()
    assert entry.pool in {pool.name for pool in POOLS}
    assert entry.queue in {"default", "urgent"}
    assert entry.limit >= 1
    # A cancelled run would have used up the outbox row's key.
    assert entry.limit_options["collision_strategy"] == "ENQUEUE"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_schedules_survive_the_change_of_the_clock(entry):
    for schedule in entry.schedules.values():
        assert ZoneInfo(schedule["timezone"])
        if "cron" in schedule:
            assert schedule["timezone"] == FACILITY_ZONE
            minute, hour = schedule["cron"].split()[:2]
            assert re.fullmatch(r"\d+", minute)
            assert re.fullmatch(r"\d+", hour)
            assert int(hour) >= 3
        else:
            assert schedule["interval"] >= 30
            assert schedule["anchor_date"].endswith("+00:00")


def test_sweeps_are_scheduled_and_run_one_at_a_time():
    sweeps = {entry.name: entry for entry in ENTRIES if "sweep" in entry.tags}
    assert set(sweeps) == {
        *("portal-sync", "stuck-sweep", "inbox-sweep", "due-sweep", "batch-watch"),
        *("archival-sweep", "release-sweep", "release-alarm"),
    }
    assert all(entry.limit == 1 and entry.schedules for entry in sweeps.values())


GOOD = {
    "name": "a",
    "entrypoint": "flows.a.a",
    "description": "d",
    "work_pool": {"name": "facility"},
}


def written(folder, *entries, **more):
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump({"deployments": list(entries), **more}))
    return path


@pytest.mark.parametrize("key", ["name", "entrypoint", "description", "work_pool"])
def test_entry_without_an_essential_is_refused(tmp_path, key):
    entry = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(Misconfigured, match=f"has no {key}"):
        read_manifest(written(tmp_path, entry))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schedules": [{"cron": "0 4 * * *"}]}, "no slug"),
        ({"schedules": [{"cron": "0 4 * * *", "slug": "x", "active": True}]}, "must not say"),
        ({"description": "{{ $BK_NOT_SET_ANYWHERE }}"}, "empty or not known"),
        ({"parameters": {"a": ["{{ prefect.variables.x }}"]}}, "empty or not known"),
    ],
)
def test_silent_traps_are_refused(tmp_path, change, says):
    with pytest.raises(Misconfigured, match=says):
        read_manifest(written(tmp_path, {**GOOD, **change}))


def test_two_entries_of_one_name_are_refused(tmp_path):
    with pytest.raises(Misconfigured, match="two deployments named a"):
        read_manifest(written(tmp_path, GOOD, GOOD))


def test_variable_of_the_environment_is_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("BK_WHERE", "here")
    found = read_manifest(written(tmp_path, {**GOOD, "description": "runs {{ $BK_WHERE }}"}))
    assert found.entries[0].description == "runs here"
