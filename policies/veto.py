"""Holds: what nobody may do to a proposal while one stands, whatever a table says.

A hold is set and lifted by an administrator with a reason. It is consulted before the
lifecycles' tables, for every role; nobody passes it with a reason, it has to be lifted.
Recording, closing, aborting and copying always go on: a hold must never cost data.

Source: ours; the data policies of the facilities leave it to the administration.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from policies.machine import Edge, Veto
from policies.vocabulary import BeamtimeEvent, HoldKind, RunEvent

VERSION = "veto-1"
"""Written into every journal row about a hold."""

MAX_REASON = 500
"""Characters of a hold's reason."""


class Held(Protocol):
    """Facts that know of holds."""

    @property
    def hold(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Rule:
    """What one kind of hold forbids.

    Attributes:
        kind: The kind.
        beamtime: Events of the beamtime that it forbids.
        run: Events of every run that it forbids.
        because: Why.
    """

    kind: HoldKind
    beamtime: frozenset[BeamtimeEvent]
    run: frozenset[RunEvent]
    because: str


_JUDGED = frozenset(
    {RunEvent.ASSESS_GOOD, RunEvent.ASSESS_UNCLEAR, RunEvent.ASSESS_NOT_INTERESTING}
)

RULES: tuple[Rule, ...] = (
    Rule(
        HoldKind.LEGAL_HOLD,
        frozenset({BeamtimeEvent.CLOSE, BeamtimeEvent.REOPEN}),
        frozenset({RunEvent.ASSESS_NOT_INTERESTING}),
        "Data may be needed as evidence: rights stay as they are, no run is given up, no copy"
        " goes; the beamtime itself runs on.",
    ),
    Rule(
        HoldKind.FROZEN,
        frozenset(BeamtimeEvent),
        _JUDGED,
        "A question about the proposal is open: nobody decides anything until it is settled.",
    ),
)
"""The table. Under any hold no copy of the proposal's data may be removed and no
administrator overrides the status."""


def holds(text: str) -> dict[HoldKind, str]:
    """Holds that stand, each with its reason.

    Args:
        text: As it is kept: a line per hold, `kind: reason`. A line of another form is
            taken for a freeze: who wrote it meant to stop something.
    """
    found: dict[HoldKind, str] = {}
    for line in text.splitlines():
        kind, sign, reason = line.partition(": ")
        if sign and kind in set(HoldKind):
            found[HoldKind(kind)] = reason
        elif line.strip():
            found[HoldKind.FROZEN] = line.strip()
    return found


def kept(standing: dict[HoldKind, str]) -> str:
    """Holds as they are kept, in the order of the kinds."""
    return "\n".join(f"{kind}: {standing[kind]}" for kind in HoldKind if kind in standing)


def one_line(reason: str) -> str:
    """A reason as a hold keeps it."""
    return " ".join(reason.split())


def against_removal(text: str) -> str:
    """Why no copy of the proposal's data may be removed; empty when no hold stands."""
    return _said(holds(text)) if holds(text) else ""


def against_override(text: str) -> str:
    """Why nobody may override the status; empty when no hold stands."""
    return f"{_said(holds(text))}; lift it first" if holds(text) else ""


def _said(standing: dict[HoldKind, str]) -> str:
    return "; ".join(f"a {kind} stands: {reason}" for kind, reason in standing.items())


def _veto(
    rule: Rule, events: frozenset[BeamtimeEvent] | frozenset[RunEvent]
) -> Veto[Any, Any, Any]:
    def objects(row: Edge[Any, Any, Held], facts: Held) -> bool:
        return row.event in events and rule.kind in holds(facts.hold)

    def otherwise(facts: Held) -> str:
        return f"{_said({rule.kind: holds(facts.hold)[rule.kind]})}; an administrator may lift it"

    return Veto(str(rule.kind), objects, otherwise)


BEAMTIME_VETOES = tuple(_veto(rule, rule.beamtime) for rule in RULES)
"""Consulted before the beamtime table."""

RUN_VETOES = tuple(_veto(rule, rule.run) for rule in RULES)
"""Consulted before the run table."""


def markdown() -> str:
    """The table for the handbook."""
    head = "| hold | forbids of the beamtime | forbids of its runs | because |\n" + "|---" * 4 + "|"
    rows = [
        f"| `{r.kind}` | {_list(r.beamtime, BeamtimeEvent)} | {_list(r.run, RunEvent)} |"
        f" {r.because} |"
        for r in RULES
    ]
    return "\n".join([head, *rows])


def _list(events: Collection[str], every: type[StrEnum]) -> str:
    return "everything" if len(events) == len(every) else ", ".join(sorted(events))
