"""What must not stand anywhere in the project."""

import re
import tomllib

import pytest

from tests.layout.tree import ROOT, texts

HERE = "tests/layout/"

# Written in pieces, so that this file does not contain what it forbids.
FORBIDDEN = {
    "a folder of one machine": r"(?<![\w.])/work" + r"/|/tmp/bash" + r"_jobs|/(?:home|Users)/\w+/",
    "a neighbour of the checkout": r"\.\./sha" + r"red",
    "a package index": r"index"
    + r"-url|find"
    + r"-links|/sim"
    + r"ple/?\b|pypi\."
    + r"(?:org|python)",
    "a credential": r"-----BEGIN [A-Z ]*PRIVATE " + r"KEY-----",
}

SOFT = re.compile(
    r"pytest\.(?:skip|xfail|importorskip)\b|mark\.(?:skip|skipif|xfail)\b|"
    r"unittest\.skip|SkipTest|\bxfail_strict\b|__test__ = False|"
    r"pytest_ignore_collect|collect_ignore"
)
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
STUB = re.compile(r"raise NotImplemented" + r"Error")


def found(pattern, keep=lambda name: True):
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        if keep(name)
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_that_only_one_machine_has(what):
    assert not found(FORBIDDEN[what])


def test_no_test_steps_aside():
    tests = found(SOFT, lambda name: name.startswith("tests/") and not name.startswith(HERE))
    assert not tests


def test_nothing_is_left_for_later():
    code = found(UNFINISHED, lambda name: name.endswith(".py") and not name.startswith(HERE))
    assert not code


def test_nothing_is_a_stub():
    # Migrations only go forward: a downgrade that says so is not a stub.
    assert not found(STUB, lambda name: not name.startswith((HERE, "catalog/migrations/")))


def test_the_lock_pins_versions_and_names_no_place():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    loose = [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.!+]*", line)]
    assert not loose


def test_every_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().split()}
    names = {re.split(r"[\[<>=!~; ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names <= locked
