"""The portal's client against a server on loopback that misbehaves in every known way."""

import logging
import socket
import time
from datetime import UTC, datetime

import httpx
import pytest
from prefect.states import Failed
from pydantic import ValidationError

from deployments.standins.portal import Fault, PortalStandin, load
from policies.errors import Denied, Invalid, Mismatch, Unavailable
from policies.portal_reader import parse_export
from settings.portal import PortalSettings
from tasks.portal import HttpPortal, PortalPort
from tasks.portal.steps import portal_export

TOKEN = "s3cret-of-the-portal"


@pytest.fixture(scope="module")
def running():
    with PortalStandin(token=TOKEN) as standin:
        yield standin


@pytest.fixture
def standin(running):
    httpx.post(f"{running.url}/_control/reset").raise_for_status()
    return running


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def portal_of(standin, pauses):
    made = []

    def make(**values):
        settings = PortalSettings(**{"url": standin.url, "token": TOKEN, **values})
        made.append(HttpPortal(settings, pause=pauses.append))
        return made[-1]

    yield make
    for portal in made:
        portal.close()


def test_the_export_arrives_as_it_is(portal_of):
    portal: PortalPort = portal_of()
    found = portal.export()
    assert found == parse_export(load())
    assert [p.number for p in found.proposals] == [900054, 2012]
    assert [m.data_access_role for m in found.proposals[0].team] == [1, 1, 1, 1, 1, 1, 2, 2, 2]
    assert found.exported_at == datetime(2018, 9, 25, 10, 20, tzinfo=UTC)
    assert not found.refused


def test_pages_are_put_together(standin, portal_of):
    assert portal_of(page_size=1).export() == parse_export(load())
    queries = [entry["query"] for entry in standin.log]
    assert queries == [{"limit": "1"}, {"limit": "1", "cursor": "1"}]


def test_rows_of_every_page_count_even_hostile_ones(standin, portal_of):
    standin.export = load("upex_hostile")
    found = portal_of(page_size=7).export()
    whole = parse_export(load("upex_hostile"))
    assert found == whole
    assert len(standin.log) == -(-len(standin.export["proposals"]) // 7)


def test_since_asks_for_what_changed(standin, portal_of):
    old, new = load()["proposals"]
    old["updated_at"], new["updated_at"] = "2018-01-01T00:00:00+00:00", "2018-09-20T00:00:00+00:00"
    standin.export = {**load(), "proposals": [old, new]}
    found = portal_of().export(datetime.fromisoformat("2018-09-01T02:00:00+02:00"))
    assert [p.number for p in found.proposals] == [2012]
    assert standin.log[-1]["query"]["since"] == "2018-09-01T00:00:00+00:00"


def test_check_says_whom_the_portal_takes_us_for(standin, portal_of):
    assert portal_of().check() == f"{standin.url} knows us as catalog"


def test_a_wrong_token_is_the_operators_matter(portal_of, pauses):
    with pytest.raises(Denied, match="does not accept our token") as caught:
        portal_of(token="wrong-secret").export()
    assert "wrong-secret" not in f"{caught.value!r} {caught.value.context}"
    assert pauses == []


@pytest.mark.parametrize("how", ["truncate", "lost", "status"])
def test_a_bad_answer_is_asked_for_again(standin, portal_of, pauses, how):
    standin.faults = [Fault(how, times=2)]
    assert portal_of().export() == parse_export(load())
    assert pauses == [0.2, 0.4]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncate", "cut or no JSON"),
        ("lost", "does not answer to the end"),
        ("status", "answers 500"),
    ],
)
def test_what_stays_bad_is_said_and_may_be_tried_later(standin, portal_of, how, message):
    standin.faults = [Fault(how, times=99)]
    with pytest.raises(Unavailable, match=message) as caught:
        portal_of().export()
    assert caught.value.retry
    assert len(standin.log) == 3


def test_a_page_lost_in_the_middle_loses_nothing(standin, portal_of):
    standin.faults = [Fault("lost", skip=1)]
    assert portal_of(page_size=1).export() == parse_export(load())
    assert len(standin.log) == 3


def test_the_portal_says_how_long_to_wait(standin, portal_of, pauses):
    standin.faults = [Fault(status=429, headers={"Retry-After": "3"})]
    assert portal_of().export() == parse_export(load())
    assert pauses == [3.0]


def test_too_long_a_wait_is_left_to_a_later_run(standin, portal_of, pauses):
    standin.faults = [Fault(status=429, headers={"Retry-After": "3600"})]
    with pytest.raises(Unavailable) as caught:
        portal_of().export()
    assert caught.value.context == {"status": 429, "retry_after_s": 3600}
    assert pauses == []


