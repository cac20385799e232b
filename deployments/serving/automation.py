"""Automations of the engine: comfort, never a promise."""

from typing import Any

from deployments.serving.rest import EngineApi

ZOMBIE_SECONDS = 90
"""Three missed heartbeats: a flow run without a sign of life for so long is dead."""

_ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")

CRASH_ZOMBIES: dict[str, Any] = {
    "name": "beamkeeper-crash-zombie-flows",
    "description": "A flow run whose machine died is shown as Crashed instead of Running.",
    "enabled": True,
    "trigger": {
        "type": "event",
        "posture": "Proactive",
        "after": ["prefect.flow-run.heartbeat"],
        "expect": ["prefect.flow-run.heartbeat", *(f"prefect.flow-run.{end}" for end in _ENDS)],
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "for_each": ["prefect.resource.id"],
        "threshold": 1,
        "within": ZOMBIE_SECONDS,
    },
    "actions": [
        {
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "message": f"No sign of life for {ZOMBIE_SECONDS} s; the work will be asked for again.",
        }
    ],
}


def ensure_automations(api: EngineApi) -> None:
    """Install our automations once: one of the same name is replaced."""
    for wanted in (CRASH_ZOMBIES,):
        named = {"automations": {"name": {"any_": [wanted["name"]]}}}
        for found in list(api.pages("automations/filter", named)):
            api.delete(f"automations/{found['id']}")
        api.post("automations/", wanted)
