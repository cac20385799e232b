"""What a data policy says of copies: how long in which store, how many, how one may go."""

from dataclasses import dataclass

from policies.durations import Span
from policies.policy_words import AtEnd
from policies.vocabulary import Role

_HALF_A_YEAR, _QUARTER = Span(days=180), Span(days=90)


@dataclass(frozen=True)
class Stage:
    """One stay of a copy: in which tier, how long, and what must exist before it ends.

    Attributes:
        tier: Kind of store.
        min: Never shorter.
        target: As long as that if possible.
        max: Not longer.
        until: An event that ends it instead of time: `beamtime_end` or `archival`.
        after: Tiers that must hold a verified copy before this one goes.
        at_end: What becomes of it.
    """

    tier: str
    min: Span | None = None
    target: Span | None = None
    max: Span | None = None
    until: str = ""
    after: tuple[str, ...] = ()
    at_end: AtEnd | None = None


@dataclass(frozen=True)
class Copies:
    """Copies that must exist, and which pairs of tiers count as two."""

    min_after_migration: int = 2
    allowed_pairs: tuple[tuple[str, ...], ...] = ()
    verified_within: Span = _HALF_A_YEAR


@dataclass(frozen=True)
class Deletion:
    """Deleting: announced, vetoable, by two."""

    notice: Span = _QUARTER
    notify_before: tuple[Span, ...] = ()
    veto_by: tuple[Role, ...] = (Role.PI, Role.T_DM)
    two_person: bool = True
    tombstone: bool = True
    pi_may_demand: str = "never"
