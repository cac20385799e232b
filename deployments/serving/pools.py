"""Work pools, queues and limits, made to be what the settings say."""

from collections.abc import Iterable, Mapping
from typing import Any

from deployments.serving.rest import EngineApi
from policies.errors import Missing
from settings.engine import Pool, PoolKind

URGENT = "urgent"
"""Queue that is served first; 1 is the highest priority."""

_ENV_TYPE = {"type": "object", "additionalProperties": {"type": "string"}, "default": {}}

TEMPLATES: Mapping[PoolKind, Mapping[str, Any]] = {
    PoolKind.INPROCESS: {
        "job_configuration": {"env": "{{ env }}", "name": "{{ name }}", "labels": "{{ labels }}"},
        "variables": {
            "type": "object",
            "properties": {
                "env": _ENV_TYPE,
                "name": {"type": "string"},
                "labels": _ENV_TYPE,
            },
        },
    },
    PoolKind.PROCESS: {
        "job_configuration": {
            "command": "{{ command }}",
            "env": "{{ env }}",
            "labels": "{{ labels }}",
            "name": "{{ name }}",
            "stream_output": "{{ stream_output }}",
            "working_dir": "{{ working_dir }}",
        },
        "variables": {
            "type": "object",
            "properties": {
                "command": {"type": "string"},
                "env": _ENV_TYPE,
                "labels": _ENV_TYPE,
                "name": {"type": "string"},
                "stream_output": {"type": "boolean", "default": True},
                "working_dir": {"type": "string"},
            },
        },
    },
}
"""What a deployment may set for its runs; the same words as the stock worker's."""


def ensure_pools(api: EngineApi, pools: Iterable[Pool]) -> list[str]:
    """Create or overwrite each pool and its queues; a pause made by hand is kept.

    Returns:
        The names of the pools that were created now.
    """
    return [pool.name for pool in pools if _ensure_pool(api, pool)]


def _ensure_pool(api: EngineApi, pool: Pool) -> bool:
    fields = {
        "description": pool.description,
        "base_job_template": TEMPLATES[pool.kind],
    }
    try:
        found = api.get(f"work_pools/{pool.name}")
    except Missing:
        found = None
    if found is not None and found["type"] != pool.kind:
        # The type of a pool cannot be changed. Runs that waited in the old one are never
        # started: the sweep asks for their work again.
        api.delete(f"work_pools/{pool.name}")
        found = None
    if found is None:
        api.post("work_pools/", {"name": pool.name, "type": pool.kind.value, **fields})
    else:
        api.patch(f"work_pools/{pool.name}", fields)
    _ensure_queue(api, pool.name, "default", 2)
    _ensure_queue(api, pool.name, URGENT, 1)
    return found is None


def _ensure_queue(api: EngineApi, pool: str, queue: str, priority: int) -> None:
    try:
        found = api.get(f"work_pools/{pool}/queues/{queue}")
    except Missing:
        api.post(f"work_pools/{pool}/queues", {"name": queue, "priority": priority})
        return
    if queue == URGENT and found["priority"] != priority:
        api.patch(f"work_pools/{pool}/queues/{queue}", {"priority": priority})


def ensure_limits(api: EngineApi, limits: Mapping[str, int]) -> None:
    """Create or resize the global concurrency limits that flows ask for with `strict=True`."""
    for name, slots in limits.items():
        try:
            api.patch(f"v2/concurrency_limits/{name}", {"limit": slots, "active": True})
        except Missing:
            api.post("v2/concurrency_limits/", {"name": name, "limit": slots, "active": True})
