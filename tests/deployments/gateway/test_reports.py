"""Reports open from their link, and from nothing else."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from catalog.engine import Database
from deployments.gateway.app import gateway
from deployments.gateway.reports import report_route
from policies.links import link
from settings.engine import EngineSettings
from settings.links import link_secret
from settings.model import Settings
from settings.storage import StorageSettings

PATH = "/gpfs/exfel/u/usr/SPB/002012/p002012/Reports/r0001/SPB_IRDA_JF4M_correct.pdf"


@pytest.fixture
def settings(tmp_path):
    mounts = {"XFEL_GPFS_OFFLINE_RAW_CC": tmp_path}
    return Settings(
        home=tmp_path / "home",
        engine=EngineSettings(auth=SecretStr("operator:a-long-password")),
        storage=StorageSettings(mounts=mounts),
    )


@pytest.fixture
def client(settings):
    database = Database("sqlite:///:memory:")
    route = report_route(settings)
    assert route is not None
    app = gateway(database, settings.gateway, [route])

    class Client:
        def get(self, path):
            async def ask():
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://g") as http:
                    return await http.get(path)

            return asyncio.run(ask())

    yield Client()
    database.dispose()


def put(tmp_path, content=b"%PDF-1.7 a report"):
    file = tmp_path / PATH.lstrip("/")
    file.parent.mkdir(parents=True)
    file.write_bytes(content)


def test_a_link_opens_in_the_browser(client, settings, tmp_path):
    put(tmp_path)
    answer = client.get(link("", link_secret(settings), PATH))
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("inline")
    assert "no-store" in answer.headers["cache-control"]


def test_another_password_voids_the_link(client, settings, tmp_path):
    put(tmp_path)
    other = settings.model_copy(
        update={"engine": EngineSettings(auth=SecretStr("operator:another"))}
    )
    assert client.get(link("", link_secret(other), PATH)).status_code == 404


def test_climbing_out_is_nowhere(client, settings, tmp_path):
    put(tmp_path)
    good = link("", link_secret(settings), PATH)
    for tail in ("/../../../../../../../../etc/passwd", "%2f..%2f..%2fx.pdf"):
        assert client.get(good + tail).status_code == 404


def test_a_report_that_is_gone_says_so(client, settings):
    answer = client.get(link("", link_secret(settings), PATH))
    assert answer.status_code == 404
    assert "not where it was" in answer.json()["message"]


def test_without_storage_there_is_no_such_route(tmp_path):
    assert report_route(Settings(home=tmp_path)) is None
