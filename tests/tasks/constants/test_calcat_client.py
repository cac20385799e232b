"""Injecting, deploying and looking up constants over HTTP, against the catalogue stand-in."""

import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from deployments.standins.calcat import CalcatStandin
from deployments.standins.calcat_faults import Fault
from policies.constants import Strategy, condition_of, raw_data_location, version_name
from policies.errors import Denied, Invalid, Mismatch, Missing, Refused, Unavailable
from settings.constants import CalcatSettings, ConstantsSettings
from tasks.constants import Calcat, Injection, constants_catalog
from tasks.constants.connection import Connection
from tests.deployments.standins import published_client

T0 = datetime(2023, 7, 29, 17, 56, 36, 123456, tzinfo=UTC)
VALUES = {"Sensor Bias Voltage": 180.0, "Memory cells": 1.0}
CONSTANTS = "calibration_constant_versions"
OFFSET = Injection(
    detector_type="JUNGFRAU",
    physical_name="Jungfrau_M530",
    calibration="Offset",
    condition=condition_of(VALUES),
    name=version_name(T0),
    path="xfel/cal/jungfrau-type/jungfrau_m530/cal.1690653396.123456.h5",
    dataset="/Jungfrau_M530/Offset/0",
    begin_at=T0,
    raw_data_location=raw_data_location(900376, [15, 16, 17]),
    report_name="dark_900376_r15_r16_r17.pdf",
    report_path="/gpfs/exfel/d/cal/caldb_store/xfel/reports/dark_900376_r15_r16_r17.pdf",
)


@pytest.fixture
def calcat():
    with CalcatStandin() as server:
        yield server


def settings_for(calcat, **changes):
    known = {
        "client_id": SecretStr(calcat.tokens.client_id),
        "client_secret": SecretStr(calcat.tokens.client_secret),
        "user_email": "calibration@example.org",
    }
    return CalcatSettings(**{"url": calcat.url, "max_wait_s": 0.05} | known | changes)


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def catalog(calcat, pauses):
    settings = settings_for(calcat)
    with Calcat(settings, Connection(settings, pause=pauses.append)) as client:
        yield client


def versions(calcat):
    return list(calcat.tables.rows[CONSTANTS].values())


def fail(calcat, how="status", **more):
    calcat.faults.append(Fault(how, **more))


def find(catalog, at=T0 + timedelta(hours=1), names=("Offset",), **more):
    return catalog.versions_for("FXE_XAD_JF1M", names, at, more.pop("values", VALUES), **more)


def test_a_version_is_injected_not_deployed_and_everything_is_there(calcat, catalog):
    ccv_id = catalog.inject(OFFSET)
    (row,) = versions(calcat)
    assert row["id"] == ccv_id
    assert row["name"] == "20230729_175636_sIdx=0"
    assert (row["flg_deployed"], row["flg_good_quality"]) == (False, True)
    assert row["path_to_file"] == "xfel/cal/jungfrau-type/jungfrau_m530/"
    assert row["file_name"] == "cal.1690653396.123456.h5"
    assert row["raw_data_location"] == "proposal:900376 runs:17 16 15"
    assert calcat.tables.rows["reports"][row["report_id"]]["name"] == OFFSET.report_name
    (condition,) = calcat.tables.rows["conditions"].values()
    bias = condition["parameters_conditions"][0]
    assert (bias["value"], bias["lower_deviation_value"]) == (180.0, 5.0)


def test_the_order_is_condition_constant_report_version(calcat, catalog):
    catalog.inject(OFFSET)
    written = [e["path"] for e in calcat.log if e["method"] == "POST" and "oauth" not in e["path"]]
    assert written == [
        "/api/conditions/set_expected_condition",
        "/api/calibration_constants/",
        "/api/reports/set",
        f"/api/{CONSTANTS}/",
    ]


def test_the_same_injection_again_finds_what_is_there(calcat, catalog):
    first = catalog.inject(OFFSET)
    catalog.deploy([first])
    with Calcat(settings_for(calcat)) as another:
        assert another.inject(OFFSET) == first
    assert len(versions(calcat)) == 1
    for name in ("conditions", "calibration_constants", "reports"):
        assert len(calcat.tables.rows[name]) == 1


