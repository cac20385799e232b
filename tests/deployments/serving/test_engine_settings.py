"""What the engine's environment says, and who can read the secret in it."""

import stat

import pytest
from pydantic import SecretStr, ValidationError

from settings.engine import EngineSettings


def test_password_is_made_once_and_only_its_owner_reads_it(tmp_path):
    settings = EngineSettings(home=tmp_path / "home")
    first = settings.auth_string().get_secret_value()
    assert EngineSettings(home=tmp_path / "home").auth_string().get_secret_value() == first
    assert first.startswith("operator:")
    assert len(first) > 25
    assert stat.S_IMODE((tmp_path / "home" / "auth").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["auth"]
    assert first not in repr(settings)


def test_guards_are_on_without_being_asked_for(tmp_path):
    environment = EngineSettings(home=tmp_path, port=4321).server_environment()
    password = (tmp_path / "auth").read_text()
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == password
    assert environment["PREFECT_API_AUTH_STRING"] == password
    assert environment["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert environment["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    origins = environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert origins == ["http://127.0.0.1:4321", "http://localhost:4321"]
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_workers_do_not_get_the_database(tmp_path):
    settings = EngineSettings(home=tmp_path, database_url=SecretStr("postgresql+asyncpg://u:p@h/d"))
    assert "u:p@h" in settings.server_environment()["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert not any("u:p@h" in value for value in settings.environment().values())
    assert "u:p@h" not in repr(settings)


def test_behind_a_proxy_the_path_is_in_every_address(tmp_path):
    settings = EngineSettings(
        home=tmp_path, base_path="/prefect", public_url="https://data.example"
    )
    environment = settings.server_environment()
    assert settings.api_url == "http://127.0.0.1:4200/prefect/api"
    assert settings.ui_url == "https://data.example/prefect/v2"
    assert environment["PREFECT_UI_SERVE_BASE"] == "/prefect"
    assert environment["PREFECT_SERVER_API_BASE_PATH"] == "/prefect/api"
    assert environment["PREFECT_UI_API_URL"] == "/prefect/api"
    assert "https://data.example" in environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]


def test_free_port_is_below_the_ephemeral_range(tmp_path):
    settings = EngineSettings(home=tmp_path, port=0).on_free_port()
    assert 1024 < settings.port < 32768
    assert settings.on_free_port() is settings


@pytest.mark.parametrize("port", [32768, 70000, -1])
def test_unsafe_port_is_refused(port):
    with pytest.raises(ValidationError):
        EngineSettings(port=port)
