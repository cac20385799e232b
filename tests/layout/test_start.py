"""What must start fast, and while Prefect is down, does not load it."""

import subprocess
import sys

import pytest

from tests.layout.tree import ROOT

FRONT_DOORS = [
    "policies.permissions",
    "settings.model",
    "catalog.engine",
    "api",
    "deployments.gateway.app",
    "deployments.relay.loop",
    "deployments.daq.client",
    "deployments.cli",
]


def loaded(module):
    """Names of what a fresh interpreter holds after importing a module."""
    code = f"import sys, {module}; print(*sys.modules)"
    run = [sys.executable, "-W", "error::SyntaxWarning", "-c", code]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", FRONT_DOORS)
def test_does_not_load_prefect(module):
    assert not {"prefect", "tasks", "flows"} & loaded(module)


def test_policies_load_no_library():
    outside = {"sqlalchemy", "sqlmodel", "pydantic", "fastapi", "httpx", "h5py", "ldap3", "yaml"}
    assert not outside & loaded("policies.permissions, policies.run, policies.beamtime")
