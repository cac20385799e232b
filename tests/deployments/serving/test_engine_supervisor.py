"""The supervisor: up, a dead child comes back, kill -9 and start again, stop leaves nothing."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from deployments.serving.children import Command, refuse_second
from deployments.serving.processes import MARK, end_marked, marked, spawn, started_at
from deployments.serving.server import api_of
from policies.errors import Conflict
from settings.engine import EngineSettings, Pool, PoolKind
from tests.deployments.serving.conftest import (
    ROOT,
    SAMPLE,
    clean_environment,
    wait_for,
    words,
)

pytestmark = pytest.mark.xdist_group("serving")

LAUNCH = """
import sys
from pathlib import Path
from deployments.serving.supervisor import Supervisor
from deployments.serving.children import Command
from settings.engine import EngineSettings
settings = EngineSettings.model_validate_json(sys.argv[1])
ticker = Command("ticker", [sys.executable, "-c", "import time; time.sleep(1000)"])
Supervisor(settings, Path(sys.argv[2]), manifest=Path(sys.argv[3]), extra=[ticker],
           on_event=lambda text: print(text, flush=True)).run()
"""


@pytest.fixture
def site(tmp_path):
    """A folder of its own; whatever happens, nothing of it stays alive."""
    yield tmp_path
    end_marked(str(tmp_path / "supervisor.json"), 1.0)


def begin(site, settings):
    log = site / "supervisor.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-c", LAUNCH, settings.model_dump_json(), str(site), str(SAMPLE)]
    process = spawn(command, clean_environment(), log, str(site / "launcher"))
    wait_for(
        lambda: "up: " in log.read_text() or process.poll() is not None, 90, "does not come up"
    )
    assert "up: " in log.read_text(), log.read_text()
    return process, log


def state_of(site):
    return json.loads((site / "supervisor.json").read_text())


def test_kill_and_start_again(site):
    pools = (
        Pool(name="facility", kind=PoolKind.PROCESS, limit=2, workers=0),
        Pool(name="online", kind=PoolKind.PROCESS, limit=2),
    )
    settings = EngineSettings(
        home=site / "prefect", port=0, pools=pools, query_seconds=0.3, drain_seconds=60
    ).on_free_port()
    first, _ = begin(site, settings)
    before = state_of(site)
    assert set(before["children"]) == {"prefect-server", "ticker", "worker-online-1"}
    assert before["ui_url"] == settings.ui_url
    assert settings.auth_string().get_secret_value() not in (site / "supervisor.json").read_text()

    # A child that dies comes back under another pid.
    os.kill(before["children"]["ticker"]["pid"], signal.SIGKILL)
    wait_for(lambda: state_of(site)["children"]["ticker"]["restarts"] == 1, 10, "ticker stays dead")
    assert state_of(site)["children"]["ticker"]["pid"] != before["children"]["ticker"]["pid"]

    # A flow is running when the supervisor is killed without a chance to say goodbye.
    with api_of(settings) as api:
        slow = api.get("deployments/name/sample-slow/sample-slow")["id"]
        body = {"parameters": {"folder": str(site), "seconds": 90}, "state": {"type": "SCHEDULED"}}
        run = api.post(f"deployments/{slow}/create_flow_run", body)["id"]
        wait_for(lambda: words(site) == ["begin"], 30, "flow did not begin")
    first.kill()
    first.wait()
    wait_for(
        lambda: all(
            started_at(child["pid"]) != child["started"] for child in before["children"].values()
        ),
        5,
        "children outlive a killed supervisor",
    )

    second, log = begin(site, settings)
    with api_of(settings) as api:
        state = api.get(f"flow_runs/{run}")["state"]
        assert state["type"] == "CRASHED"
        assert "end" not in words(site)
        assert api.get(f"deployments/{slow}")["id"] == slow
        # And it works: a run that is under way may end while the system is stopped politely.
        (site / "trace").unlink()
        body["parameters"]["seconds"] = 2
        last = api.post(f"deployments/{slow}/create_flow_run", body)["id"]
        wait_for(lambda: words(site) == ["begin"], 30, "flow did not begin")
    second.terminate()
    assert second.wait(90) == 0
    assert words(site) == ["begin", "cleanup", "end"]
    assert last != run
    assert log.read_text().splitlines()[-1] == "stopped"
    assert marked(str(site / "supervisor.json")) == []
    assert not (site / "supervisor.json").exists()


def test_second_supervisor_of_one_folder_is_refused(tmp_path):
    state_file = tmp_path / "supervisor.json"
    parent = os.getppid()
    state_file.write_text(json.dumps({"pid": parent, "started": started_at(parent)}))
    with pytest.raises(Conflict, match=f"pid {parent}"):
        refuse_second(state_file)
    # The pid of a dead supervisor may belong to somebody else by now.
    state_file.write_text(json.dumps({"pid": parent, "started": 1}))
    refuse_second(state_file)


def test_secrets_are_not_on_command_lines(tmp_path):
    from deployments.serving.supervisor import Supervisor

    settings = EngineSettings(home=tmp_path, port=0)
    supervisor = Supervisor(settings, tmp_path, environment={})
    password = settings.auth_string().get_secret_value()
    commands = supervisor.worker_commands()
    assert [command.name for command in commands] == [
        "worker-facility-1",
        "worker-offline-1",
        "worker-online-1",
    ] or len(commands) == 3
    assert not any(password in " ".join(command.command) for command in commands)


def test_marked_processes_are_found_and_ended(tmp_path):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)"
    mark = str(tmp_path / "mark")
    child = spawn([sys.executable, "-c", code], {"PATH": os.environ["PATH"]}, tmp_path / "l", mark)
    wait_for(lambda: child.pid in marked(mark), 5, "not found")
    environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    assert f"{MARK}={mark}".encode() in environment
    wait_for(lambda: b"sleep" in Path(f"/proc/{child.pid}/cmdline").read_bytes(), 5, "no start")
    assert end_marked(mark, 0.3) == 1
    assert child.wait(5) in {-signal.SIGKILL, -signal.SIGTERM}
    assert Command("x", ["true"]).restart is True
    assert ROOT.is_dir()
