"""Who may speak: signatures, keys, windows; what nobody signed leaves no trace."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from policies import signing
from tests.catalog.story import closed, opened
from tests.deployments.gateway.site import KEYS, OTHER

pytestmark = pytest.mark.xdist_group("gateway-signatures")


def test_a_signed_message_is_kept_and_applied(site):
    answer = site.post("run-opened", opened(1), "sig-1")
    assert answer.status_code == 202
    assert answer.json() == {"event_id": "sig-1", "state": "applied"}
    assert site.one("SELECT state FROM runs WHERE run_number = 1") == "open"


def test_both_keys_of_a_sender_work_while_one_is_replaced(site):
    assert site.post("run-opened", opened(2), "sig-k1", key="k1").status_code == 202
    assert site.post("run-opened", opened(3), "sig-k2", key="k2").status_code == 202


@pytest.mark.parametrize(
    "how",
    [
        {"key": "forged"},
        {"key": "k2", "sender": "any-daq"},
        {"key": "old", "sender": "any-daq"},
        {"sender": "nobody"},
        {"age": timedelta(seconds=400)},
        {"age": timedelta(seconds=-400)},
        {"X_Beamkeeper_Signature": ""},
        {"X_Beamkeeper_Signature": "sha256=" + "0" * 64},
        {"X_Beamkeeper_Timestamp": "999999999999"},
        {"X_Beamkeeper_Timestamp": "9999999999"},
        {"X_Beamkeeper_Timestamp": "1e9"},
        {"X_Beamkeeper_Timestamp": ""},
    ],
    ids=str,
)
def test_what_is_not_signed_by_a_live_key_is_refused_and_not_kept(site, how):
    before = site.one("SELECT count(*) FROM inbox")
    answer = site.post("run-opened", opened(90), "sig-bad", **how)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unsigned"
    assert site.one("SELECT count(*) FROM inbox") == before


@pytest.mark.parametrize("event_id", ["", "x" * 129, "with space", "caf\u00e9"])
def test_an_event_id_that_is_no_name_is_refused_for_good(site, event_id):
    content = json.dumps(opened(90)).encode()
    headers = signing.sign(
        "spb-daq", KEYS["k1"], event_id, content, datetime.now(UTC), kind="run-opened"
    )
    raw = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
    answer = httpx.post(f"{site.url}/hooks/daq/run-opened", content=content, headers=raw)
    assert answer.status_code == 400
    assert "X-Beamkeeper-Event-ID" in answer.json()["message"]


@pytest.mark.parametrize("part", ["body", "event_id", "timestamp"])
def test_what_was_signed_cannot_be_changed_on_the_way(site, part):
    content = json.dumps(opened(91)).encode()
    headers = signing.sign(
        "spb-daq", KEYS["k1"], "sig-mitm", content, datetime.now(UTC), kind="run-opened"
    )
    if part == "body":
        content = content.replace(b"91", b"92")
    elif part == "event_id":
        headers[signing.EVENT_ID] = "sig-mitm2"
    else:
        headers[signing.TIMESTAMP] = str(int(headers[signing.TIMESTAMP]) + 1)
    url = f"{site.url}/hooks/daq/run-opened"
    assert httpx.post(url, content=content, headers=headers).status_code == 401


@pytest.mark.parametrize("other", ["run-updated", "run-closed"])
def test_a_message_that_never_arrived_cannot_be_played_to_another_webhook(site, other):
    """Somebody holds back an opening and sends it, as signed, to another address."""
    content = json.dumps({**opened(92), **closed(92)}).encode()
    headers = signing.sign(
        "spb-daq", KEYS["k1"], f"sig-x-{other}", content, datetime.now(UTC), kind="run-opened"
    )
    answer = httpx.post(f"{site.url}/hooks/daq/{other}", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unsigned")
    assert not site.inbox(f"sig-x-{other}")
    there = httpx.post(f"{site.url}/hooks/daq/run-opened", content=content, headers=headers)
    assert there.status_code == 202


def test_two_senders_with_one_secret_cannot_speak_for_each_other(site):
    content = json.dumps(opened(93)).encode()
    headers = signing.sign(
        "spb-daq", KEYS["k1"], "sig-as", content, datetime.now(UTC), kind="run-opened"
    )
    headers[signing.SENDER] = "any-daq"
    answer = httpx.post(f"{site.url}/hooks/daq/run-opened", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unsigned")


def test_a_message_played_again_within_the_window_is_answered_alike(site):
    content = json.dumps(opened(4)).encode()
    headers = signing.sign(
        "spb-daq", KEYS["k1"], "sig-again", content, datetime.now(UTC), kind="run-opened"
    )
    url = f"{site.url}/hooks/daq/run-opened"
    answers = [httpx.post(url, content=content, headers=headers) for _ in range(3)]
    assert {a.status_code for a in answers} == {202}
    assert len({a.text for a in answers}) == 1
    assert len(site.inbox("sig-again")) == 1


def test_an_event_id_used_again_for_something_else_is_a_conflict(site):
    assert site.post("run-opened", opened(5), "sig-reuse").status_code == 202
    other = site.post("run-opened", opened(6), "sig-reuse")
    assert other.status_code == 409
    assert "used before" in other.json()["message"]
    kind = site.post("run-updated", opened(5), "sig-reuse")
    assert kind.status_code == 409
    assert site.one("SELECT count(*) FROM runs WHERE run_number = 6") == 0


def test_two_senders_may_use_the_same_event_id(site):
    assert site.post("run-opened", opened(7), "sig-shared").status_code == 202
    answer = site.post("run-opened", opened(7, OTHER), "sig-shared", sender="any-daq")
    assert answer.json() == {"event_id": "sig-shared", "state": "applied"}


def test_a_sender_speaks_for_its_instruments_only(site):
    answer = site.post("run-opened", opened(8, OTHER), "sig-foreign")
    assert answer.status_code == 409
    assert answer.json()["state"] == "refused"
    assert "speaks for SPB" in answer.json()["reason"]
    assert site.post("run-opened", opened(8, OTHER), "sig-f2", sender="any-daq").status_code == 202


def test_a_held_message_is_not_released_past_the_instrument_check(site):
    """A foreign closing that waits for its run is refused, not applied when the run comes."""
    foreign = site.post("run-closed", closed(9, OTHER), "sig-held-foreign")
    assert foreign.json()["state"] == "refused"
    assert site.post("run-opened", opened(9, OTHER), "sig-o9", sender="any-daq").status_code == 202
    query = "SELECT state FROM runs WHERE run_number = 9"
    assert site.one(query) == "open"


def test_an_unknown_webhook_is_named(site):
    answer = site.post("run-lost", opened(1), "sig-404")
    assert answer.status_code == 404
    assert "run-opened, run-updated, run-closed" in answer.json()["message"]
    assert site.http.get(f"{site.url}/hooks/daq/run-opened").status_code == 405


def test_no_secret_in_log_or_answers(site):
    texts = [site.log.read_text()]
    texts += [site.post("run-opened", opened(90), "sig-s", key=k).text for k in ("forged", "k2")]
    for key in KEYS.values():
        assert not any(key.secret.decode() in text for text in texts)
    assert "spb-daq" not in site.post("run-opened", opened(90), "s", sender="nobody").text
