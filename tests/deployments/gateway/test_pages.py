"""The pages on webhooks say what the gateway does: every example is run, every answer provoked."""

import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import textwrap
from datetime import timedelta
from http.client import HTTPResponse
from pathlib import Path

import pytest
import yaml

from deployments.webhook_page import ANSWERS, EVENT_FIELDS, TOPICS
from policies import signing
from policies.messages import FIELDS, read
from policies.vocabulary import Topic
from settings.gateway import GatewaySettings
from tests.catalog.story import closed, opened
from tests.deployments.gateway.site import KEYS, LIMIT, NUMBER, ROOT

pytestmark = pytest.mark.xdist_group("gateway-pages")

HOWTO = (ROOT / "docs/how-to/connect-a-daq.md").read_text()
REFERENCE = (ROOT / "docs/reference/webhooks.md").read_text()
PAST = timedelta(seconds=400)


@pytest.fixture(scope="module")
def dialect():
    return "sqlite"


def blocks(page, language):
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", page, flags=re.S | re.M)
    return [textwrap.dedent(text) for _, text in found]


def here(text, site, spool):
    """An example with this gateway's address, key and proposal in it."""
    for said, meant in {
        "https://data.example": site.url,
        "2026-1": "k1",
        "CHANGE-at-least-16-characters": KEYS["k1"].secret.decode(),
        "/var/lib/daq/spool": str(spool),
        "900054": str(NUMBER),
        "python -m": f"{sys.executable} -m",
    }.items():
        text = text.replace(said, meant)
    return text


def shell(text, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_curl_example_works_and_again_has_no_second_effect(site, tmp_path):
    [script] = [b for b in blocks(HOWTO, "sh") if "curl" in b]
    for _ in range(2):
        done = shell(here(script, site, tmp_path), tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {
            "event_id": f"spb-{NUMBER}-82-opened",
            "state": "applied",
        }
    assert site.one("SELECT count(*) FROM runs WHERE run_number = 82") == 1


def test_the_client_as_a_command_and_as_a_library(site, tmp_path, monkeypatch):
    spool = tmp_path / "spool"
    [script] = [b for b in blocks(HOWTO, "sh") if "deployments.daq" in b]
    done = shell(here(script, site, spool), tmp_path)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(t["delivered"], t["state"]) for t in told] == [(True, "applied")] * 2
    monkeypatch.setenv("BEAMKEEPER_DAQ_SECRET", KEYS["k1"].secret.decode())
    [program] = blocks(HOWTO, "python")
    names = {}
    exec(here(program, site, spool), names)
    assert names["receipt"].answer["state"] == "applied"
    assert site.one("SELECT state FROM runs WHERE run_number = 83") == "closed"
    assert not list(spool.glob("*.json"))


def test_the_settings_on_the_page_are_settings():
    first, second = [yaml.safe_load(b)["gateway"] for b in blocks(HOWTO, "yaml")]
    assert [k.id for k in GatewaySettings(**first).senders["spb-daq"].keys] == ["2026-1"]
    old, new = GatewaySettings(**second).senders["spb-daq"].keys
    assert (old.not_after is None, new.not_after) == (False, None)


def test_the_worked_example_can_be_recomputed_from_the_page_alone():
    said, headers, *_ = blocks(REFERENCE, "text")
    secret = re.search(r"with the secret `([^`]+)`", REFERENCE)[1]
    wanted = hmac.new(secret.encode(), said.removesuffix("\n").encode(), hashlib.sha256)
    given = dict(line.split(": ", 1) for line in headers.splitlines())
    assert given[signing.SIGNATURE] == f"sha256={wanted.hexdigest()}"
    timestamp, sender, kind, event_id, body = said.splitlines()
    assert (given[signing.TIMESTAMP], given[signing.SENDER]) == (timestamp, sender)
    assert given[signing.EVENT_ID] == event_id
    proposal, run, facts = read(kind, json.loads(body))
    assert (proposal, run) == (900054, 82)
    assert all(facts.values()), "the example shows every field"


def test_every_field_of_every_message_stands_on_the_page():
    for kind, fields in FIELDS.items():
        part = REFERENCE.split(f"`POST /hooks/daq/{kind}`")[1].split("\n#")[0]
        assert set(re.findall(r"^\| `(\w+)` \|", part, flags=re.M)) >= {f.name for f in fields}


def _slow(site):
    head = "POST /hooks/daq/run-opened HTTP/1.1\r\nHost: x\r\nX-Beamkeeper-Event-ID: l\r\n"
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        with HTTPResponse(line) as answer:
            answer.begin()
            return answer.status, json.load(answer)


def _told(site, *message, **how):
    answer = site.post(*message, **how)
    return answer.status_code, answer.json()


def _provoked(site):
    """Every answer but 503, which needs a catalog that is down: see the outages."""
    site.post("run-opened", opened(900), "page-opened")
    site.post("run-closed", closed(900), "page-closed")
    return [
        _told(site, "run-opened", opened(901), "page-applied"),
        _told(site, "run-opened", opened(900), "page-ignored"),
        _told(site, "run-closed", closed(999), "page-held"),
        _told(site, "run-opened", opened(902), ""),
        _told(site, "run-opened", opened(902), "page-old", age=PAST),
        _told(site, "run-exploded", opened(902), "page-missing"),
        _slow(site),
        _told(site, "run-closed", closed(900, last_train=1700), "page-refused"),
        _told(site, "run-opened", opened(903), "page-opened"),
        _told(site, "run-opened", b" " * (LIMIT + 1), "page-large"),
        _told(site, "run-opened", opened(None), "page-wrong"),
    ]


def _shape(status, body):
    """What identifies an answer: its status, its keys, and its word for programs."""
    return status, frozenset(body), body.get("code"), body.get("state")


def test_every_answer_on_the_page_is_given_and_no_other(site):
    seen = [_shape(*answer) for answer in _provoked(site)]
    listed = [_shape(a.status, a.body) for a in ANSWERS if a.status != 503]
    assert seen == listed


def test_events_that_are_not_sent_yet_are_not_promised():
    """A topic comes to the page with the code that emits it."""
    code = "".join(p.read_text() for p in Path(ROOT / "catalog/commands").glob("*.py"))
    emitted = {topic for topic in Topic if f"Topic.{topic.name}" in code}
    assert set(TOPICS) == emitted
    assert {"event", "event_id"} < set(EVENT_FIELDS)
