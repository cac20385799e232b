"""Every unit's ExecStart comes up on the handbook's settings, works, and ends when asked."""

import json
import signal

import httpx
import pytest
from pydantic import SecretStr

from deployments.serving.rest import EngineApi
from settings.engine import POOLS
from tests.deployments.units.conftest import wait_for
from tests.deployments.units.unit import environment_file

pytestmark = pytest.mark.xdist_group("units")

WORKERS = [f"beamkeeper-worker@{pool.name}" for pool in POOLS]


@pytest.fixture(scope="module")
def api(site):
    auth = environment_file(site.etc / "beamkeeper.env")["PREFECT_API_AUTH_STRING"]
    with EngineApi(site.engine_url, SecretStr(auth)) as made:
        yield made


@pytest.fixture(scope="module")
def up(site, api):
    """All units of one machine, started in no particular order: each waits for what it needs."""
    gateway = f"beamkeeper-gateway@{site.gateway_ports[0]}"
    names = ["beamkeeper-relay", gateway, "beamkeeper-engine"]
    children = {name: site.start(name) for name in names}

    def said():
        return [f"{name}: {site.log(name).read_text()[-800:]}" for name in children]

    wait_for(api.is_ready, 120, said)
    deploy = site.start("beamkeeper-deploy")
    assert deploy.wait(180) == 0, site.log("beamkeeper-deploy").read_text()
    children |= {name: site.start(name) for name in WORKERS}

    def polling():
        found = [api.post(f"work_pools/{pool.name}/workers/filter", {}) for pool in POOLS]
        return all(any(w["status"] == "ONLINE" for w in workers) for workers in found)

    wait_for(polling, 120, said)
    assert {n: c.poll() for n, c in children.items()} == dict.fromkeys(children), said()
    return children


def test_the_gateway_is_healthy_on_the_port_that_its_name_says(site, up):
    answer = httpx.get(f"http://127.0.0.1:{site.gateway_ports[0]}/healthz")
    assert answer.status_code == 200, answer.text


def test_the_doctor_sees_engine_and_every_pool_up(site, up):
    def seen():
        done = site.run("beamkeeper", "doctor", "--json")
        return {row["part"]: row["state"] for row in json.loads(done.stdout)}

    states = seen()
    assert {states[f"pool {p.name}"] for p in POOLS} == {"up"}, states
    assert (states["flow engine"], states["catalog"]) == ("up", "up"), states


def test_each_worker_is_of_its_pool_s_kind(site, up, api):
    """A worker of another kind polls all the same, and says so in its log only."""
    kinds = {p["name"]: p["type"] for p in api.post("work_pools/filter", {})}
    assert {p.name: p.kind.value for p in POOLS} == {n: kinds[n] for n in (q.name for q in POOLS)}
    for name in WORKERS:
        assert "mismatch" not in site.log(name).read_text().lower()


@pytest.mark.parametrize(
    ("flow", "pool"), [("stuck-sweep", "facility"), ("team-sync", None), ("run-closed", None)]
)
def test_a_flow_of_the_pool_runs(up, api, flow, pool):
    deployment = api.get(f"deployments/name/{flow}/{flow}")
    if pool:
        assert deployment["work_pool_name"] == pool
    needed = {"team-sync": {"proposal": 5}, "run-closed": {"proposal": 5, "run": 1}}
    body = {"parameters": needed.get(flow, {}), "state": {"type": "SCHEDULED"}}
    run = api.post(f"deployments/{deployment['id']}/create_flow_run", body)["id"]

    def state():
        return api.get(f"flow_runs/{run}")["state"]

    wait_for(lambda: state()["type"] in {"COMPLETED", "FAILED", "CRASHED"}, 90, state)
    # There is no proposal 5: the flow itself said so, from the catalog.
    expected = "COMPLETED" if pool else state()["type"]
    assert state()["type"] == expected != "CRASHED", state()
    if not pool:
        assert "there is no proposal 5" in state()["message"], state()


def test_what_is_asked_to_stop_ends_well(site, up):
    order = [*WORKERS, *(name for name in up if name not in WORKERS)]
    for name in order:
        up[name].send_signal(signal.SIGTERM)
        if name == WORKERS[-1]:
            assert [up[w].wait(60) for w in WORKERS] == [0, 0, 0]
    # The service manager counts an end by the signal that it sent as clean, too.
    ends = {name: up[name].wait(60) for name in order}
    assert set(ends.values()) <= {0, -signal.SIGTERM}, ends
    assert all(ends[name] == 0 for name in (*WORKERS, "beamkeeper-relay")), ends
