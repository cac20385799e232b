"""What a body may be: malformed ones are kept and explained, oversized ones never read whole."""

import json
import socket
import zlib
from datetime import UTC, datetime

import httpx
import pytest

from policies import signing
from tests.catalog.story import closed, opened
from tests.deployments.gateway.site import KEYS, LIMIT

pytestmark = pytest.mark.xdist_group("gateway-bodies")

UNREADABLE = {
    "empty": b"",
    "no json": b"run 7 is open",
    "list": b"[1, 2]",
    "cut": b'{"proposal": 2012, "run": ',
    "nan": b'{"proposal": 2012, "run": NaN}',
    "infinite": b'{"proposal": 2012, "run": 1e999}',
    "nul": b'{"proposal": 2012, "run": 50, "description": "a\\u0000b"}',
    "nul key": b'{"proposal": 2012, "run": 50, "a\\u0000b": 1}',
    "half pair": b'{"proposal": 2012, "run": 50, "description": "\\ud83d"}',
    "raw nul": b'{"proposal": 2012,\x00 "run": 50}',
    "not utf-8": b'{"description": "\xff\xfe"}',
    "utf-16": json.dumps({"proposal": 2012, "run": 50}).encode("utf-16"),
    "deep": b'{"a":' * 900 + b"1" + b"}" * 900,
    "very deep": b"[" * 90_000,
    "key twice": b'{"proposal": 2012, "run": 50, "run": 51}',
    "inner key twice": b'{"proposal": 2012, "run": 50, "x": [{"a": 1, "a": 1}]}',
    "huge number": b'{"run": ' + b"9" * 5000 + b"}",
}


def _stable(value):
    """The same name in every process: a set has no order of its own."""
    return str(sorted(value)) if isinstance(value, set) else str(value)


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_unreadable_body_is_kept_refused_and_explained(site, what):
    event_id = f"body-{what.replace(' ', '-')}"
    answer = site.post("run-opened", UNREADABLE[what], event_id)
    assert answer.status_code == 422
    assert answer.json()["state"] == "refused"
    assert "body" in answer.json()["fields"]
    [(state, reason, _, _)] = site.inbox(event_id)
    assert (state, reason) == ("refused", answer.json()["reason"])
    again = site.post("run-opened", UNREADABLE[what], event_id)
    assert (again.status_code, again.text) == (422, answer.text)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"run": "82"}, {"run"}),
        ({"run": True}, {"run"}),
        ({"run": 1.0}, {"run"}),
        ({"run": -1}, {"run"}),
        ({"run": 10**30}, {"run"}),
        ({"run": None, "proposal": None}, {"run", "proposal"}),
        ({"begin_at": "2024-03-01T08:00:00"}, {"begin_at"}),
        ({"begin_at": 5}, {"begin_at"}),
        ({"begin_at": "0001-01-01T00:00:00+10:00"}, {"begin_at"}),
        ({"first_train": 2**63}, {"first_train"}),
        ({"sample": ["x"]}, {"sample"}),
        ({"sample": "x\ny"}, {"sample"}),
        ({"description": "x" * 4001}, {"description"}),
        ({"sample": "gpj.\u202eexe"}, {"sample"}),
        ({"run_type": "x" * 61, "sample": 4}, {"run_type", "sample"}),
    ],
    ids=_stable,
)
def test_every_wrong_field_is_named_at_once(site, changes, fields):
    event_id = f"field-{zlib.crc32(str(changes).encode())}"
    answer = site.post("run-opened", {**opened(51), **changes}, event_id)
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == fields
    assert site.inbox(event_id)[0][0] == "refused"


@pytest.mark.parametrize(
    ("files", "fields"),
    [
        ("all", {"files"}),
        ([1], {"files[0]"}),
        ([{"filename": "../x.h5"}], {"files[0].filename"}),
        ([{"filename": "a.h5", "checksum": "xyz"}], {"files[0].checksum"}),
        ([{"filename": "a.h5", "size": -1}, {}], {"files[0].size", "files[1]"}),
        (
            [{"filename": "a.h5", "checksum": "no", "size": True, "relative_path": "/etc/x"}],
            {"files[0].checksum", "files[0].size", "files[0].relative_path"},
        ),
    ],
    ids=_stable,
)
def test_every_wrong_claim_about_a_file_is_named(site, files, fields):
    event_id = f"files-{zlib.crc32(str(files).encode())}"
    answer = site.post("run-closed", closed(52, files=files), event_id)
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == fields


