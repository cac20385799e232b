"""The real components start, answer, go away, and never outlive us."""

import multiprocessing
import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from email.message import EmailMessage
from pathlib import Path

import psycopg2
import pytest

from deployments.components import ports, processes
from deployments.components.mail import mail_sink
from deployments.components.postgres import postgres
from deployments.components.scratch import scratch
from policies.errors import Misconfigured, Unavailable

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(600)"
)


def start(code: str, log: Path) -> processes.Child:
    child = processes.start([sys.executable, "-c", code], log=log)
    child.wait_ready(lambda: "up" in child.tail())
    return child


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        # Nobody may reap an orphan in a container: a zombie is gone.
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_missing_program_names_its_package():
    with pytest.raises(Misconfigured, match=r"apt-get install .* some-package") as told:
        processes.require("no-such-program", "some-package")
    assert told.value.context == {"program": "no-such-program", "package": "some-package"}


def test_child_has_its_own_group_and_stops(tmp_path):
    child = start(SLEEPER, tmp_path / "log")
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    assert child.running()
    child.stop()
    assert not child.running()
    assert gone(child.pid)


def test_stubborn_child_is_killed(tmp_path):
    child = start(STUBBORN, tmp_path / "log")
    child.stop(grace_s=0.2)
    assert gone(child.pid)


def test_paused_child_can_be_stopped(tmp_path):
    child = start(SLEEPER, tmp_path / "log")
    child.pause()
    assert child.running()
    child.stop()
    assert gone(child.pid)


@pytest.mark.parametrize("order", ["stop", "resume late", "ask first"])
def test_grandchildren_go_with_the_group(tmp_path, order):
    code = (
        "import subprocess, sys;"
        f"c = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]);"
        "print(c.pid, flush=True); c.wait()"
    )
    child = processes.start([sys.executable, "-c", code], log=tmp_path / "log")
    child.wait_ready(lambda: len(child.tail().split()) == 2)
    grandchild = next(int(word) for word in child.tail().split() if word.isdigit())
    if order != "stop":
        os.kill(child.pid, signal.SIGTERM)
        assert gone(child.pid)
    if order == "resume late":
        child.resume()
    if order == "ask first":
        assert not child.running()
    child.stop()
    assert gone(grandchild)


def test_child_that_ends_at_once_shows_its_log(tmp_path):
    child = processes.start(
        [sys.executable, "-c", "raise SystemExit('no disk')"], log=tmp_path / "l"
    )
    with pytest.raises(Unavailable, match=r"ended at once(.|\n)*no disk"):
        child.wait_ready(lambda: False)


def test_silent_child_is_killed(tmp_path):
    child = processes.start([sys.executable, "-c", SLEEPER], log=tmp_path / "l")
    with pytest.raises(Unavailable, match="does not answer"):
        child.wait_ready(lambda: False, within_s=0.1)
    assert gone(child.pid)


def test_child_survives_the_thread_that_started_it(tmp_path):
    children: list[processes.Child] = []
    thread = threading.Thread(target=lambda: children.append(start(SLEEPER, tmp_path / "log")))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert children[0].running()
    children[0].stop()


@pytest.mark.parametrize("end", ["crash", "exit", "killed"])
def test_child_does_not_outlive_us(tmp_path, end):
    code = f"""
import sys, time
from pathlib import Path
from deployments.components import processes
child = processes.start([sys.executable, "-c", {SLEEPER!r}], log=Path({str(tmp_path / "log")!r}))
child.wait_ready(lambda: "up" in child.tail())
print(child.pid, flush=True)
if {end!r} == "crash": raise ZeroDivisionError
if {end!r} == "killed": time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if end == "killed":
            assert not gone(pid, within_s=0.1)
            parent.send_signal(signal.SIGKILL)
        assert gone(pid)


@pytest.mark.parametrize("in_memory", [False, True])
def test_scratch_folder_goes_with_the_block(in_memory):
    with scratch("trial", in_memory=in_memory) as folder:
        (folder / "file").write_text("x")
        with scratch("trial", in_memory=in_memory) as other:
            assert other != folder
            assert other.parent == folder.parent
            assert folder.exists(), "a sweep leaves what is in use"
    assert not folder.exists()


def test_scratch_folder_of_a_killed_run_is_swept():
    code = """
