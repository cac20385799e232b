"""A gateway process per database, shared by a module's tests: each uses its own run numbers."""

import pytest

from catalog.engine import Database
from tests.deployments.gateway.site import Site, fill
from tests.plugins.databases import Databases


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def dialect(request):
    return request.param


@pytest.fixture(scope="module")
def site(request, dialect, tmp_path_factory):
    made = Databases(request, tmp_path_factory.mktemp("catalog"))
    with made.stack:
        url = made.url(dialect, "facility")
        database = Database(url)
        fill(database)
        database.dispose()
        place = Site(url, tmp_path_factory.mktemp("gateway"))
        try:
            place.start()
            yield place
        finally:
            place.close()
