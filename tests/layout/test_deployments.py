"""`Work`, the flows and prefect.yaml say the same, name by name."""

import datetime as dt
import importlib
import re
import zoneinfo

import pytest
import yaml

from policies.vocabulary import Work
from tests.layout.tree import ROOT

TEXT = (ROOT / "prefect.yaml").read_text()
DEPLOYED = {entry["name"]: entry for entry in yaml.safe_load(TEXT)["deployments"]}
FLOWS = {p.stem for p in (ROOT / "flows").glob("*.py") if not p.stem.startswith("_")}
SCHEDULES = [
    pytest.param(name, schedule, id=f"{name}-{schedule.get('slug')}")
    for name, entry in DEPLOYED.items()
    for schedule in entry.get("schedules", [])
]


def module_of(work):
    return work.value.replace("-", "_")


def test_every_work_is_deployed_once():
    listed = [entry["name"] for entry in yaml.safe_load(TEXT)["deployments"]]
    assert sorted(listed) == sorted(Work)


def test_every_work_has_its_flow_module():
    assert {module_of(work) for work in Work} <= FLOWS


def test_every_deployed_module_is_a_work():
    used = {entry["entrypoint"].replace(":", ".").split(".")[1] for entry in DEPLOYED.values()}
    assert used == {module_of(work) for work in Work}


@pytest.mark.parametrize("work", Work)
def test_the_entrypoint_is_the_flow_of_that_name(work):
    from prefect import Flow

    module, _, function = DEPLOYED[work]["entrypoint"].replace(":", ".").rpartition(".")
    assert module == f"flows.{module_of(work)}"
    flow = getattr(importlib.import_module(module), function)
    assert isinstance(flow, Flow)
    assert flow.name == work
    assert flow.flow_run_name, "an operator finds runs by their name"


@pytest.mark.parametrize("work", Work)
def test_every_parameter_explains_itself(work):
    from prefect.utilities.callables import parameter_schema

    module, _, function = DEPLOYED[work]["entrypoint"].replace(":", ".").rpartition(".")
    flow = getattr(importlib.import_module(module), function)
    shown = parameter_schema(flow.fn).properties
    assert not [name for name, prop in shown.items() if not prop.get("description")]
    assert set(DEPLOYED[work].get("parameters") or {}) <= set(shown)


@pytest.mark.parametrize("work", Work)
def test_every_deployment_describes_itself(work):
    entry = DEPLOYED[work]
    assert len(entry["description"].split()) >= 5
    assert "beamkeeper" in entry["tags"]
    assert entry["enforce_parameter_schema"] is True
    assert entry["work_pool"]["name"] in {"facility", "online", "offline"}


@pytest.mark.parametrize(("name", "schedule"), SCHEDULES)
def test_schedules_know_their_zone_and_avoid_the_clock_change(name, schedule):
    assert re.fullmatch(r"[a-z0-9-]+", schedule.get("slug", "")), name
    assert "active" not in schedule, "an operator's pause must survive a deploy"
    if "cron" in schedule:
        assert schedule["timezone"] in zoneinfo.available_timezones()
        assert not falls_in_the_night_hour(schedule["cron"])
    else:
        assert schedule["interval"] > 0


def falls_in_the_night_hour(cron):
    """Whether a cron expression fires on some days at two o'clock, but not at every hour."""
    hour = cron.split()[1]
    return hour != "*" and 2 in hours(hour)


def hours(field):
    """Hours of a cron field: lists, ranges and steps."""
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = ("0-23" if span == "*" else span).partition("-")
        last = int(high or (23 if step else low))
        found |= set(range(int(low), last + 1, int(step or 1)))
    return found


@pytest.mark.parametrize(
    ("cron", "bad"),
    [("0 2 * * *", True), ("5 1-4 * * *", True), ("0 3 * * *", False), ("*/5 * * * *", False)],
)
def test_the_night_hour_is_recognised(cron, bad):
    assert falls_in_the_night_hour(cron) is bad


def test_the_night_hour_is_the_one_that_the_facility_skips():
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    skipped = dt.datetime(2026, 3, 29, 2, 30, tzinfo=zone)
    assert skipped.astimezone(dt.UTC).astimezone(zone).hour == 3