@pytest.mark.parametrize("how", ["lost", "garbage"])
@pytest.mark.parametrize(
    "path", ["set_expected_condition", "calibration_constants/", "reports/set", f"{CONSTANTS}/"]
)
def test_a_lost_answer_is_found_again_and_never_written_twice(calcat, catalog, path, how):
    fail(calcat, how, method="POST", path=path)
    ccv_id = catalog.inject(OFFSET)
    assert not calcat.faults
    assert [row["id"] for row in versions(calcat)] == [ccv_id]
    for name in ("conditions", "calibration_constants", "reports"):
        assert len(calcat.tables.rows[name]) == 1


def test_a_catalogue_that_dies_for_longer_is_unavailable_and_later_nothing_is_twice(
    calcat, catalog
):
    fail(calcat, "lost", method="POST", path=CONSTANTS, times=1)
    fail(calcat, method="GET", path=CONSTANTS, status=503, info=None, skip=2, times=50)
    with pytest.raises(Unavailable):
        catalog.inject(OFFSET)
    assert len(versions(calcat)) == 1
    calcat.faults.clear()
    assert catalog.inject(OFFSET) == versions(calcat)[0]["id"]
    assert len(versions(calcat)) == 1


def test_an_answer_that_was_only_polite_is_noticed(calcat, catalog):
    fail(calcat, "noop", method="POST", path=f"{CONSTANTS}/")
    with pytest.raises(Mismatch, match="does not know it"):
        catalog.inject(OFFSET)
    assert catalog.inject(OFFSET) == versions(calcat)[0]["id"]


def test_another_file_under_the_same_name_is_a_mismatch(calcat, catalog):
    catalog.inject(OFFSET)
    other = replace(OFFSET, path=OFFSET.path.replace("123456", "999999"))
    with pytest.raises(Mismatch, match="file_name") as caught:
        catalog.inject(other)
    assert caught.value.context["fields"] == ["file_name"]
    with pytest.raises(Mismatch, match="begin_at"):
        catalog.inject(replace(OFFSET, begin_at=T0 + timedelta(milliseconds=1)))
    assert len(versions(calcat)) == 1


def test_one_name_serves_many_constants_and_modules(calcat, catalog):
    """Whether the catalogue wants names unique as a whole or with constant and module."""
    injections = [
        replace(OFFSET, calibration=calibration, physical_name=module)
        for calibration in ("Offset", "Noise")
        for module in ("Jungfrau_M530", "Jungfrau_M531")
    ]
    first = [catalog.inject(i) for i in injections]
    assert [catalog.inject(i) for i in injections] == first
    names = [row["name"] for row in versions(calcat)]
    assert names[0] == OFFSET.name
    assert len(set(names)) == 4
    assert all(name.startswith(OFFSET.name) and len(name) <= 60 for name in names)
    httpx_reset(calcat)
    calcat.tables.scoped_names = True
    again = [catalog.inject(i) for i in injections]
    assert len(set(again)) == 4
    assert {row["name"] for row in versions(calcat)} == {OFFSET.name}


def httpx_reset(calcat):
    for name in (CONSTANTS, "calibration_constants", "conditions", "reports"):
        calcat.tables.rows[name].clear()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"physical_name": "Jungfrau_M999"}, "module 'Jungfrau_M999'"),
        ({"calibration": "Nonsense"}, "calibration 'Nonsense'"),
        ({"detector_type": "PERCIVAL"}, "detector type 'PERCIVAL'"),
        ({"condition": condition_of({"Mood": 1.0})}, "parameter 'Mood'"),
    ],
)
def test_what_the_catalogue_does_not_know_is_named_and_nothing_written(
    calcat, catalog, change, what
):
    with pytest.raises(Missing, match=what):
        catalog.inject(replace(OFFSET, **change))
    assert not versions(calcat)


def test_a_refused_field_is_named(calcat, catalog):
    with pytest.raises(Invalid, match="too long") as caught:
        catalog.inject(replace(OFFSET, report_name="x" * 65))
    assert caught.value.context["fields"] == {"name": "is too long (maximum is 64 characters)"}
    with pytest.raises(Invalid) as caught:
        catalog.inject(replace(OFFSET, dataset=""))
    assert caught.value.context["fields"] == {"data_set_name": "can't be blank"}
    assert not caught.value.retry


