"""Make the engine's deployments equal to prefect.yaml: `python -m deployments.serving.deploy`.

Re-runnable: a deployment keeps its id, a schedule that did not change keeps its row and a
pause made by hand; what left the file is removed. One flow that does not import does not
keep the others from being deployed.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr, TypeAdapter

from deployments.serving.automation import ensure_automations
from deployments.serving.manifest import TAG, Entry, Manifest, read_manifest
from deployments.serving.pools import ensure_limits, ensure_pools
from deployments.serving.rest import EngineApi
from policies.errors import Misconfigured, Missing
from settings.engine import POOLS, Pool

POOLS_VARIABLE = "BEAMKEEPER_POOLS"
"""Environment variable with the pools as JSON; absent: the settings' default."""


@dataclass
class Summary:
    """What a deploy did.

    Attributes:
        deployed: Deployment → id, in the order of the file.
        failed: Deployment → why it could not be deployed.
        pruned: Deployments and `deployment/slug` schedules that were removed.
        pools_created: Pools that did not exist before.
    """

    deployed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    pruned: list[str] = field(default_factory=list)
    pools_created: list[str] = field(default_factory=list)


def deploy(api: EngineApi, manifest: Manifest, pools: Sequence[Pool] = POOLS) -> Summary:
    """Deploy everything and remove what is no longer wanted.

    Raises:
        Misconfigured: An entry names a pool that the settings do not have.
        Unavailable: The engine does not answer.
    """
    strays = {entry.pool for entry in manifest.entries} - {pool.name for pool in pools}
    if strays:
        raise Misconfigured(f"prefect.yaml names unknown pools: {', '.join(sorted(strays))}")
    summary = Summary(pools_created=ensure_pools(api, pools))
    ensure_limits(api, manifest.limits)
    for entry in manifest.entries:
        try:
            summary.deployed[entry.name] = _deploy_entry(api, entry, summary)
        except Misconfigured as error:
            summary.failed[entry.name] = error.message
    summary.pruned += _prune(api, manifest)
    ensure_automations(api)
    return summary


def _deploy_entry(api: EngineApi, entry: Entry, summary: Summary) -> str:
    from deployments.serving.register import form_of

    body = _body(entry, form_of(entry))
    try:
        found = api.get(f"deployments/name/{entry.name}/{entry.name}")
    except Missing:
        flow = api.post("flows/", {"name": entry.name})
        schedules = [
            {"slug": slug, "schedule": dict(schedule), "active": True}
            for slug, schedule in entry.schedules.items()
        ]
        made = api.post(
            "deployments/",
            {**body, "name": entry.name, "flow_id": flow["id"], "schedules": schedules},
        )
        return str(made["id"])
    # Schedules first: the change of the deployment then drops runs planned by the old ones.
    summary.pruned += _sync_schedules(api, found, entry)
    api.patch(f"deployments/{found['id']}", body)
    return str(found["id"])


def _body(entry: Entry, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a file decides."""
    return {
        "description": entry.description,
        "version": entry.version,
        "tags": list(entry.tags),
        "parameters": dict(entry.parameters),
        "parameter_openapi_schema": form,
        "enforce_parameter_schema": entry.enforce,
        "entrypoint": entry.entrypoint,
        "work_pool_name": entry.pool,
        "work_queue_name": entry.queue,
        "job_variables": dict(entry.job_variables),
        "pull_steps": [dict(step) for step in entry.pull],
        "concurrency_limit": entry.limit,
        "concurrency_options": dict(entry.limit_options) or None,
    }


def _sync_schedules(api: EngineApi, found: Mapping[str, Any], entry: Entry) -> list[str]:
    """Add, change and remove schedules by slug; never touches whether one is active."""
    base = f"deployments/{found['id']}/schedules"
    present = {schedule["slug"]: schedule for schedule in found["schedules"]}
    gone = [slug for slug in present if slug not in entry.schedules]
    for slug in gone:
        api.delete(f"{base}/{present[slug]['id']}")
    for slug, wanted in entry.schedules.items():
        if slug not in present:
            api.post(base, [{"slug": slug, "schedule": dict(wanted), "active": True}])
        elif not _same(present[slug]["schedule"], wanted):
            api.patch(f"{base}/{present[slug]['id']}", {"schedule": dict(wanted)})
    return [f"{entry.name}/{slug}" for slug in gone]


def _same(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether the server's schedule already says what the file says."""

    def told(value: object) -> object:
        return float(value) if isinstance(value, int | float) else value

    return all(told(present.get(key)) == told(value) for key, value in wanted.items())


def _prune(api: EngineApi, manifest: Manifest) -> list[str]:
    """Remove our deployments that the file no longer has; foreign ones stay."""
    wanted = {entry.name for entry in manifest.entries}
    ours = [d for d in api.pages("deployments/filter", {}) if TAG in d["tags"]]
    gone = [d for d in ours if d["name"] not in wanted]
    for deployment in gone:
        api.delete(f"deployments/{deployment['id']}")
    return [deployment["name"] for deployment in gone]


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy from the command line; prints the summary as JSON.

    Returns:
        0, or 1 if a deployment failed.
    """
    parser = argparse.ArgumentParser(prog="python -m deployments.serving.deploy")
    parser.add_argument("--manifest", type=Path, default=Path("prefect.yaml"))
    asked = parser.parse_args(arguments)
    auth = os.environ.get("PREFECT_API_AUTH_STRING")
    pools = os.environ.get(POOLS_VARIABLE)
    with EngineApi(os.environ["PREFECT_API_URL"], SecretStr(auth) if auth else None) as api:
        summary = deploy(
            api,
            read_manifest(asked.manifest),
            TypeAdapter(tuple[Pool, ...]).validate_json(pools) if pools else POOLS,
        )
    json.dump(asdict(summary), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
