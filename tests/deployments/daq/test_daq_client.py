"""The DAQ's client keeps what it was given until the gateway has it, and nothing twice."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deployments.components import ports
from deployments.daq.client import DaqClient
from policies.errors import Invalid, Unavailable
from policies.messages import MessageKind
from tests.catalog.story import closed, opened
from tests.deployments.gateway.site import KEYS, ROOT

pytestmark = pytest.mark.xdist_group("daq")

OPENED, UPDATED, CLOSED = MessageKind
KEY = KEYS["k1"]


@pytest.fixture
def make(tmp_path):
    made = []

    def client(url, spool=tmp_path / "spool", key=KEY, timeout=5.0):
        made.append(DaqClient(url, "spb-daq", key, spool, timeout))
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture
def nowhere():
    port = ports.reserve()
    yield f"http://127.0.0.1:{port.number}"
    port.release()


def test_a_message_reaches_the_catalog_and_leaves_the_spool(site, make):
    client = make(site.url)
    receipt = client.send(OPENED, opened(1), "daq-o1")
    assert receipt.accepted
    assert receipt.answer == {"event_id": "daq-o1", "state": "applied"}
    assert not client.waiting()


def test_it_spools_while_the_gateway_is_down_and_sends_in_order_afterwards(site, make, nowhere):
    down = make(nowhere)
    for run in range(10, 14):
        assert not down.send(OPENED, opened(run), f"down-o{run}").delivered
        assert not down.send(CLOSED, closed(run), f"down-c{run}").delivered
    assert len(down.waiting()) == 8
    receipts = make(site.url).flush()
    wanted = [f"down-{what}{run}" for run in range(10, 14) for what in "oc"]
    assert [r.event_id for r in receipts] == wanted
    assert [r.answer["state"] for r in receipts] == ["applied"] * 8
    assert site.one("SELECT count(*) FROM runs WHERE run_number BETWEEN 10 AND 13") == 4
    assert not down.waiting()


def test_order_does_not_hang_on_the_clock(make, nowhere):
    client = make(nowhere)
    names = []
    for index in range(12):
        path = client.spool(OPENED, opened(index), f"n{index}")
        os.utime(path, (1_000_000 - index, 1_000_000 - index))
        names.append(path)
    assert client.waiting() == names


KILLED = """
import os, signal, sys
from pathlib import Path
from deployments.daq import client as c
from deployments.daq.spool import Spool
from policies.messages import MessageKind
from policies.signing import SigningKey
import json
Spool.done = lambda self, path: os.kill(os.getpid(), signal.SIGKILL)
key = SigningKey("k1", sys.argv[2].encode())
client = c.DaqClient(sys.argv[1], "spb-daq", key, Path(sys.argv[3]))
client.send(MessageKind.RUN_OPENED, json.loads(sys.argv[4]), "killed-20")
"""


def test_killed_between_answer_and_forgetting_there_is_one_effect(site, make, tmp_path):
    """The only change to the program is that it dies at that very point."""
    body = json.dumps(opened(20))
    spool = tmp_path / "spool"
    argv = [sys.executable, "-c", KILLED, site.url, KEY.secret.decode(), str(spool), body]
    assert subprocess.run(argv, cwd=ROOT, check=False).returncode == -9
    assert site.one("SELECT count(*) FROM runs WHERE run_number = 20") == 1
    client = make(site.url)
    assert len(client.waiting()) == 1
    [receipt] = client.flush()
    assert receipt.accepted
    assert site.one("SELECT count(*) FROM changes WHERE run = 20") == 1
    assert not client.waiting()


def test_two_processes_with_one_spool_send_everything_once(site, make, tmp_path):
    spool = tmp_path / "spool"
    environment = {**os.environ, "BEAMKEEPER_DAQ_SECRET": KEY.secret.decode()}
    script = (
        "import sys, json, os\nfrom pathlib import Path\n"
        "from deployments.daq.client import DaqClient\n"
        "from policies.messages import MessageKind\nfrom policies.signing import SigningKey\n"
        "key = SigningKey('k1', os.environ['BEAMKEEPER_DAQ_SECRET'].encode())\n"
        "client = DaqClient(sys.argv[1], 'spb-daq', key, Path(sys.argv[2]))\n"
        "for body in json.load(sys.stdin):\n"
        "    client.send(MessageKind.RUN_OPENED, body, f\"two-{body['run']}\")\n"
    )
    argv = [sys.executable, "-c", script, site.url, str(spool)]
    children = []
    for first in (100, 115):
        child = subprocess.Popen(argv, cwd=ROOT, env=environment, stdin=subprocess.PIPE)
        text = json.dumps([opened(run) for run in range(first, first + 15)])
        assert child.stdin is not None
        child.stdin.write(text.encode())
        child.stdin.close()
        children.append(child)
    assert [child.wait(60) for child in children] == [0, 0]
    assert not make(site.url).waiting()
    assert site.one("SELECT count(*) FROM runs WHERE run_number BETWEEN 100 AND 129") == 30
    assert site.one("SELECT count(*) FROM inbox WHERE event_id LIKE 'two-%'") == 30


def aside(client):
    folder = client._spool.refused
    return sorted(p.name.split(".")[-1] for p in folder.iterdir()) if folder.exists() else []


def test_refused_messages_are_put_aside_with_the_answer_and_do_not_block(site, make):
    client = make(site.url)
    assert client.send(OPENED, opened(29), "used-29").accepted
    client.spool(OPENED, {"proposal": 2012, "run": "x"}, "bad-422")
    client.spool(CLOSED, closed(30), "held-30")
    client.spool(OPENED, opened(30), "used-29")  # used before with another body
    client.spool(OPENED, {**opened(31), "description": "x" * 300_000}, "bad-413")
    client.spool(OPENED, opened(31), "good-31")
    receipts = client.flush()
    assert [r.status for r in receipts] == [422, 202, 409, 413, 202]
    assert not client.waiting()
    assert aside(client) == ["answer"] * 3 + ["json"] * 3
    answers = [json.loads(p.read_text()) for p in client._spool.refused.glob("*.answer")]
    assert sorted(a["status"] for a in answers) == [409, 413, 422]
    assert any("run" in a.get("fields", {}) for a in answers)


def test_a_wrong_key_makes_everything_wait(site, make):
    wrong = make(site.url, key=KEYS["forged"])
    receipt = wrong.send(OPENED, opened(40), "wrong-key")
    assert (receipt.delivered, receipt.status) == (False, 401)
    assert len(wrong.waiting()) == 1
    assert make(site.url).flush()[0].accepted


@pytest.mark.parametrize(
    "status", [200, 204, 301, 302, 401, 403, 404, 405, 408, 429, 500, 502, 503]
)
def test_only_the_gateway_can_take_a_message(scripted, make, status):
    """A login page, a redirect or a wrong address must not make a message disappear."""
    scripted.script = [(status, "" if status == 204 else "<html>")]
    client = make(scripted.url)
    assert not client.send(OPENED, opened(1), "one").delivered
    assert len(client.waiting()) == 1
    assert client.send(OPENED, opened(2), "two").accepted
    assert scripted.seen == ["one", "one", "two"]
    assert not client.waiting()


@pytest.mark.parametrize("content", ["", "<html>", "[]", {"event_id": "other"}, {}])
def test_a_202_that_does_not_name_the_message_is_no_receipt(scripted, make, content):
    scripted.script = [(202, content)]
    client = make(scripted.url)
    assert not client.send(OPENED, opened(1), "one").delivered
    assert len(client.waiting()) == 1


def test_a_lost_answer_is_asked_for_again(scripted, make):
    scripted.script = [None, None]
    client = make(scripted.url)
    assert client.send(OPENED, opened(1), "one").status == 0
    assert client.flush()[0].status == 0
    assert client.flush()[0].accepted
    assert scripted.seen == ["one"] * 3


def test_a_message_that_must_wait_keeps_those_behind_it(scripted, make):
    scripted.script = [(503, {})]
    client = make(scripted.url)
    for name in ("one", "two", "three"):
        client.spool(OPENED, opened(1), name)
    assert len(client.flush()) == 1
    assert [r.event_id for r in client.flush()] == ["one", "two", "three"]
    assert scripted.seen == ["one", "one", "two", "three"]


def test_a_damaged_file_goes_aside(scripted, make):
    client = make(scripted.url)
    for index, damage in enumerate([b"", b"{", b"[]", b'{"kind": "nonsense"}', b"\xff"]):
        client.spool(OPENED, opened(1), f"d{index}").write_bytes(damage)
    client.spool(OPENED, opened(1), "whole")
    assert [r.event_id for r in client.flush()] == ["whole"]
    assert not client.waiting()
    assert aside(client).count("json") == 5


@pytest.mark.parametrize("name", ["with space", "caf\u00e9", "x" * 129, "a\nb", "\x00"])
def test_a_name_that_cannot_travel_is_refused_at_once(make, nowhere, name):
    client = make(nowhere)
    with pytest.raises(Invalid):
        client.send(OPENED, opened(1), name)
    assert not client.waiting()


@pytest.mark.parametrize(
    "body", [{"x": float("nan")}, {"x": object()}, {"x": {1, 2}}], ids=["nan", "object", "set"]
)
def test_a_body_that_is_no_json_is_refused_at_once(make, nowhere, body):
    client = make(nowhere)
    with pytest.raises(Invalid):
        client.send(OPENED, body, "x")
    assert not client.waiting()


FULL = """
set -e
mkdir -p "$1" && mount -t tmpfs -o size=64k tmpfs "$1"
exec "$2" -c '
import sys
from pathlib import Path
from deployments.daq.client import DaqClient
from policies.errors import Unavailable
from policies.messages import MessageKind
from policies.signing import SigningKey
spool = Path(sys.argv[1])
client = DaqClient("http://127.0.0.1:1", "daq", SigningKey("k", b"s" * 16), spool)
kept = 0
try:
    for index in range(100):
        client.send(MessageKind.RUN_UPDATED, {"description": "x" * 6000}, f"m{index}")
        kept += 1
