"""Facts in which each guard can be switched off without touching the others."""

from collections.abc import Iterator, Set
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations

from policies import beamtime_guards as b
from policies import run_guards as r
from policies.beamtime import BeamtimeFacts, Span
from policies.machine import Guard
from policies.run import RunFacts
from policies.vocabulary import Role, StepName, StepState

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

ROLE_SETS = (
    frozenset(),
    *(frozenset({role}) for role in Role),
    frozenset({Role.T_PART, Role.T_DM}),
    frozenset({Role.T_PART, Role.ADMIN}),
    frozenset(Role) - {Role.ADMIN},
)
REASONS = ("", " \n", "agreed on the phone")


def every_step(state: StepState = StepState.DONE, **other: StepState) -> dict[StepName, StepState]:
    """All provisioning steps in one state, except those named."""
    return {step: other.get(step.name, state) for step in StepName}


def beamtime_facts(off: Set[str] = frozenset()) -> BeamtimeFacts:
    """Facts of a proposal for which every guard holds but those named."""
    begin = NOW + 25 * HOUR if b.NEAR_BEGIN.name in off else NOW - HOUR
    span = Span(begin, begin + 2 * DAY)
    late = HOUR if b.INSIDE_CYCLE.name in off else -30 * DAY
    broken = {
        b.OFFLINE_GREEN.name: {"OFFLINE_ACLS": StepState.FAILED},
        b.ONLINE_GREEN.name: {"ONLINE_WRITE_TEST": StepState.PENDING},
    }
    steps = every_step(**{k: v for name in broken if name in off for k, v in broken[name].items()})
    return BeamtimeFacts(
        now=NOW,
        beamtimes=() if b.HAS_BEAMTIME.name in off else (span,),
        cycle=Span(begin + late, begin + 60 * DAY),
        steps=steps,
        has_pi=b.HAS_PI.name not in off,
        team_size=3,
        other_active=2012 if b.ONE_ACTIVE.name in off else None,
        open_runs=(7,) if b.NO_OPEN_RUN.name in off else (),
        unassessed_runs=(8,) if b.ALL_ASSESSED.name in off else (),
        undecided_runs=(9,) if b.ALL_MIGRATED.name in off else (),
        calibrating_runs=(10,) if b.ALL_CALIBRATED.name in off else (),
        user_proposal=True,
        delivered_shifts=None if b.SHIFTS.name in off else 9,
        archived=b.ARCHIVED.name not in off,
    )


def run_facts(off: Set[str] = frozenset()) -> RunFacts:
    """Facts of a run for which every guard holds but those named."""
    return RunFacts(
        online_copy=r.ONLINE_COPY.name not in off,
        files_registered=4,
        inspected=r.REGISTERED.name not in off,
        blocking_findings=("trains-repeat",) if r.CLEAN.name in off else (),
        verified_copies=("ONLINE", "OFFLINE"),
        pair_safe=r.COPIES.name not in off,
    )


def together(off: Set[str]) -> bool:
    """Whether these guards can fail at once: without a beamtime there are no dates to judge."""
    dates = {b.INSIDE_CYCLE.name, b.NEAR_BEGIN.name}
    return not (b.HAS_BEAMTIME.name in off and off & dates)


def choices(guards: tuple[Guard, ...]) -> Iterator[frozenset[str]]:
    """Every set of guards that may fail."""
    names = [guard.name for guard in guards]
    sets = chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))
    return (frozenset(one) for one in sets if together(frozenset(one)))
