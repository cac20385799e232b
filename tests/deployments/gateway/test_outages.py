"""The database goes away and comes back; Prefect is never there at all."""

import subprocess
import sys

import pytest

from catalog.engine import Database
from deployments.components.postgres import postgres
from deployments.webhook_page import ANSWERS
from tests.catalog.story import closed, opened
from tests.deployments.gateway.site import ROOT, Site, fill
from tests.plugins.databases import _equip


@pytest.fixture
def own_server():
    with postgres() as server:
        yield server


def test_without_its_database_the_gateway_says_503_and_recovers(own_server, tmp_path):
    url = own_server.create("catalog")
    _equip(url)
    database = Database(url)
    fill(database)
    database.dispose()
    site = Site(url, tmp_path)
    try:
        site.start()
        assert site.post("run-opened", opened(1), "up").status_code == 202
        own_server.stop()
        down = site.post("run-closed", closed(1), "down")
        assert down.status_code == 503
        assert down.headers["Retry-After"] == "2"
        assert down.json()["code"] == "unavailable"
        [listed] = [answer for answer in ANSWERS if answer.status == 503]
        assert set(down.json()) == set(listed.body)
        assert site.http.get(f"{site.url}/healthz").status_code == 503
        own_server.start()
        assert site.post("run-closed", closed(1), "down").json()["state"] == "applied"
        assert site.http.get(f"{site.url}/healthz").json()["status"] == "up"
        assert site.one("SELECT state FROM runs") == "closed"
        assert site.sound()
    finally:
        site.close()


def test_a_crashed_database_costs_no_message(own_server, tmp_path):
    url = own_server.create("catalog")
    _equip(url)
    database = Database(url)
    fill(database)
    database.dispose()
    site = Site(url, tmp_path)
    try:
        site.start()
        own_server.child.kill()
        assert site.post("run-opened", opened(1), "crash").status_code == 503
        own_server.start()
        assert site.post("run-opened", opened(1), "crash").status_code == 202
        assert site.one("SELECT count(*) FROM runs") == 1
    finally:
        site.close()


def test_a_stale_database_is_refused_at_start(tmp_path):
    site = Site(f"sqlite:///{tmp_path}/empty.db", tmp_path)
    try:
        with pytest.raises(Exception, match="beamkeeper db upgrade"):
            site.start()
    finally:
        site.close()


@pytest.mark.parametrize("module", ["deployments.services", "deployments.daq.client"])
def test_gateway_relay_and_daq_never_load_prefect(module):
    code = f"import sys, {module}; print([m for m in sys.modules if m.split('.')[0] == 'prefect'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_running_gateway_has_no_prefect_in_its_memory(tmp_path):
    """Neither its files are mapped nor do the command line's own imports bring it in."""
    url = f"sqlite:///{tmp_path}/catalog.db"
    _equip(url)
    site = Site(url, tmp_path)
    try:
        site.start()
        assert site.child is not None
        code = "import sys; from deployments import cli; print('prefect' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "False"
        with open(f"/proc/{site.child.pid}/maps") as maps:
            assert "prefect" not in maps.read()
    finally:
        site.close()
