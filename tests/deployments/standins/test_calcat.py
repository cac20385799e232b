"""The calibration catalogue stand-in: the published client runs against it, unmodified."""

from datetime import UTC, datetime

import httpx
import pytest

from deployments.standins.calcat import CalcatStandin
from deployments.standins.calcat_faults import Fault
from tests.deployments.standins import published_client

BEGINS = ["2023-07-29T17:56:36+00:00", "2023-08-10T00:00:00+00:00", "2023-08-04T12:00:00+00:00"]
RESOURCE_NOT_FOUND = "Resource not found!"


@pytest.fixture
def calcat():
    with CalcatStandin() as server:
        yield server


def client(calcat, script, **given):
    tokens = calcat.tokens
    return published_client.run(script, calcat.url, tokens.client_id, tokens.client_secret, **given)


def test_the_published_client_injects_and_retrieves(calcat):
    out = client(calcat, "inject_and_retrieve", begins=BEGINS, at="2023-08-05T12:00:00+00:00")

    first = out["first"]["data"]
    assert out["first"]["info"] == "calibration_constant_version created successfully"
    assert first["begin_at"] == "2023-07-29T19:56:36.000+02:00"
    assert first["flg_deployed"] is True
    assert first["end_validity_at"] is None
    assert first["physical_detector_unit"]["karabo_da_at_ccv_begin_at"] == "JNGFR01"
    assert first["calibration_constant"]["condition_id"] == 1
    assert out["again"]["app_info"]["name"] == ["has already been taken"]
    assert out["again"]["app_info"]["begin_at"] == ["has already been taken"]
    assert [out[n]["data"]["report_id"] for n in ("first", "second", "hidden")] == [1, 1, 1]
    assert out["pdu_closest_by_time"]["data"]["name"] == "second"
    assert out["pdu_prior_in_time"]["data"]["name"] == "first"
    assert out["detector_closest_by_time"]["data"]["name"] == "second"
    assert [row["name"] for row in out["all"]["data"]] == ["second", "first"]
    assert out["updated"]["data"]["description"] == "now"
    assert out["after"]["data"]["name"] == "hidden"
    assert len(calcat.tables.rows["conditions"]) == 1
    assert len(calcat.tables.rows["calibration_constant_versions"]) == 3


def test_the_published_client_gets_and_sets(calcat):
    out = client(calcat, "gets_and_sets")

    assert (out["nothing"]["success"], out["nothing"]["app_info"]) == (False, RESOURCE_NOT_FOUND)
    assert out["set"]["status_code"] == 201
    assert out["set"]["data"]["num_parameters"] == 2
    assert (out["set_again"]["status_code"], out["set_again"]["data"]["id"]) == (200, 1)
    assert out["clash"]["app_info"] == {"name": ["has already been taken"]}
    assert out["search"]["data"]["id"] == 1
    assert out["report"]["status_code"] == 201
    assert out["report_again"]["data"]["id"] == out["report_set"]["data"]["id"] == 1
    assert out["report_set"]["status_code"] == 200
    assert [row["karabo_da"] for row in out["units"]["data"]] == ["JNGFR01", "JNGFR02"]
    assert out["no_units"]["app_info"] == RESOURCE_NOT_FOUND
    assert (out["no_name"]["success"], out["no_name"]["data"]) == (True, [])
    assert out["no_name"]["pagination"]["X-Total-Count"] == "0"
    assert out["no_id"]["app_info"] == RESOURCE_NOT_FOUND
    assert [row["name"] for row in out["by_detector"]["data"]] == ["one"]
    assert [row["name"] for row in out["by_report"]["data"]] == ["one"]
    assert [row["name"] for row in out["by_path"]["data"]] == ["one"]
    versions = out["whole_report"]["data"]["calibration_constant_versions"]
    assert [row["name"] for row in versions] == ["one"]
    assert out["created"]["success"]
    assert out["taken"]["app_info"] == {"name": ["has already been taken"]}
    assert out["fixed"]["app_info"] == {"name": ["cannot be updated"]}
    assert out["deleted"]["success"]
    assert out["deleted_again"]["app_info"] == RESOURCE_NOT_FOUND
    assert out["me"]["roles"] == ["Detector Expert"]


def test_the_internal_proxy_asks_for_no_token():
    with CalcatStandin(proxy=True) as server:
        out = published_client.run("gets_and_sets", server.url, "", "", proxy=True)
    assert out["me"]["roles"]


def api(calcat, **headers):
    right = (calcat.tokens.client_id, calcat.tokens.client_secret)
    answer = httpx.post(
        f"{calcat.url}/oauth/token", data={"grant_type": "client_credentials"}, auth=right
    )
    known = {
        "Authorization": f"Bearer {answer.json()['access_token']}",
        "X-User-Email": "calibration@example.org",
        "Accept": "application/json; version=2",
    }
    return httpx.Client(base_url=f"{calcat.url}/api", headers=known | headers)


