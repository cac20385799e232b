"""Fresh catalog databases for tests: migrated once, copied for each test.

`database` is an empty, migrated catalog and `facility_database` one with European XFEL's
reference rows; both come as SQLite and as PostgreSQL. A test that wants one dialect only
overrides `dialect`.
"""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog import schema
from catalog.engine import Database
from catalog.reference import load_facility
from policies.actor import SYSTEM
from settings.facility import read_facility

LOADED_AT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
"""When the reference rows of `facility_database` were loaded."""


def _migrate(url: str) -> None:
    database = Database(url)
    schema.upgrade(database)
    database.dispose()


def _equip(url: str) -> None:
    database = Database(url)
    schema.upgrade(database)
    with database.write() as session:
        load_facility(session, read_facility("xfel"), LOADED_AT, SYSTEM)
    database.dispose()


FILLINGS: dict[str, Callable[[str], None]] = {"migrated": _migrate, "facility": _equip}


class Databases:
    """Makes databases; what a test asked for is gone after it."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._made: set[str] = set()
        self._numbers = itertools.count(1)
        self.stack = ExitStack()

    def url(self, dialect: str, filling: str | None = None) -> str:
        """Address of a database of its own.

        Args:
            dialect: `sqlite` or `postgresql`.
            filling: `migrated`, `facility`, or None for an empty one.
        """
        return self._sqlite(filling) if dialect == "sqlite" else self._postgresql(filling)

    def _sqlite(self, filling: str | None) -> str:
        template = self._folder / f"{filling}.db"
        if filling and not template.exists():
            FILLINGS[filling](f"sqlite:///{template}")
        folder = self._folder / f"t{next(self._numbers)}"
        folder.mkdir()
        self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if filling:
            shutil.copyfile(template, folder / "catalog.db")
        return f"sqlite:///{folder / 'catalog.db'}"

    def _postgresql(self, filling: str | None) -> str:
        server = self._request.getfixturevalue("postgres_server")
        name = f"template_{filling}_{id(self)}" if filling else None
        if filling and name and filling not in self._made:
            server.make_template(name, FILLINGS[filling])
            self._made.add(filling)
        return self.stack.enter_context(server.database(template=name))


@pytest.fixture(scope="session")
def _databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Databases:
    return Databases(request, tmp_path_factory.mktemp("catalog"))


@pytest.fixture
def databases(_databases: Databases) -> Iterator[Databases]:
    """The maker, for a test that wants several or its own kind."""
    with _databases.stack:
        yield _databases


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    return str(request.param)


@pytest.fixture
def database(databases: Databases, dialect: str) -> Iterator[Database]:
    """A migrated catalog without rows."""
    made = Database(databases.url(dialect, "migrated"))
    yield made
    made.dispose()


@pytest.fixture
def facility_database(databases: Databases, dialect: str) -> Iterator[Database]:
    """A migrated catalog with European XFEL's reference rows."""
    made = Database(databases.url(dialect, "facility"))
    yield made
    made.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_database(request: pytest.FixtureRequest, _databases: Databases) -> Iterator[Database]:
    """A catalog with the reference rows for a whole module, whose tests only read what it told."""
    url = _databases.url(request.param, "facility")
    with _databases.stack.pop_all():
        made = Database(url)
        yield made
        made.dispose()