def test_an_unreadable_retry_after_is_ignored(standin, portal_of, pauses):
    standin.faults = [Fault(status=503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})]
    assert portal_of().export() == parse_export(load())
    assert pauses == [0.2]


def test_a_dripping_answer_is_given_up(standin, portal_of):
    standin.faults = [Fault("slow", delay_s=0.02, times=9)]
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"more than 0\.3 s"):
        portal_of(page_timeout_s=0.3, retries=0).export()
    assert time.monotonic() - started < 3


def test_a_silent_answer_is_given_up(standin, portal_of):
    standin.faults = [Fault("slow", delay_s=30)]
    with pytest.raises(Unavailable, match="ReadTimeout"):
        portal_of(read_timeout_s=0.2, retries=0).export()


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    settings = PortalSettings(url=url, token=TOKEN, retries=0)
    with HttpPortal(settings) as portal, pytest.raises(Unavailable, match="ConnectError"):
        portal.export()


def test_the_token_does_not_follow_a_redirect(standin, portal_of):
    with PortalStandin(token=TOKEN) as elsewhere:
        there = f"{elsewhere.url}/api/v1/export"
        standin.faults = [Fault("redirect", headers={"Location": there})]
        with pytest.raises(Denied, match="sends us elsewhere"):
            portal_of().export()
        assert elsewhere.log == []


def test_proxies_of_the_environment_are_not_used(standin, portal_of, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert portal_of().export().proposals


def test_a_huge_page_is_not_read_on(portal_of):
    with pytest.raises(Invalid, match="more than 1024 bytes"):
        portal_of(max_page_bytes=1024).export()


@pytest.mark.parametrize(
    "document",
    [
        {"format": "something", "version": 1},
        {"format": "upex-export", "version": 2},
        {"proposals": []},
        {"format": "upex-export", "version": 1, "users": {}},
    ],
)
def test_what_is_no_export_is_refused_as_a_whole(standin, portal_of, document):
    standin.export = document
    with pytest.raises(Invalid):
        portal_of().export()


def test_too_many_pages_are_an_error_of_the_portal(standin, portal_of):
    standin.export = {**load(), "proposals": load()["proposals"] * 3}
    with pytest.raises(Mismatch, match="more than 2 pages"):
        portal_of(page_size=1, max_pages=2).export()


def test_a_circle_of_pages_ends(standin, portal_of):
    standin.faults = [Fault("circle", times=99)]
    with pytest.raises(Mismatch, match="again and again"):
        portal_of().export()
    assert len(standin.log) == 2


def test_neither_log_nor_repr_holds_the_token(standin, portal_of, caplog):
    caplog.set_level(logging.DEBUG)
    portal = portal_of()
    portal.export()
    standin.faults = [Fault(times=9)]
    with pytest.raises(Unavailable) as caught:
        portal.export()
    told = f"{caplog.text} {caught.value!r} {caught.value.__cause__!r} {vars(portal)!r}"
    assert TOKEN not in told
    assert TOKEN not in str(standin.log)


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example.org",
        "ftp://127.0.0.1",
        "https://me:pw@portal.example.org",
        "https://portal.example.org/?a=b",
        "portal.example.org",
    ],
)
def test_addresses_that_would_give_the_token_away_are_refused(url):
    with pytest.raises(ValidationError):
        PortalSettings(url=url, token=TOKEN)


def test_the_standin_refuses_loudly_what_it_does_not_know(standin):
    answer = httpx.post(f"{standin.url}/api/v1/proposals", json={})
    assert answer.status_code == 501
    assert "POST /api/v1/proposals" in answer.json()["error"]
    assert httpx.get(f"{standin.url}/_control/tick").status_code == 501


def test_the_standin_is_driven_over_http(standin, portal_of):
    control = f"{standin.url}/_control"
    assert httpx.get(f"{control}/state").json()["proposals"] == 2
    httpx.post(f"{control}/fail", json={"status": 403}).raise_for_status()
    with pytest.raises(Denied):
        portal_of().export()
    httpx.put(f"{control}/export", json={**load(), "proposals": []}).raise_for_status()
    assert portal_of().export().proposals == ()
    assert {entry["path"] for entry in httpx.get(f"{control}/log").json()} == {"/api/v1/export"}


def test_the_task_reads_the_export_and_repeats_only_what_may_pass(standin):
    settings = PortalSettings(url=standin.url, token=TOKEN)
    assert portal_export.fn(settings) == parse_export(load())
    assert portal_export.retries == 3
    for error, again in ((Unavailable("x"), True), (Denied("x"), False), (KeyError("x"), False)):
        assert portal_export.retry_condition_fn(None, None, Failed(data=error)) is again