def test_token_user_and_version_are_asked_for(calcat):
    wrong = {"grant_type": "client_credentials", "client_id": "beamkeeper", "client_secret": "x"}
    answer = httpx.post(f"{calcat.url}/oauth/token", data=wrong)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    with api(calcat) as known:
        assert known.get("/me").status_code == 200
        assert known.get("/calibrations/").json() == known.get("/calibrations").json()
        assert known.get("/me", headers={"Accept": "application/json"}).status_code == 406
        refused = known.get("/me", headers={"X-User-Email": "other@example.org"})
        assert (refused.status_code, refused.json()) == (
            401,
            {"info": "Incorrect request header: 'X-User-Email'!"},
        )
        calcat.tokens.expire()
        assert known.get("/me").json() == {"info": "Unauthorized"}


def test_what_it_does_not_do_it_says_loudly(calcat):
    assert httpx.get(f"{calcat.url}/elsewhere").status_code == 501
    with api(calcat) as known:
        for path in ("/instruments", "/calibrations/1/what", "/conditions/1", "/calibrations/x"):
            assert known.get(path).status_code == 501
        assert known.delete("/calibration_constant_versions/1").status_code == 405
        assert known.delete("/detector_types/1").json()["info"]["base"]
        assert known.post("/reports", content="no json").status_code == 400


def test_lists_come_in_pages(calcat):
    with api(calcat) as known:
        answer = known.get("/physical_detector_units/", params={"page": 3, "page_size": 10})
    assert len(answer.json()) == 6
    assert answer.headers["X-Total-Pages"] == "3"
    assert answer.headers["X-Total-Count"] == "26"


REPORT = {"report": {"name": "a.pdf", "file_path": "/a.pdf"}}


@pytest.mark.parametrize(
    ("fault", "status", "kept"),
    [
        (Fault("status", status=422, info={"name": ["is odd"]}), 422, 0),
        (Fault("status", status=429, info="slow down", headers={"Retry-After": "3"}), 429, 0),
        (Fault("status", status=502, info=None), 502, 0),
        (Fault("redirect", headers={"Location": "/elsewhere"}), 302, 0),
        (Fault("noop"), 201, 0),
        (Fault("garbage"), 200, 1),
        (Fault("slow", delay_s=0.1), 201, 1),
        (Fault("lost"), None, 1),
    ],
    ids=lambda value: value.how if isinstance(value, Fault) else "",
)
def test_it_misbehaves_as_asked(calcat, fault, status, kept):
    fault.path = "/reports"
    calcat.faults.append(fault)
    with api(calcat) as known:
        if status is None:
            with pytest.raises(httpx.RemoteProtocolError):
                known.post("/reports/", json=REPORT)
        else:
            assert known.post("/reports/", json=REPORT).status_code == status
        assert len(known.get("/reports").json()) == kept
    assert not calcat.faults


def test_it_is_steered_from_outside_and_remembers_no_secret(calcat):
    fault = {"how": "circle", "path": "/calibrations", "times": 2}
    assert httpx.post(f"{calcat.url}/_control/fail", json=fault).json() == {"ok": True}
    with api(calcat) as known:
        first = known.get("/calibrations", params={"page": 1, "page_size": 2}).json()
        assert known.get("/calibrations", params={"page": 2, "page_size": 2}).json() == first
    assert httpx.get(f"{calcat.url}/_control/state").json()["requests"] == 3
    log = httpx.get(f"{calcat.url}/_control/log").text
    assert calcat.tokens.client_secret not in log
    assert "Bearer" not in log
    httpx.post(f"{calcat.url}/_control/reset")
    assert httpx.get(f"{calcat.url}/_control/log").json() == []
    assert httpx.get(f"{calcat.url}/_control/what").status_code == 501


def test_rows_survive_a_restart_where_a_file_keeps_them(tmp_path):
    file = tmp_path / "calcat.json"
    with CalcatStandin(file=file) as first, api(first) as known:
        known.post("/reports/", json=REPORT)
    with CalcatStandin(file=file) as second, api(second) as known:
        assert known.get("/reports/1").json()["name"] == "a.pdf"


def test_a_unit_that_moved_is_found_where_it_stood(calcat):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    calcat.clock = lambda: now
    with api(calcat) as known:
        known.put("/physical_detector_units/10", json={"detector_id": 1, "karabo_da": "JNGFR09"})
        ask = {"detector_id": 2, "pdu_snapshot_at": "2025-12-31T00:00:00+00:00"}
        path = "/physical_detector_units//get_all_by_detector"
        before = known.get(path, params=ask).json()
        after = known.get(path, params={"detector_id": 2}).json()
    assert [row["karabo_da"] for row in before] == ["JNGFR01", "JNGFR02"]
    assert [row["karabo_da"] for row in after] == ["JNGFR01"]