def test_a_second_version_from_the_same_instant_is_refused_with_its_field(catalog):
    catalog.inject(OFFSET)
    with pytest.raises(Invalid) as caught:
        catalog.inject(replace(OFFSET, name="another"))
    assert "begin_at" in caught.value.context["fields"]


def test_deployment_is_a_step_of_its_own_and_read_back(calcat, catalog):
    ccv_id = catalog.inject(OFFSET)
    assert find(catalog) == ()
    catalog.deploy([ccv_id])
    catalog.deploy([ccv_id])
    (found,) = find(catalog)
    assert (found.ccv_id, found.deployed) == (ccv_id, True)
    puts = [entry for entry in calcat.log if entry["method"] == "PUT"]
    assert len(puts) == 1


def test_a_lost_deployment_is_found_and_a_polite_one_noticed(calcat, catalog):
    ccv_id = catalog.inject(OFFSET)
    fail(calcat, "noop", method="PUT")
    with pytest.raises(Mismatch, match="into use"):
        catalog.deploy([ccv_id])
    fail(calcat, "lost", method="PUT")
    catalog.deploy([ccv_id])
    assert versions(calcat)[0]["flg_deployed"] is True


def test_bad_quality_is_never_deployed(calcat, catalog):
    good = catalog.inject(OFFSET)
    bad = catalog.inject(replace(OFFSET, calibration="Noise", good=False))
    with pytest.raises(Refused, match=str(bad)):
        catalog.deploy([good, bad])
    assert not any(row["flg_deployed"] for row in versions(calcat))


def series(catalog, days=(0, 5, 9)):
    ids = []
    for day in days:
        begin = T0 + timedelta(days=day)
        ids.append(catalog.inject(replace(OFFSET, name=version_name(begin), begin_at=begin)))
    return ids


def test_the_version_that_applies_is_found(catalog):
    ids = series(catalog)
    catalog.deploy(ids[:2])
    (found,) = find(catalog, T0 + timedelta(days=20))
    assert (found.ccv_id, found.karabo_da, found.physical_name, found.calibration) == (
        ids[1],
        "JNGFR01",
        "Jungfrau_M530",
        "Offset",
    )
    assert (found.path, found.dataset) == (OFFSET.path, OFFSET.dataset)
    assert found.begin_at == (T0 + timedelta(days=5)).replace(microsecond=123000)
    later = T0 + timedelta(days=4)
    assert [v.ccv_id for v in find(catalog, later)] == [ids[0]]
    assert [v.ccv_id for v in find(catalog, later, strategy=Strategy.CLOSEST)] == [ids[1]]
    before = T0 - timedelta(days=1)
    assert find(catalog, before) == ()
    assert [v.ccv_id for v in find(catalog, before, strategy=Strategy.CLOSEST)] == [ids[0]]
    assert find(catalog, values=VALUES | {"Sensor Bias Voltage": 186.0}) == ()
    assert find(catalog, names=("Noise",)) == ()
    assert find(catalog, names=()) == ()


def test_every_module_and_constant_comes_in_order(catalog):
    names = ("Offset", "Noise")
    ids = [
        catalog.inject(replace(OFFSET, calibration=c, physical_name=m))
        for c in names
        for m in ("Jungfrau_M531", "Jungfrau_M530")
    ]
    catalog.deploy(ids)
    assert [(v.karabo_da, v.calibration) for v in find(catalog, names=names)] == [
        ("JNGFR01", "Noise"),
        ("JNGFR01", "Offset"),
        ("JNGFR02", "Noise"),
        ("JNGFR02", "Offset"),
    ]


def test_what_a_careless_catalogue_answers_is_judged_by_our_own_rule(calcat, catalog):
    ids = series(catalog, days=(0, 1))
    catalog.deploy(ids)
    for row in versions(calcat):
        row["end_validity_at"] = "2023-07-29T20:00:00.000+02:00"
    assert find(catalog, T0 + timedelta(days=2)) == ()


