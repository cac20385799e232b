"""Every service file names programs, options and files that exist."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import typer

from deployments.cli import app
from deployments.serving import worker
from settings.engine import POOLS, PoolKind
from tests.deployments.units.unit import ROOT, UNITS, Machine, environment_file, sections

SERVICES = sorted(UNITS.glob("*.service"))
INSTANCES = {
    "beamkeeper-worker@": [f"beamkeeper-worker@{pool.name}" for pool in POOLS],
    "beamkeeper-gateway@": ["beamkeeper-gateway@8801"],
}
NAMES = [name for s in SERVICES for name in INSTANCES.get(s.stem, [s.stem])]


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    shutil.copy(UNITS / "beamkeeper.env.example", made.etc / "beamkeeper.env")
    shutil.copy(UNITS / "beamkeeper-engine.env.example", made.etc / "engine.env")
    return made


def take(arguments):
    """Let typer read a command line of ours without doing it."""
    command = typer.main.get_command(app)
    with command.make_context("beamkeeper", list(arguments)) as context:
        name, sub, rest = command.resolve_command(context, list(arguments))
        assert name is not None
        with sub.make_context(name, rest, parent=context) as inner:
            return name, inner.params


@pytest.mark.parametrize("name", NAMES)
def test_its_command_line_is_read_by_the_program(machine, name):
    program, *words = machine.command(name)
    assert Path(program).is_file()
    match Path(program).name, words:
        case "beamkeeper", _:
            verb, _ = take(words)
            assert verb in {"gateway", "relay", "deploy"}
        case "python", ["-m", "deployments.serving.worker", *rest]:
            asked = worker.parse(rest)
            assert asked.manifest == ROOT / "prefect.yaml"
            assert asked.manifest.is_file()
            assert f"beamkeeper-worker@{asked.pool}" == name
        case "prefect", ["server", "start"]:
            pass
        case _:
            pytest.fail(f"{name} starts {program} {words}")


def test_typer_would_have_said_no():
    with pytest.raises(Exception, match="No such option"):
        take(["relay", "--port", "1"])
    with pytest.raises(SystemExit):
        worker.parse(["--pool", "facility", "--kindd", "inprocess"])


@pytest.mark.parametrize("pool", POOLS, ids=lambda p: p.name)
def test_a_worker_runs_its_pool_as_the_settings_say(machine, pool, monkeypatch):
    monkeypatch.delenv("BEAMKEEPER_CONFIG", raising=False)
    asked = worker.parse(machine.command(f"beamkeeper-worker@{pool.name}")[3:])
    assert (asked.kind, asked.limit) == (pool.kind, pool.limit)
    assert (asked.kind is PoolKind.INPROCESS) == (pool.name == "facility")


@pytest.mark.parametrize("name", NAMES)
def test_every_file_it_reads_is_described(machine, name):
    unit = machine.unit(name)
    for file in unit["EnvironmentFile"]:
        assert environment_file(Path(file))
    assert unit["User"] == unit["Group"] == ["beamkeeper"]


def test_a_worker_is_given_longer_to_drain_than_it_takes(machine):
    page = (ROOT / "docs/how-to/deploy.md").read_text()
    (drain,) = re.findall(r"^  drain_seconds: (\d+)", page, flags=re.M)
    limit = int(machine.unit("beamkeeper-worker@online")["TimeoutStopSec"][0])
    assert limit >= int(drain) + 30


@pytest.mark.parametrize("file", SERVICES, ids=lambda f: f.name)
def test_the_service_manager_takes_it(tmp_path, file):
    copy = tmp_path / file.name.replace("@.", "@facility.")
    copy.write_text(Machine(tmp_path).here(file.read_text()))
    # Man pages and the account are not of this machine.
    command = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    said = [line for line in done.stderr.splitlines() if "beamkeeper" in line]
    assert said == []
    assert done.returncode == 0, done.stderr


FREEZE = """
import os
import sys
import tempfile
from pathlib import Path
from policies import access
from policies.access import Ids, Phase, Service
from policies.errors import Denied
from tasks.storage.ground import Ground
from tasks.storage.posix_storage import PosixStorage

store = PosixStorage(Ground("STORE", Path(sys.argv[1]), marker=""), writer=61001)
ids = Ids(700001, 700002, keeper=int(sys.argv[2]))
for phase in (Phase.ACTIVE, Phase.CLOSED, Phase.REVIEWED):
    plan = access.offline("MID", "202401", 900054, phase, ids)
    store.ensure_folders(plan)
    store.ensure_rights(plan)
    if phase is Phase.ACTIVE:
        theirs = store.path(plan.folders[-1].path) / "theirs"
        theirs.touch()
        os.chown(theirs, 61005, 700001)
ids = Ids(700001, 700002, {Service.DAQ: 61001}, int(sys.argv[2]))
online = access.online("MID", "202401", 900055, Phase.ACTIVE, ids)
store.ensure_folders(online)
store.ensure_access(online)
raw, proc = (f.path for f in online.folders if f.kind in {"raw", "proc"})
assert store.write_test(raw) > 0
try:
    store.write_test(proc)
except Denied:
    print("only where the DAQ may write")
"""


@pytest.fixture
def passable():
    """A folder that any account may pass."""
    with tempfile.TemporaryDirectory(prefix="beamkeeper-units-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_the_drop_in_gives_the_rights_that_folders_need_and_no_others(passable):
    """An ordinary account, owner of the folders, in none of the proposal's groups."""
    text = (UNITS / "beamkeeper-worker@offline.service.d.conf.example").read_text()
    service = sections(text)["Service"]
    (rights,), (bound,) = service["AmbientCapabilities"], service["CapabilityBoundingSet"]
    assert rights == bound
    words = [word.removeprefix("CAP_").lower() for word in rights.split()]

    def run(kept):
        uid, root = 61000, passable / "-".join(["root", *kept])
        root.mkdir()
        os.chown(root, uid, uid)
        given = ",".join(["-all", *(f"+{word}" for word in kept)])
        command = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
        command += ["--inh-caps", given, "--ambient-caps", given, "--bounding-set", given]
        command += [sys.executable, "-c", FREEZE, str(root), str(uid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        return done.returncode, done.stdout, done.stderr

    code, said, errors = run(words)
    assert (code, said) == (0, "only where the DAQ may write\n"), errors
    for word in words:
        if word != "dac_override":  # needed in trees that others made
            assert run([w for w in words if w != word])[0], f"CAP_{word} is not needed"


def test_all_parts_of_the_handbook_s_table_have_a_unit():
    page = (ROOT / "docs/how-to/deploy.md").read_text()
    named = set(re.findall(r"`(beamkeeper-[a-z]+@?)", page))
    assert {s.stem for s in SERVICES} <= named
    assert {n for n in named if not n.endswith("@")} <= {s.stem.rstrip("@") for s in SERVICES}
