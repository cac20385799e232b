"""Sizes, names, and folders that mean what they say."""

import ast
import importlib
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.layout.tree import FOLDERS, ROOT, modules, name

LINES = 300
FLOW_LINES = 120

# Where a flow's write gets its moment: for flows what the request is for the API.
EDGES = {"tasks/records/base.py"}

CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "clock.utc_now",
    "utc_now",
}


def limit_of(path: Path) -> int:
    """How many lines a module may have."""
    return FLOW_LINES if name(path).startswith("flows/") else LINES


def clock_reads(source: str) -> list[int]:
    """Lines of a source text that ask the wall clock."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        call.lineno for call in calls if ".".join(ast.unparse(call.func).split(".")[-2:]) in CLOCKS
    ]


@pytest.mark.parametrize("path", modules(), ids=name)
def test_short_enough_to_read(path):
    assert len(path.read_text().splitlines()) <= limit_of(path)


@pytest.mark.parametrize("path", modules(), ids=name)
def test_no_module_hides_the_standard_library(path):
    own = path.parent.name if path.stem == "__init__" else path.stem
    assert own not in sys.stdlib_module_names


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_is_ours(folder):
    assert Path(importlib.import_module(folder).__file__).is_relative_to(ROOT)
    assert set(packages_distributions().get(folder, ())) <= {"beamkeeper"}


@pytest.mark.parametrize("path", modules(), ids=name)
def test_every_folder_of_modules_is_a_package(path):
    assert (path.parent / "__init__.py").exists()


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in modules()
        if name(path).startswith(("policies/", "catalog/", "tasks/", "flows/"))
        and name(path) not in EDGES
    ],
    ids=name,
)
def test_no_clock_below_the_edges(path):
    assert not clock_reads(path.read_text())


def test_a_clock_read_is_found():
    assert clock_reads("import datetime\nx = datetime.datetime.now(datetime.UTC)\n") == [2]
    assert clock_reads("from time import monotonic\nx = monotonic()\n") == []
