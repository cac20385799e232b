"""The two commands: what they run, what they install, how they refuse."""

import glob
import os
import shutil
import subprocess
import sys

import pytest

from tests.layout.tree import ROOT

BOOTSTRAP = ROOT / "tools/bootstrap.sh"
PACKAGES = [
    line.split()
    for line in (ROOT / "tools/debian-packages.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def run(*command, cwd=ROOT, **env):
    # A make above this test would hand its own flags down.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def planned(*arguments):
    """What make would run, line by line."""
    done = run("make", "--no-print-directory", "-n", *arguments)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if not line.startswith("printf")]


@pytest.mark.parametrize(("needed", "pattern", "package"), PACKAGES)
def test_every_real_component_is_here(needed, pattern, package):
    assert glob.glob(pattern), f"apt-get install {package}"
    assert set(needed.split(",")) <= {"serve", "demo", "test", "bench"}


def test_the_test_command_runs_every_check_in_order():
    wanted = [
        "tools/bootstrap.sh test",
        ".venv/bin/ruff check .",
        ".venv/bin/ruff format --check .",
        ".venv/bin/mypy",
        ".venv/bin/lint-imports",
        ".venv/bin/beamkeeper docs --check",
        ".venv/bin/pytest",
    ]
    lines = iter(planned("test"))
    assert all(any(line.startswith(want) for line in lines) for want in wanted)


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["demo"], ".venv/bin/beamkeeper demo"),
        (["demo", "KEEP=0"], ".venv/bin/beamkeeper demo"),
        (["demo", "KEEP=1"], ".venv/bin/beamkeeper demo --keep"),
        (["serve"], "exec .venv/bin/beamkeeper serve"),
        (["docs"], ".venv/bin/beamkeeper docs"),
    ],
)
def test_commands_call_the_program(arguments, last):
    assert planned(*arguments)[-1].rstrip() == last


def test_make_alone_lists_what_there_is():
    done = run("make")
    assert {"make demo", "make test", "make serve"} <= {
        " ".join(line.split()[:2]) for line in done.stdout.splitlines()
    }


def test_a_failing_check_fails_the_command(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("bin", "tools"):
        (tmp_path / name).mkdir()
    (tmp_path / "tools/bootstrap.sh").write_text("#!/bin/sh\n")
    (tmp_path / "tools/bootstrap.sh").chmod(0o755)
    for name in ("ruff", "mypy", "lint-imports", "beamkeeper", "pytest"):
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\necho {name} ran\ntest {name} != mypy\n")
        tool.chmod(0o755)
    done = run("make", "lint", f"BIN={tmp_path}/bin", cwd=tmp_path)
    assert done.returncode != 0
    assert "mypy ran" in done.stdout
    assert "lint-imports ran" not in done.stdout


def test_ci_runs_the_test_command_and_nothing_else():
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    commands = script.read_text().splitlines()[1:]
    assert commands == ['cd "$(dirname "${BASH_SOURCE[0]}")/.." && exec make test']


def test_an_unknown_purpose_is_refused():
    done = run(BOOTSTRAP, "nonsense")
    assert done.returncode == 1
    assert "serve, demo, test, bench, dev" in done.stderr


@pytest.fixture
def bare(tmp_path):
    """A checkout that needs a Debian package which is not here, as a user without sudo sees it."""
    (tmp_path / "tools").mkdir()
    shutil.copy(BOOTSTRAP, tmp_path / "tools")
    missing = "test /nowhere/at/all beamkeeper-has-no-such-package\n"
    (tmp_path / "tools/debian-packages.txt").write_text(missing)
    (tmp_path / "bin").mkdir()
    for name in ("id", "sudo", "apt-get"):
        tool = tmp_path / "bin" / name
        answer = {"id": "echo 1000", "sudo": "exit 1", "apt-get": "touch called; exit 1"}[name]
        tool.write_text(f"#!/bin/sh\n{answer}\n")
        tool.chmod(0o755)
    return tmp_path


def test_without_rights_the_exact_command_is_named(bare):
    path = f"{bare / 'bin'}:{os.environ['PATH']}"
    done = run("setsid", bare / "tools/bootstrap.sh", "test", cwd=bare, PATH=path)
    assert done.returncode == 1
    assert (
        "apt-get update && apt-get install -y --no-install-recommends "
        "beamkeeper-has-no-such-package" in done.stderr
    )
    assert not (bare / "called").exists()
    assert not (bare / ".venv").exists()


def test_a_group_of_tests_stays_on_one_worker(tmp_path):
    """Versions of pytest and its plugin exist that ignore groups without a word."""
    (tmp_path / "test_many.py").write_text(
        "import pathlib, pytest\n"
        "@pytest.mark.xdist_group('one')\n"
        "@pytest.mark.parametrize('n', range(12))\n"
        "def test_it(n, worker_id):\n"
        "    (pathlib.Path(__file__).parent / f'{worker_id}-{n}').touch()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"]
    done = run(*command, "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert len({p.name.partition("-")[0] for p in tmp_path.glob("gw*-*")}) == 1
