"""Fixtures of the public doors' tests."""

import pytest

from catalog.engine import Database
from tests.api.public_story import Clock, story
from tests.plugins.databases import (  # noqa: F401 - fixtures
    _databases,
    database,
    databases,
    dialect,
    facility_database,
    shared_database,
)


@pytest.fixture(scope="module")
def told(shared_database: Database) -> Database:  # noqa: F811 - the fixture
    """One DOI in every state; a module's tests only read it."""
    with shared_database.write() as session:
        story(session)
    return shared_database


@pytest.fixture
def clock() -> Clock:
    """A clock that a test sets."""
    return Clock()
