"""The public door as it is put together from the settings."""

import pytest
import yaml
from sqlmodel import Session

from catalog.engine import Database
from deployments.public import app, run_public
from policies.errors import Misconfigured
from settings.model import Settings, load
from tests.api.public_story import Reader
from tests.catalog.open_story import doi_of, tell
from tests.plugins.databases import _databases, databases  # noqa: F401 - fixtures


@pytest.fixture
def configured(databases, tmp_path, monkeypatch):  # noqa: F811 - a fixture
    """A settings file for a catalog with one embargoed proposal."""
    url = databases.url("sqlite", "facility")
    database = Database(url)
    with database.write() as session:
        assert isinstance(session, Session)
        tell(session, 2012)
    database.dispose()
    file = tmp_path / "beamkeeper.yaml"
    said = {
        "database_url": url,
        "public": {
            "publisher": {
                "name": "European XFEL",
                "base_url": "https://data.example.org",
                "contact_email": "data@example.org",
            },
            "harvest_domain": "xfel.eu",
            "harvest_secret": "a secret of the test",
        },
    }
    file.write_text(yaml.safe_dump(said))
    monkeypatch.setenv("BEAMKEEPER_CONFIG", str(file))
    load.cache_clear()
    yield
    load.cache_clear()


@pytest.mark.usefixtures("configured")
def test_pages_and_harvesting_are_served_together():
    reader = Reader(app())
    answer = reader.get(f"/doi/{doi_of(2012)}")
    assert answer.status_code == 200
    assert "European XFEL" in answer.text
    for address in ("/oai", "/oai/"):
        said = reader.get(f"{address}?verb=Identify")
        assert said.status_code == 200
        assert "<Identify>" in said.text
        assert said.headers["x-content-type-options"] == "nosniff"


def test_not_configured_is_said(monkeypatch):
    monkeypatch.delenv("BEAMKEEPER_CONFIG", raising=False)
    with pytest.raises(Misconfigured, match="not configured"):
        run_public(Settings())
