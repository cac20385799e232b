"""The engine for the session, a site for each test, settings that follow it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.flow_engine import FlowRunEngine
from prefect.testing.utilities import prefect_test_harness

from deployments.components.slapd import GROUPS_BASE, Slapd
from flows.patience import dark
from settings.model import CONFIG, load
from tasks.records import sweeps
from tasks.records.base import database as own_database
from tests.flows.site import Site, site_in
from tests.plugins.databases import (  # noqa: F401 - fixtures
    Databases,
    _databases,
    databases,
)


@pytest.fixture(scope="package")
def engine() -> Iterator[None]:
    """A Prefect server for every flow; one that idles costs a tenth of a core, so it ends."""
    with pytest.MonkeyPatch.context() as patch:
        # A sync flow ends only when its heartbeat thread wakes up, up to a second later.
        patch.setattr(FlowRunEngine, "heartbeat_seconds", None)
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("DO_NOT_TRACK", "1")
        with prefect_test_harness(server_startup_timeout=120):
            yield


def forget_settings() -> None:
    """What this process read of another site's settings."""
    if own_database.cache_info().currsize:
        own_database().dispose()
    own_database.cache_clear()
    load.cache_clear()


@pytest.fixture(autouse=True)
def light() -> Iterator[None]:
    """No test leaves the engine alone because another one saw it dark."""
    dark.end()
    yield
    dark.end()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Let this process read a site's settings."""

    def use(config: Path) -> None:
        forget_settings()
        monkeypatch.setenv(CONFIG, str(config))

    yield use
    forget_settings()


@pytest.fixture
def make_site(
    databases: Databases,  # noqa: F811
    tmp_path: Path,
    use: Callable[[Path], None],
) -> Iterator[Callable[..., Site]]:
    """Make sites of a kind; the last one made is the one that flows see."""
    with ExitStack() as stack:

        def make(dialect: str = "sqlite", slapd: Slapd | None = None, **more: Any) -> Site:
            folder = tmp_path / "site"
            url = databases.url(dialect, "facility")
            site = stack.enter_context(site_in(folder, url, slapd, **more))
            stack.callback(forget_settings)
            use(site.config)
            return site

        yield make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A site without a directory and with one new proposal."""
    made = make_site()
    made.add_proposal()
    return made


@pytest.fixture
def ready(site: Site) -> Site:
    """The same with its proposal Ready: folders and rights are there."""
    site.make_ready()
    return site


@pytest.fixture
def groups(slapd_server: Slapd) -> Iterator[Slapd]:
    """The directory; groups made by the test are removed."""
    yield slapd_server
    with slapd_server.admin() as connection:
        connection.search(GROUPS_BASE, "(objectClass=*)", "LEVEL", attributes=[])
        for item in connection.response:
            connection.delete(item["dn"])


@pytest.fixture
def put(engine: None) -> Callable[..., State[Any]]:
    """Put a flow as the engine would and answer its final state."""

    def put(flow: Callable[..., Any], **parameters: Any) -> State[Any]:
        return flow(**parameters, return_state=True)

    return put


@pytest.fixture
def at(
    engine: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[..., Any], datetime], tuple[State[Any], set[str], str]]:
    """Put a sweep at an instant and answer its final state, its tags and its table."""

    def at(sweep: Callable[..., Any], moment: datetime) -> tuple[State[Any], set[str], str]:
        monkeypatch.setattr(sweeps, "now", lambda: moment)
        state = sweep(return_state=True)
        assert state.type == "COMPLETED", state.message
        run_id = state.state_details.flow_run_id
        with get_client(sync_client=True) as client:
            tags = set(client.read_flow_run(run_id).tags)
            body = {"artifacts": {"flow_run_id": {"any_": [str(run_id)]}}}
            found = client._client.post("/artifacts/filter", json=body).raise_for_status().json()
        return state, tags, str(found[0]["data"]) if found else ""

    return at
