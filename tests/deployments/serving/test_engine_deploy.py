"""A deploy makes the engine equal to the file, and the engine is guarded."""

import base64
import copy
from dataclasses import replace

import httpx
import pytest

from deployments.serving.deploy import deploy
from deployments.serving.manifest import Manifest, read_manifest
from deployments.serving.rest import EngineApi
from deployments.serving.server import check_scheduler
from policies.errors import Denied, Misconfigured, Missing
from tests.deployments.serving.conftest import POOLS, SAMPLE

pytestmark = pytest.mark.xdist_group("serving")


@pytest.fixture(scope="module")
def manifest():
    return read_manifest(SAMPLE)


@pytest.fixture
def deployed(live, manifest):
    """The sample in place, and again after the test."""
    yield deploy(live.api, manifest, POOLS)
    live.deployed = deploy(live.api, manifest, POOLS).deployed


def deployment(live, name):
    return live.api.get(f"deployments/name/{name}/{name}")


def slugs(found):
    return {schedule["slug"]: schedule for schedule in found["schedules"]}


def test_schedules_become_runs(live):
    assert check_scheduler(live.api) > 0


def test_second_deploy_changes_nothing(live, manifest, deployed):
    before = deployment(live, "sample-quick")
    again = deploy(live.api, manifest, POOLS)
    after = deployment(live, "sample-quick")
    assert again.deployed == deployed.deployed
    assert (again.failed, again.pruned, again.pools_created) == ({}, [], [])
    kept = {slug: schedule["id"] for slug, schedule in slugs(before).items()}
    assert {slug: schedule["id"] for slug, schedule in slugs(after).items()} == kept


def test_deployment_says_what_the_file_says(live, deployed):
    found = deployment(live, "sample-quick")
    assert found["description"] == "Leaves a line."
    assert found["version"] == "1"
    assert found["tags"] == ["beamkeeper", "sample"]
    assert found["work_pool_name"] == "facility"
    assert found["enforce_parameter_schema"] is True
    assert found["pull_steps"] == []
    assert found["global_concurrency_limit"]["limit"] == 20
    assert found["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    form = found["parameter_openapi_schema"]
    assert form["properties"]["number"]["minimum"] == 0
    assert form["properties"]["folder"]["description"] == "Where the trace goes."
    with pytest.raises(Denied, match="less than the minimum"):
        live.api.post(
            f"deployments/{found['id']}/create_flow_run",
            {"parameters": {"folder": "/tmp", "number": -1}},
        )


def test_removed_deployment_and_schedule_are_pruned_foreign_ones_stay(live, manifest, deployed):
    flow = live.api.post("flows/", {"name": "of-somebody-else"})
    body = {"name": "foreign", "flow_id": flow["id"], "tags": ["theirs"]}
    foreign = live.api.post("deployments/", body)
    quick, _ = manifest.entries
    fewer = replace(quick, schedules={"nightly": quick.schedules["nightly"]})
    done = deploy(live.api, Manifest((fewer,), manifest.limits), POOLS)
    assert sorted(done.pruned) == ["sample-quick/hourly", "sample-slow"]
    assert set(slugs(deployment(live, "sample-quick"))) == {"nightly"}
    with pytest.raises(Missing):
        deployment(live, "sample-slow")
    assert live.api.get(f"deployments/{foreign['id']}")["name"] == "foreign"
    live.api.delete(f"deployments/{foreign['id']}")


def test_changed_schedule_keeps_its_row_and_a_pause_made_by_hand(live, manifest, deployed):
    found = deployment(live, "sample-quick")
    nightly = slugs(found)["nightly"]
    live.api.patch(f"deployments/{found['id']}/schedules/{nightly['id']}", {"active": False})
    quick, slow = manifest.entries
    schedules = copy.deepcopy(dict(quick.schedules))
    schedules["nightly"]["cron"] = "50 5 * * *"
    deploy(live.api, Manifest((replace(quick, schedules=schedules), slow), {}), POOLS)
    after = slugs(deployment(live, "sample-quick"))["nightly"]
    assert after["id"] == nightly["id"]
    assert after["schedule"]["cron"] == "50 5 * * *"
    assert after["active"] is False
    live.api.patch(f"deployments/{found['id']}/schedules/{nightly['id']}", {"active": True})


def test_one_broken_flow_does_not_keep_the_others_out(live, manifest, deployed):
    quick, slow = manifest.entries
    broken = replace(slow, entrypoint="tests.deployments.serving.no_such_module.flow")
    done = deploy(live.api, Manifest((broken, quick), {}), POOLS)
    assert list(done.deployed) == ["sample-quick"]
    assert "does not import" in done.failed["sample-slow"]
    # What is in the file is not pruned because it is broken today.
    assert deployment(live, "sample-slow")["id"] == deployed.deployed["sample-slow"]


def test_flow_under_a_wrong_name_and_unknown_pool_are_refused(live, manifest, deployed):
    quick, slow = manifest.entries
    swapped = replace(quick, entrypoint=slow.entrypoint, parameters={})
    done = deploy(live.api, Manifest((swapped, slow), {}), POOLS)
    assert done.failed == {"sample-quick": "the flow of sample-quick calls itself sample-slow"}
    with pytest.raises(Misconfigured, match="unknown pools: nowhere"):
        deploy(live.api, Manifest((replace(quick, pool="nowhere"),), {}), POOLS)


def test_limits_queues_and_the_zombie_automation_exist_once(live, deployed):
    assert live.api.get("v2/concurrency_limits/sample-slots")["limit"] == 2
    queues = live.api.post("work_pools/facility/queues/filter", {})
    assert {queue["name"]: queue["priority"] for queue in queues} == {"urgent": 1, "default": 2}
    names = [found["name"] for found in live.api.pages("automations/filter", {})]
    assert names == ["beamkeeper-crash-zombie-flows"]


def test_pool_keeps_a_pause_made_by_hand(live, manifest, deployed):
    live.api.patch("work_pools/online", {"is_paused": True})
    deploy(live.api, manifest, POOLS)
    assert live.api.get("work_pools/online")["is_paused"] is True
    live.api.patch("work_pools/online", {"is_paused": False})


def test_engine_asks_for_the_password_and_a_csrf_token(live):
    with EngineApi(live.settings.api_url, None, patience=0) as stranger:
        with pytest.raises(Denied, match="401"):
            stranger.get("version")
        assert stranger.is_ready()
    auth = live.settings.auth_string().get_secret_value()
    basic = base64.b64encode(auth.encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    url = f"{live.settings.api_url}/flow_runs/filter"
    answer = httpx.post(url, json={}, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()) == (403, {"detail": "Missing CSRF token."})


def test_foreign_pages_may_not_call_the_engine(live):
    def allowed(origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        url = f"{live.settings.api_url}/flow_runs/filter"
        answer = httpx.options(url, headers=headers, trust_env=False)
        return answer.headers.get("access-control-allow-origin")

    own = f"http://127.0.0.1:{live.settings.port}"
    assert allowed(own) == own
    assert allowed("http://evil.example") is None
