"""The import contracts of `.importlinter` bite: each is broken on purpose in a copy of the tree."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.layout.tree import FOLDERS, ROOT

CONTRACTS = ROOT / ".importlinter"
EMPTY = (
    *FOLDERS,
    "catalog.engine",
    "tasks.directory",
    "tasks.records",
    "tasks.rawfiles",
    "deployments.gateway",
    "deployments.relay",
)
ALLOWED = {
    "tasks.records.runs": "import catalog.engine\nimport prefect",
    "deployments.demo": "import flows\nimport prefect\nimport catalog.engine",
    "api.pages": "from catalog.engine import Session",
    "flows.one": "import tasks.records\nimport tasks.directory\nimport prefect",
    "catalog.queries": "import sqlmodel\nimport policies",
}
VIOLATIONS = [
    ("policies.rule", "import os", "Policies do no I/O"),
    ("policies.rule", "from time import time", "Policies do no I/O"),
    ("policies.rule", "import settings", "leans only on the ones below"),
    ("catalog.rows", "import prefect", "never loads Prefect"),
    ("catalog.rows", "import settings", "leans only on the ones below"),
    ("settings.site", "import catalog", "leans only on the ones below"),
    ("tasks.directory.groups", "import tasks.rawfiles", "Adapters do not know each other"),
    ("tasks.directory.groups", "import catalog.engine", "Only the records task"),
    ("tasks.records.runs", "import sqlalchemy", "Only the catalog speaks SQL"),
    ("tasks.records.runs", "import flows", "leans only on the ones below"),
    ("flows.one", "import catalog.engine", "Only the records task"),
    ("flows.one", "import sqlmodel", "Only the catalog speaks SQL"),
    ("flows.one", "import api", "leans only on the ones below"),
    ("api.pages", "import flows", "leans only on the ones below"),
    ("api.pages", "import tasks.directory", "never loads Prefect"),
    ("deployments.gateway.app", "import prefect", "never loads Prefect"),
    ("deployments.relay.loop", "import deployments.other", "never loads Prefect"),
]


def plant(folder, module, text=""):
    """Write a module and the packages above it."""
    *above, last = module.split(".")
    place = folder
    for part in above:
        place = place / part
        place.mkdir(exist_ok=True)
        (place / "__init__.py").touch()
    as_package = module in EMPTY
    file = place / last / "__init__.py" if as_package else place / f"{last}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text + "\n")


def lint(folder):
    """Run the contracts over a folder."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def skeleton(tmp_path):
    """A small tree in which every allowed direction is used."""
    (tmp_path / ".importlinter").write_text(CONTRACTS.read_text())
    for module in EMPTY:
        plant(tmp_path, module)
    for module, text in ALLOWED.items():
        plant(tmp_path, module, text)
    plant(tmp_path, "deployments.other", "import prefect")
    return tmp_path


def test_what_is_allowed_passes(skeleton):
    done = lint(skeleton)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(("module", "text", "contract"), VIOLATIONS)
def test_what_is_forbidden_is_found(skeleton, module, text, contract):
    plant(skeleton, module, text)
    done = lint(skeleton)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [line for line in done.stdout.splitlines() if line.rstrip().endswith("BROKEN")]
    assert any(contract in line for line in broken), done.stdout


def test_no_contract_has_an_exception():
    config = configparser.ConfigParser()
    config.read(CONTRACTS)
    excused = [name for name in config.sections() if config.has_option(name, "ignore_imports")]
    assert not excused


def test_every_folder_is_under_contract():
    config = configparser.ConfigParser()
    config.read(CONTRACTS)
    assert config["importlinter"]["root_packages"].split() == list(FOLDERS)
