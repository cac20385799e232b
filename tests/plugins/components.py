"""Real components as fixtures. A missing program is a failure that names its Debian package."""

from collections.abc import Iterator

import pytest

from deployments.components.postgres import Postgres, postgres
from deployments.components.slapd import Slapd, slapd
from settings.directory import GroupLayout


@pytest.fixture(scope="session")
def slapd_server() -> Iterator[Slapd]:
    """A directory in the rfc2307bis layout, shared by the session: leave it as you found it."""
    with slapd(GroupLayout.RFC2307BIS) as server:
        yield server


@pytest.fixture(scope="session")
def slapd_server_rfc2307() -> Iterator[Slapd]:
    """A directory in the rfc2307 layout, shared by the session: leave it as you found it."""
    with slapd(GroupLayout.RFC2307) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL server shared by the session."""
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """URL of a fresh, empty database of its own: `postgresql+psycopg2://…`."""
    with postgres_server.database() as url:
        yield url
