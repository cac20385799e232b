"""prefect.yaml, read without the engine: the one list of what is deployed."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from policies.errors import Misconfigured

TAG = "beamkeeper"
"""Tag of everything that a deploy may prune."""
_TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True)
class Entry:
    """One deployment as the file says it.

    Attributes:
        name: Name of the deployment and of its flow.
        entrypoint: Dotted path of the flow function.
        pool: Work pool.
        queue: Work queue of the pool.
        description: Markdown for operators.
        version: Shown as deployment version.
        tags: Copied to every run.
        parameters: Defaults that the form shows.
        enforce: Whether the server checks parameters against the schema.
        limit: Runs of this deployment at a time; None: no limit.
        limit_options: The engine's words for what happens at the limit.
        schedules: Slug → the engine's schedule (cron or interval).
        job_variables: Values for the pool's job template.
        pull: Pull steps; empty for code that is installed.
    """

    name: str
    entrypoint: str
    pool: str
    queue: str = "default"
    description: str = ""
    version: str = "1"
    tags: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    enforce: bool = True
    limit: int | None = None
    limit_options: Mapping[str, Any] = field(default_factory=dict)
    schedules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    pull: tuple[Mapping[str, Any], ...] = ()

    @property
    def module(self) -> str:
        """Dotted name of the flow's module."""
        return self.entrypoint.replace(":", ".").rpartition(".")[0]

    @property
    def function(self) -> str:
        """Name of the flow function in its module."""
        return self.entrypoint.replace(":", ".").rpartition(".")[2]


@dataclass(frozen=True)
class Manifest:
    """What a facility deploys.

    Attributes:
        entries: Deployments in the order of the file.
        limits: Global concurrency limits: name → slots.
    """

    entries: tuple[Entry, ...]
    limits: Mapping[str, int]

    def of_pool(self, pool: str) -> Iterator[Entry]:
        """Yield the entries that a pool's workers execute."""
        return (entry for entry in self.entries if entry.pool == pool)


def read_manifest(path: Path) -> Manifest:
    """Read and check the file.

    Args:
        path: prefect.yaml; `{{ $NAME }}` stands for a variable of the environment.

    Raises:
        Misconfigured: An entry lacks what every deployment of ours must have, a template
            is empty or unknown, or two entries have one name.
    """
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    defaults = _filled(text.get("pull") or [], "pull")
    entries = tuple(_entry(_filled(raw, raw.get("name")), defaults) for raw in text["deployments"])
    names = [entry.name for entry in entries]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise Misconfigured(f"{path.name} has two deployments named {', '.join(sorted(doubled))}")
    limits = (text.get("definitions") or {}).get("limits") or {}
    return Manifest(entries, {str(name): int(slots) for name, slots in limits.items()})


def _entry(raw: dict[str, Any], pull: list[dict[str, Any]]) -> Entry:
    name = raw.get("name")
    for needed in ("name", "entrypoint", "work_pool", "description"):
        if not raw.get(needed):
            raise Misconfigured(f"deployment {name} has no {needed}", deployment=name)
    pool = raw["work_pool"]
    limit = raw.get("concurrency_limit") or {}
    return Entry(
        name=raw["name"],
        entrypoint=raw["entrypoint"],
        pool=pool["name"],
        queue=pool.get("work_queue_name") or "default",
        description=raw["description"].strip(),
        version=str(raw.get("version", "1")),
        tags=tuple(raw.get("tags") or ()),
        parameters=raw.get("parameters") or {},
        enforce=raw.get("enforce_parameter_schema", True),
        limit=limit.get("limit"),
        limit_options={key: value for key, value in limit.items() if key != "limit"},
        schedules=_schedules(raw.get("schedules") or [], raw["name"]),
        job_variables=pool.get("job_variables") or {},
        pull=tuple(raw["pull"] if raw.get("pull") is not None else pull),
    )


def _schedules(raw: list[dict[str, Any]], name: str) -> dict[str, Mapping[str, Any]]:
    """Return slug → schedule; the slug is what a later deploy finds a schedule by."""
    found: dict[str, Mapping[str, Any]] = {}
    for schedule in raw:
        slug = schedule.get("slug")
        if not slug or slug in found:
            raise Misconfigured(f"a schedule of {name} has no slug of its own", deployment=name)
        if "active" in schedule:
            # The key would undo a pause that an operator made by hand, at every deploy.
            raise Misconfigured(f"schedule {slug} of {name} must not say active", deployment=name)
        found[slug] = {key: value for key, value in schedule.items() if key != "slug"}
    return found


def _filled(value: Any, where: object) -> Any:  # noqa: ANN401
    """Return the value with every `{{ $NAME }}` replaced, all the way down."""
    if isinstance(value, dict):
        return {key: _filled(inner, where) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, where) for inner in value]
    if isinstance(value, str):
        return _TEMPLATE.sub(lambda match: _variable(match[1], where), value)
    return value


def _variable(name: str, where: object) -> str:
    """Return a variable of the environment; the engine would take an empty one in silence."""
    found = os.environ.get(name[1:], "") if name.startswith("$") else ""
    if not found:
        raise Misconfigured(f"template {{{{ {name} }}}} of {where} is empty or not known here")
    return found