def test_a_moved_module_is_named_by_the_place_where_it_stood(calcat, catalog):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    catalog.deploy([catalog.inject(OFFSET)])
    calcat.clock = lambda: now
    calcat.tables.update("physical_detector_units", 9, {"karabo_da": "JNGFR07"}, now)
    calcat.clock = lambda: now + timedelta(hours=1)
    assert [u.karabo_da for u in catalog.units_of("FXE_XAD_JF1M", T0)] == ["JNGFR01", "JNGFR02"]
    assert catalog.units_of("FXE_XAD_JF1M")[0].karabo_da == "JNGFR07"


def test_units_and_unknown_detectors(calcat, catalog):
    unit = catalog.units_of("FXE_XAD_JF1M")[0]
    assert (unit.physical_name, unit.detector_type) == ("Jungfrau_M530", "jungfrau-Type")
    with pytest.raises(Missing, match="no detector 'NO_DET'"):
        catalog.units_of("NO_DET")
    for key in (9, 10):
        del calcat.tables.rows["physical_detector_units"][key]
    assert catalog.units_of("FXE_XAD_JF1M") == ()


def test_the_token_is_kept_and_renewed_before_it_ends(calcat):
    now = [1000.0]
    settings = settings_for(calcat)
    calcat.tokens.lifetime_s = 600

    def tokens():
        return sum("oauth" in entry["path"] for entry in calcat.log)

    with Calcat(settings, Connection(settings, clock=lambda: now[0])) as catalog:
        for _ in range(3):
            catalog.reachable()
        assert tokens() == 1
        now[0] += 545
        catalog.reachable()
        assert tokens() == 2
        calcat.tokens.expire()
        assert catalog.reachable().endswith("knows us as calibration@example.org")
        assert tokens() == 3


def test_a_token_that_is_refused_twice_is_an_operators_matter(calcat, catalog):
    fail(calcat, path="/api/me", status=401, info="Unauthorized", times=2)
    with pytest.raises(Denied, match="401"):
        catalog.reachable()
    calcat.emails = {"somebody@example.org"}
    with pytest.raises(Denied, match="X-User-Email"):
        catalog.reachable()


def test_a_wrong_secret_is_denied_and_never_shown(calcat, caplog):
    caplog.set_level(logging.DEBUG)
    settings = settings_for(calcat, client_secret=SecretStr("open sesame"))
    with Calcat(settings) as catalog, pytest.raises(Denied) as caught:
        catalog.reachable()
    assert "does not accept our application" in str(caught.value)
    words = f"{caplog.text} {caught.value!r} {settings!r} {caught.value.context}"
    assert "open sesame" not in words
    assert calcat.tokens.client_id not in words.replace("beamkeeper-", "")


def test_no_token_reaches_the_log(calcat, catalog, caplog):
    caplog.set_level(logging.DEBUG)
    catalog.inject(OFFSET)
    (token,) = calcat.tokens._live
    assert token not in caplog.text
    assert calcat.tokens.client_secret not in caplog.text
    assert "Basic " not in caplog.text


def test_a_short_request_to_wait_is_obeyed_a_long_one_is_passed_on(calcat, pauses):
    settings = settings_for(calcat, max_wait_s=5)
    with Calcat(settings, Connection(settings, pause=pauses.append)) as catalog:
        fail(calcat, path="/api/me", status=429, headers={"Retry-After": "3"})
        catalog.reachable()
        assert pauses == [3.0]
        fail(calcat, path="/api/me", status=429, headers={"Retry-After": "60"})
        with pytest.raises(Unavailable) as caught:
            catalog.reachable()
    assert caught.value.context["retry_after_s"] == 60
    assert pauses == [3.0]


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault(status=500, times=9), Unavailable, "500"),
        (Fault(status=502, info=None, times=9), Unavailable, "502"),
        (Fault(status=501), Denied, "501"),
        (Fault(status=403, info="forbidden"), Denied, "forbidden"),
        (Fault("redirect", headers={"Location": "http://elsewhere.example/"}), Denied, "elsewhere"),
        (Fault("garbage", times=9), Unavailable, "no JSON"),
        (Fault("lost", times=9), Unavailable, "does not answer to the end"),
        (Fault("slow", delay_s=1.0, times=9), Unavailable, "ReadTimeout"),
    ],
    ids=lambda value: value.how if isinstance(value, Fault) else "",
)
def test_failures_are_told_apart(calcat, pauses, fault, error, words):
    fault.path = "/api/me"
    settings = settings_for(calcat, read_timeout_s=0.2)
    with Calcat(settings, Connection(settings, pause=pauses.append)) as catalog:
        calcat.faults.append(fault)
        with pytest.raises(error, match=re.escape(words)) as caught:
            catalog.reachable()
    assert caught.value.retry is (error is Unavailable)
    assert len(pauses) == (2 if error is Unavailable else 0)