import time
from deployments.components.scratch import scratch
with scratch("trial") as folder:
    print(folder, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as run:
        left = Path(run.stdout.readline().decode().strip())
        with scratch("trial"):
            assert left.exists()
        run.kill()
    assert left.exists()
    with scratch("trial"):
        assert not left.exists()


def test_ports_are_below_the_ephemeral_range_and_distinct():
    taken = [ports.reserve() for _ in range(30)]
    numbers = {port.number for port in taken}
    assert len(numbers) == 30
    assert max(numbers) < 32768
    for port in taken:
        port.release()


def _take(number: int, answer) -> None:
    answer.put(ports.reserve(number).number)


def test_another_process_does_not_get_our_port():
    ours = ports.reserve()
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    other = context.Process(target=_take, args=(ours.number, answer))
    other.start()
    assert answer.get(timeout=30) != ours.number
    other.join()
    ours.release()
    again = ports.reserve(ours.number)
    assert again.number == ours.number
    again.release()


def test_a_port_somebody_listens_on_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        pass
    port = ports.reserve()
    port.release()
    with socket.create_server(("127.0.0.1", port.number)) as server:
        assert server.getsockname()[1] == port.number
        other = ports.reserve(port.number)
        assert other.number != port.number
        other.release()


@pytest.mark.parametrize("number", [0, -1, 32768, 70000])
def test_ephemeral_ports_are_refused(number):
    with pytest.raises(Misconfigured, match="32767"):
        ports.reserve(number)


def rows(url: str, statement: str) -> list[tuple]:
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_postgres_database_is_fresh_and_empty(postgres_server, postgres_url):
    assert postgres_url.startswith("postgresql+psycopg2://")
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert rows(postgres_url, tables) == [(0,)]
    with postgres_server.database() as other:
        assert other != postgres_url


def test_postgres_listens_on_loopback_only(postgres_url):
    assert rows(postgres_url, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert rows(postgres_url, "SHOW unix_socket_directories") == [("",)]


def test_postgres_copies_a_template_and_drops_in_spite_of_clients(postgres_server):
    postgres_server.make_template("tmpl", lambda url: rows(url, "CREATE TABLE t AS SELECT 7 AS n"))
    with postgres_server.database("tmpl") as url:
        assert rows(url, "SELECT n FROM t") == [(7,)]
        rows(url, "DELETE FROM t")
        client = psycopg2.connect(url.replace("+psycopg2", ""))
    client.close()
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        rows(url, "SELECT 1")
    with postgres_server.database("tmpl") as url:
        assert rows(url, "SELECT n FROM t") == [(7,)]


def test_postgres_keeps_its_folder_through_a_crash():
    # tmp_path belongs to root alone; the server's account must be able to enter.
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="beamkeeper-kept-"))
    try:
        with postgres(folder=folder, durable=True) as server:
            url = server.create("kept")
            rows(url, "CREATE TABLE t AS SELECT 7 AS n")
            server.child.kill()
            server.start()
            assert rows(url, "SELECT n FROM t") == [(7,)]
        with postgres(folder=folder, durable=True) as server:
            assert rows(server.url("kept"), "SELECT n FROM t") == [(7,)]
            assert rows(server.url("kept"), "SHOW fsync") == [("on",)]
    finally:
        shutil.rmtree(folder)


def test_slapd_keeps_port_and_data_over_a_restart(slapd_server):
    url = slapd_server.url
    slapd_server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    slapd_server.start()
    assert slapd_server.url == url
    with slapd_server.admin() as connection:
        connection.search("ou=people,dc=example,dc=org", "(uid=alice)")
        assert len(connection.response) == 1


def send(sink, to, text):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", to, text
    message.set_content(f"Text: {text} – ü")
    with smtplib.SMTP(sink.host, sink.port, timeout=10) as client:
        return client.send_message(message)


def test_mail_sink_keeps_what_it_is_sent():
    with mail_sink() as sink:
        send(sink, "b@example.org, c@example.org", "first")
        send(sink, "b@example.org", "second")
        first, second = sink.letters
        assert first.recipients == ("b@example.org", "c@example.org")
        assert first.sender == "a@example.org"
        assert (first.subject, second.subject) == ("first", "second")
        assert first.text.strip() == "Text: first – ü"
    with pytest.raises(ConnectionRefusedError):
        send(sink, "b@example.org", "late")


def test_mail_sink_refuses_who_it_is_told_to():
    with mail_sink(unknown=["nobody@example.org"]) as sink:
        refused = send(sink, "b@example.org, nobody@example.org", "half")
        assert set(refused) == {"nobody@example.org"}
        assert sink.letters[0].recipients == ("b@example.org",)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(sink, "nobody@example.org", "none")
        assert len(sink.letters) == 1
