"""The settings that the how-to shows are settings that the program takes."""

import re
from pathlib import Path

import yaml

from settings.model import CONFIG, Settings

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "deploy.md"


def test_the_example_on_the_page_is_read_as_it_stands(tmp_path, monkeypatch):
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), flags=re.S | re.M)
    file = tmp_path / "beamkeeper.yaml"
    file.write_text(block)
    monkeypatch.setenv(CONFIG, str(file))
    site = Settings()
    assert set(yaml.safe_load(block)) <= set(Settings.model_fields)
    assert site.engine.ui_url == "https://data.example/prefect/v2"
    assert site.gateway.senders["spb-daq"].instruments == ["SPB"]
    assert site.storage is not None
    assert site.storage.marker == ".beamkeeper-storage"
    assert f"`{site.storage.marker}`" in PAGE.read_text()
    assert site.directory is not None
    assert site.directory.password.get_secret_value() == "CHANGE"
    assert site.portal is not None


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    file = tmp_path / "beamkeeper.yaml"
    file.write_text("database_url: sqlite:///file.db\n")
    monkeypatch.setenv(CONFIG, str(file))
    assert Settings().database_url.get_secret_value() == "sqlite:///file.db"
    monkeypatch.setenv("BEAMKEEPER_DATABASE_URL", "sqlite:///environment.db")
    assert Settings().database_url.get_secret_value() == "sqlite:///environment.db"