def test_nobody_there_is_unavailable(calcat):
    settings = settings_for(calcat, retries=0)
    calcat.stop()
    with Calcat(settings) as catalog, pytest.raises(Unavailable, match="does not answer"):
        catalog.reachable()


def test_an_answer_without_end_is_not_read_on(calcat):
    settings = settings_for(calcat, max_answer_bytes=1024)
    with Calcat(settings) as catalog, pytest.raises(Invalid, match="1024 bytes"):
        catalog.units_of("MID_DET_AGIPD1M-1")


def test_pages_that_go_in_a_circle_are_noticed(calcat, pauses):
    settings = settings_for(calcat, page_size=1)
    calcat.tables.scoped_names = True
    with Calcat(settings, Connection(settings, pause=pauses.append)) as catalog:
        path = "physical_detector_units/"
        rows = list(catalog._connection.rows(path, {"detector_id": "2"}))
        assert [row["karabo_da"] for row in rows] == ["JNGFR01", "JNGFR02"]
        fail(calcat, "circle", path=path, times=9)
        with pytest.raises(Mismatch, match="again"):
            list(catalog._connection.rows(path, {"detector_id": "2"}))


def test_the_published_client_reads_what_we_injected(calcat, catalog):
    ccv_id = catalog.inject(OFFSET)
    catalog.deploy([ccv_id])
    tokens = calcat.tokens
    out = published_client.run(
        "retrieve",
        calcat.url,
        tokens.client_id,
        tokens.client_secret,
        at="2023-08-01T00:00:00+00:00",
    )
    assert out["retrieved"]["data"]["id"] == ccv_id
    assert out["retrieved"]["data"]["raw_data_location"] == OFFSET.raw_data_location


def test_we_read_what_the_published_client_injected(calcat, catalog):
    tokens = calcat.tokens
    begins = ["2023-07-29T17:56:36+00:00", "2023-08-10T00:00:00+00:00", "2023-08-04T12:00:00+00:00"]
    published_client.run(
        "inject_and_retrieve",
        calcat.url,
        tokens.client_id,
        tokens.client_secret,
        begins=begins,
        at=begins[2],
    )
    (found,) = find(catalog, datetime(2023, 8, 2, tzinfo=UTC))
    assert (found.name, found.path) == (
        "first",
        "xfel/cal/jungfrau-type/jungfrau_m529/cal.1690653395.1169305.h5",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://calcat.example"},
        {"url": "ftp://127.0.0.1"},
        {"url": "https://me:secret@calcat.example"},
        {"client_secret": None},
        {"user_email": ""},
    ],
)
def test_settings_that_do_not_fit_are_refused(calcat, changes):
    with pytest.raises(ValidationError):
        settings_for(calcat, **changes)


def test_a_proxy_without_a_token_may_speak_plainly():
    with CalcatStandin(proxy=True) as server:
        settings = CalcatSettings(url=server.url)
        assert CalcatSettings(url="http://proxy.example:8080").base == "http://proxy.example:8080"
        with Calcat(settings) as catalog:
            assert catalog.units_of("FXE_XAD_JF1M")
    assert not any("oauth" in entry["path"] for entry in server.log)


def test_without_a_catalogue_there_is_none(tmp_path):
    assert constants_catalog(None) is None
    assert constants_catalog(ConstantsSettings(store=tmp_path)) is None
    with pytest.raises(ValidationError):
        ConstantsSettings(store="relative")