except Unavailable as error:
    print(error.message)
print(kept, len(client.waiting()), len(list(spool.glob("*.part"))))
client.waiting()[0].unlink()
client.waiting()[0].unlink()
client.spool(MessageKind.RUN_UPDATED, {"description": "x" * 6000}, "again")
print(len(client.waiting()))
' "$1"
"""


def test_a_full_disk_says_so_and_keeps_what_was_kept(tmp_path):
    """On a real file system of 64 KiB, in a mount namespace of its own."""
    argv = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    argv += ["sh", "-c", FULL, "sh", str(tmp_path / "small"), sys.executable]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    message, counts, after = done.stdout.splitlines()
    assert "cannot keep the message: No space left on device" in message
    kept, waiting, parts = map(int, counts.split())
    assert kept == waiting > 1
    assert parts == 0
    assert int(after) == kept - 1


def test_a_spool_that_cannot_be_made_says_so(tmp_path, nowhere):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be made"):
        DaqClient(nowhere, "daq", KEY, tmp_path / "file" / "spool")


def test_what_a_killed_writer_left_is_swept(make, nowhere):
    client = make(nowhere)
    left = client._spool.folder / "000000000001-dead.part"
    left.write_text("{")
    client.spool(OPENED, opened(1), "x")
    assert not left.exists()


def test_it_keeps_flushing_by_itself(site, make, nowhere):
    make(nowhere).spool(OPENED, opened(50), "later-50")
    client, stop = make(site.url), threading.Event()
    thread = threading.Thread(target=client.keep_flushing, args=(stop, 0.05))
    thread.start()
    try:
        for _ in range(200):
            if not client.waiting():
                break
            stop.wait(0.05)
    finally:
        stop.set()
        thread.join()
    assert site.one("SELECT count(*) FROM runs WHERE run_number = 50") == 1


def test_the_program_sends_and_flushes(site, nowhere, tmp_path):
    def run(url, *verb, text=""):
        argv = [sys.executable, "-m", "deployments.daq", "--url", url, "--sender", "spb-daq"]
        argv += ["--key", "k1", "--spool", str(tmp_path / "spool"), *verb]
        environment = {**os.environ, "BEAMKEEPER_DAQ_SECRET": KEY.secret.decode()}
        return subprocess.run(
            argv, cwd=ROOT, env=environment, input=text, capture_output=True, text=True, check=False
        )

    body = json.dumps(opened(60))
    waits = run(nowhere, "send", "run-opened", "--event-id", "cli-60", text=body)
    assert (waits.returncode, json.loads(waits.stdout)) == (1, {"delivered": False})
    assert run(site.url, "flush").returncode == 0
    told = run(site.url, "send", "run-opened", "--event-id", "cli-60", text=body)
    assert json.loads(told.stdout)["state"] == "applied"
    assert KEY.secret.decode() not in told.stdout + told.stderr + waits.stderr
    assert Path(tmp_path / "spool").is_dir()
