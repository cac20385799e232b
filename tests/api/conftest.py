"""Fixtures of the public doors' tests."""

from tests.plugins.databases import (  # noqa: F401 - fixtures
    _databases,
    database,
    databases,
    dialect,
    facility_database,
    shared_database,
)
