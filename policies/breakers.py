"""When a round of releases stops for a person: too many, too large, or a clock that jumped.

A wrong clock, a bad import or a changed policy would make many proposals due at once. Nothing
of such a round begins before somebody has looked.

Source: ours, after what went wrong at other repositories.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

VERSION = "breakers-1"
"""Written into journal rows that these rules decided."""

USUAL_ROUNDS = 30
"""So many rounds before tell what is usual."""

ALWAYS = 5
"""So many proposals in one round are never unusual."""


@dataclass(frozen=True)
class Limits:
    """What a round may do by itself.

    Attributes:
        proposals: Proposals at the most.
        byte_size: Bytes at the most.
        times_usual: Times the mean of the rounds before.
        gap: Longest time between two rounds.
    """

    proposals: int = 20
    byte_size: int = 500 * 1000**4
    times_usual: float = 3.0
    gap: timedelta = timedelta(hours=36)


@dataclass(frozen=True)
class RoundFacts:
    """What is known when a round begins.

    Attributes:
        now: When, aware.
        due: Proposals that it would open.
        byte_size: Their bytes.
        usual: Proposals of the rounds before, of those that opened any.
        last_round: When the round before began, aware; None: there was none.
        last_change: When the newest line of the history was written, aware; None: it is empty.
    """

    now: datetime
    due: int = 0
    byte_size: int = 0
    usual: tuple[int, ...] = field(default=())
    last_round: datetime | None = None
    last_change: datetime | None = None


def tripped(facts: RoundFacts, limits: Limits) -> tuple[str, ...]:
    """Why a round stops for a person, in words; empty: it goes on."""
    if not facts.due:
        return ()
    found = []
    if facts.due > limits.proposals:
        found.append(f"{facts.due} proposals would open, {limits.proposals} are the most")
    if facts.byte_size > limits.byte_size:
        found.append(
            f"{facts.byte_size / 1000**4:.1f} TB would open,"
            f" {limits.byte_size / 1000**4:.1f} TB are the most"
        )
    mean = sum(facts.usual) / len(facts.usual) if facts.usual else None
    if mean is not None and facts.due > max(ALWAYS, limits.times_usual * mean):
        found.append(f"{facts.due} proposals would open, usual are {mean:.1f}")
    return (*found, *_clock(facts, limits))


def _clock(facts: RoundFacts, limits: Limits) -> list[str]:
    found = []
    if facts.last_change is not None and facts.now < facts.last_change:
        found.append(
            f"the clock is behind the history, which ends at {facts.last_change:%F %T} UTC"
        )
    if facts.last_round is not None and facts.now - facts.last_round > limits.gap:
        away = facts.now - facts.last_round
        words = f"{away.days} days" if away.days > 1 else f"{away.total_seconds() / 3600:.0f} h"
        found.append(f"the last round was {words} ago: an outage, or a clock that jumped")
    return found