def test_words_of_every_script_are_taken(site):
    words = "Lysozym \u00e4\u00f6\u00fc \u7d50\u6676 \U0001f52c, a backslash: \\u0000"
    answer = site.post("run-opened", opened(53, sample=words), "body-words")
    assert answer.json()["state"] == "applied"
    assert site.one("SELECT count(*) FROM samples WHERE name = :n", n=words) == 1


def test_unknown_keys_are_kept_but_not_read(site):
    body = opened(54, shutter={"open": [1, 2.5, None]}, operator="p\u00e4ter")
    assert site.post("run-opened", body, "body-more").json()["state"] == "applied"
    kept = site.inbox("body-more")[0][3]
    assert (json.loads(kept) if isinstance(kept, str) else kept) == body


@pytest.mark.parametrize("size", [LIMIT + 1, 15 * LIMIT, 40 * LIMIT])
def test_a_body_over_the_limit_is_refused(site, size):
    try:
        answer = site.post("run-opened", b" " * size, f"big-{size}")
    except httpx.WriteError:  # cut off far beyond the limit
        assert size > 16 * LIMIT
    else:
        assert answer.status_code == 413
        assert str(LIMIT) in answer.json()["message"]
    assert not site.inbox(f"big-{size}")


def test_a_body_in_pieces_counts_too(site):
    content = b" " * (LIMIT + 10)
    headers = signing.sign(
        "spb-daq", KEYS["k1"], "chunks", content, datetime.now(UTC), kind="run-opened"
    )
    pieces = (content[i : i + 1000] for i in range(0, len(content), 1000))
    url = f"{site.url}/hooks/daq/run-opened"
    answer = httpx.post(url, content=pieces, headers=headers)
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 413


def test_a_body_in_pieces_below_the_limit_is_taken(site):
    content = json.dumps(opened(55)).encode()
    headers = signing.sign(
        "spb-daq", KEYS["k1"], "chunks-ok", content, datetime.now(UTC), kind="run-opened"
    )
    pieces = (content[i : i + 10] for i in range(0, len(content), 10))
    answer = httpx.post(f"{site.url}/hooks/daq/run-opened", content=pieces, headers=headers)
    assert answer.json()["state"] == "applied"


def raw(site, head, body=b""):
    """Say something over a bare socket and read the answer."""
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(head + b"\r\n\r\n" + body)
        return line.recv(65536)


@pytest.mark.parametrize("length", [b"abc", b"-5", b"1_000", b"1e3", b"\xb2"])
def test_a_content_length_that_is_no_number_is_refused(site, length):
    head = b"POST /hooks/daq/run-opened HTTP/1.1\r\nHost: x\r\nX-Beamkeeper-Event-ID: l\r\n"
    assert raw(site, head + b"Content-Length: " + length, b"x").startswith(b"HTTP/1.1 400")


def test_a_body_that_never_ends_does_not_hold_the_gateway(site):
    head = b"POST /hooks/daq/run-opened HTTP/1.1\r\nHost: x\r\nX-Beamkeeper-Event-ID: l\r\n"
    assert raw(site, head + b"Content-Length: 100", b"{").startswith(b"HTTP/1.1 408")
    assert site.post("run-opened", opened(56), "after-slow").status_code == 202


def test_a_sender_that_hangs_up_does_no_harm(site):
    content = json.dumps(opened(57)).encode()
    headers = signing.sign(
        "spb-daq", KEYS["k1"], "hangs-up", content, datetime.now(UTC), kind="run-opened"
    )
    lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    head = f"POST /hooks/daq/run-opened HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
    host, port = site.url.removeprefix("http://").split(":")
    for cut in (10, len(content)):
        line = socket.create_connection((host, int(port)))
        line.sendall((head + lines + "\r\n").encode() + content[:cut])
        line.close()
    assert site.post("run-opened", opened(58), "after-hang-up").status_code == 202
    assert site.post("run-opened", opened(57), "o57").json()["state"] in {"applied", "ignored"}
    assert "Traceback" not in site.log.read_text()
    assert site.one("SELECT count(*) FROM runs WHERE run_number = 57") == 1
