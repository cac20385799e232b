"""Runs written once, copied for each test that damages them."""

import shutil
import zlib
from datetime import UTC, datetime

import pytest
import xxhash

from deployments.demo_files import RunRecipe, write_run
from policies.audit import CatalogFacts, ClaimedFile, Claims
from tasks.rawfiles.crew import dismiss_idle_workers

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECIPE = RunRecipe(
    900054,
    3,
    aggregators=("DA01", "JNGFR01"),
    sequences=2,
    begin_at=BEGIN,
    payload_bytes=400_000,
)
CATALOG = CatalogFacts(900054, 3, "SPB", "RAW")


@pytest.fixture(scope="session", autouse=True)
def readers():
    """Reader processes end with the session."""
    yield
    dismiss_idle_workers()


@pytest.fixture(scope="session")
def good_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("raw"), RECIPE)


@pytest.fixture
def run_copy(good_run, tmp_path):
    return shutil.copytree(good_run.folder, tmp_path / "r0003")


@pytest.fixture(scope="session")
def claims(good_run):
    """What the data acquisition would claim about the good run."""
    return Claims(
        RECIPE.first_train,
        RECIPE.last_train,
        tuple(ClaimedFile(f.filename, "r0003/", f.size_bytes, f.checksum) for f in good_run.files),
        RECIPE.run_type,
        RECIPE.sample,
        RECIPE.begin_at,
        RECIPE.end_at,
        frozenset(RECIPE.aggregators),
    )


def digests(folder):
    """(adler32, xxh3_128) by name, as the copying side computes them."""
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return {
        name: (f"{zlib.adler32(content):08x}", xxhash.xxh3_128_hexdigest(content))
        for name, content in contents.items()
    }
