"""Stop taking work, wait, go on; and close what died without saying so."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from deployments.serving.rest import EngineApi
from policies.errors import Missing

CLAIM = timedelta(minutes=1)
"""A worker has labelled a run that it claimed long before this."""

BUSY = ("RUNNING", "PENDING", "CANCELLING")
"""States in which somebody may be executing a run."""


def pause(api: EngineApi, pools: Iterable[str]) -> None:
    """Let no worker of these pools take another run."""
    _set_paused(api, pools, paused=True)


def resume(api: EngineApi, pools: Iterable[str]) -> None:
    """Let the workers of these pools take runs again."""
    _set_paused(api, pools, paused=False)


def _set_paused(api: EngineApi, pools: Iterable[str], *, paused: bool) -> None:
    for pool in pools:
        try:
            api.patch(f"work_pools/{pool}", {"is_paused": paused})
        except Missing:
            continue


def busy_runs(api: EngineApi, pools: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return the runs that are executed now, or that the engine believes to be.

    Args:
        api: The engine.
        pools: Only runs of these pools; None: all.
    """
    body: dict[str, object] = {
        "flow_runs": {"state": {"type": {"any_": list(BUSY)}}},
        "sort": "START_TIME_ASC",
    }
    if pools is not None:
        body["work_pools"] = {"name": {"any_": list(pools)}}
    return list(api.pages("flow_runs/filter", body))


def drain(api: EngineApi, pools: Iterable[str], timeout: float) -> list[str]:
    """Pause the pools and wait until none of their runs is being executed.

    The pools stay paused: stop the workers, then `resume`.

    Args:
        api: The engine.
        pools: Names of the pools.
        timeout: Longest wait, seconds.

    Returns:
        Names of the runs that still go on; empty when all is quiet.
    """
    names = list(pools)
    pause(api, names)
    end = time.monotonic() + timeout
    while True:
        left = busy_runs(api, names)
        if not left or time.monotonic() >= end:
            return [run["name"] for run in left]
        time.sleep(0.25)


def close_zombies(
    api: EngineApi, pools: Iterable[str], sentence: str = "", *, workers: Iterable[str] = ()
) -> list[str]:
    """Set *Crashed* the runs that nobody executes any more.

    Call it while no worker of these pools runs, as at a start after an unclean stop.

    Args:
        api: The engine.
        pools: Pools whose workers are all known to be gone.
        sentence: Why; shown as the state's message.
        workers: Only runs that these workers had taken, and claims of nobody that are
            older than a minute; empty: all runs of the pools.

    Returns:
        Names of the runs that were closed.
    """
    why = sentence or (
        "The worker that executed this run was gone when the system was started again; "
        "what it had recorded in the catalog stands, the rest will be asked for again."
    )
    taken = set(workers)
    now = datetime.now(UTC)
    closed = []
    for run in busy_runs(api, list(pools)):
        if taken and not _is_left_by(taken, run, now):
            continue
        state = {"type": "CRASHED", "name": "Crashed", "message": why}
        api.post(f"flow_runs/{run['id']}/set_state", {"state": state, "force": True})
        closed.append(run["name"])
    return closed


def _is_left_by(workers: set[str], run: Mapping[str, Any], now: datetime) -> bool:
    """Return whether one of the workers had the run, or somebody died while claiming it.

    A worker labels a run right after its claim, so a claim without a label is young.
    """
    worker = (run.get("labels") or {}).get("prefect.worker.name")
    if worker is not None:
        return worker in workers
    since = datetime.fromisoformat(run["state"]["timestamp"])
    return run["state_type"] == "PENDING" and now - since > CLAIM
