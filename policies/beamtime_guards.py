"""What the beamtime table looks at: facts, and the named conditions on them.

Source: the guards are ours (the role matrix of the real system is not public); "at most one
Active proposal per instrument" follows from its active-proposal query, which answers one object.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.machine import Guard
from policies.vocabulary import StepName, StepState

OFFLINE_STEPS = (
    StepName.LDAP_GROUPS,
    StepName.OFFLINE_FOLDERS,
    StepName.OFFLINE_ACLS,
    StepName.OFFLINE_QUOTAS,
)
"""Steps that must be green for GPFS Offline Configuration Done."""

OPTIONAL_STEPS = (StepName.BATCH_RESERVATION,)
"""Steps that help a beamtime and that nothing waits for: a failure is recorded, and shown."""

ONLINE_STEPS = (StepName.ONLINE_FOLDERS, StepName.ONLINE_ACLS, StepName.ONLINE_WRITE_TEST)
"""Steps that must be green for GPFS Online Configuration Done."""

START_MARGIN = timedelta(hours=24)
"""How long before its first shift a beamtime may become Active."""


@dataclass(frozen=True)
class Span:
    """A stretch of time, `[begin_at, end_at]`, aware instants."""

    begin_at: datetime
    end_at: datetime


@dataclass(frozen=True)
class BeamtimeFacts:
    """What the guards look at.

    Attributes:
        now: The moment of asking, aware.
        beamtimes: Available beamtimes of the proposal.
        cycle: The instrument cycle, None when unknown.
        steps: State of each recorded provisioning step.
        has_pi: Whether the team has a principal investigator who may have an account.
        team_size: Members of the execution team.
        other_active: Number of another Active proposal on the instrument, None if none.
        open_runs: Numbers of runs that the DAQ has not closed.
        unassessed_runs: Numbers of closed runs without an assessment.
        undecided_runs: Numbers of runs whose migration is asked for and not done.
        calibrating_runs: Numbers of runs whose calibration is asked for and not over.
        user_proposal: Whether the proposal came from the user portal (system `U`).
        delivered_shifts: Delivered shifts, None when not filled in.
        archived: Whether the data were archived, or the policy has no archival step.
        hold: Holds that stand, as `policies.veto` keeps them; empty when none does.
    """

    now: datetime
    beamtimes: tuple[Span, ...] = ()
    cycle: Span | None = None
    steps: dict[StepName, StepState] = field(default_factory=dict)
    has_pi: bool = False
    team_size: int = 0
    other_active: int | None = None
    open_runs: tuple[int, ...] = ()
    unassessed_runs: tuple[int, ...] = ()
    undecided_runs: tuple[int, ...] = ()
    calibrating_runs: tuple[int, ...] = ()
    user_proposal: bool = True
    delivered_shifts: int | None = None
    archived: bool = True
    hold: str = ""

    @property
    def first_begin_at(self) -> datetime | None:
        """Begin of the first beamtime, None without one."""
        return min((b.begin_at for b in self.beamtimes), default=None)

    @property
    def last_end_at(self) -> datetime | None:
        """End of the last beamtime, None without one."""
        return max((b.end_at for b in self.beamtimes), default=None)


def _runs(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(f"r{n:04d}" for n in numbers[:8])
    return shown + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "")  # noqa: PLR2004


def _lacking(facts: BeamtimeFacts, steps: tuple[StepName, ...]) -> list[str]:
    green = {StepState.DONE, StepState.SKIPPED}
    return [s for s in steps if facts.steps.get(s, StepState.PENDING) not in green]


def _inside_cycle(facts: BeamtimeFacts) -> bool:
    if facts.cycle is None:
        return True
    cycle = facts.cycle
    return all(cycle.begin_at <= b.begin_at and b.end_at <= cycle.end_at for b in facts.beamtimes)


HAS_BEAMTIME = Guard[BeamtimeFacts](
    "has a beamtime",
    lambda f: "the proposal has no beamtime: add one in the user portal and run portal-sync",
    lambda f: bool(f.beamtimes),
)
INSIDE_CYCLE = Guard[BeamtimeFacts](
    "beamtime inside its cycle",
    lambda f: (
        "a beamtime lies outside the instrument cycle: correct the dates in the portal,"
        " or let an administrator pass with a reason"
    ),
    _inside_cycle,
)
HAS_PI = Guard[BeamtimeFacts](
    "team has a PI",
    lambda f: "the team is empty or has no principal investigator",
    lambda f: f.has_pi and f.team_size > 0,
)
OFFLINE_GREEN = Guard[BeamtimeFacts](
    "offline steps green",
    lambda f: "not recorded green: " + ", ".join(_lacking(f, OFFLINE_STEPS)),
    lambda f: not _lacking(f, OFFLINE_STEPS),
)
ONLINE_GREEN = Guard[BeamtimeFacts](
    "online steps green",
    lambda f: "not recorded green: " + ", ".join(_lacking(f, ONLINE_STEPS)),
    lambda f: not _lacking(f, ONLINE_STEPS),
)
ONE_ACTIVE = Guard[BeamtimeFacts](
    "no other Active",
    lambda f: f"proposal {f.other_active} is Active on this instrument: finish it first",
    lambda f: f.other_active is None,
    overridable=False,
)
NEAR_BEGIN = Guard[BeamtimeFacts](
    "24 h before begin or later",
    lambda f: (
        f"the first beamtime begins at {f.first_begin_at:%Y-%m-%d %H:%M %Z}: a beamtime"
        " may start from 24 h before"
    ),
    lambda f: f.first_begin_at is None or f.now >= f.first_begin_at - START_MARGIN,
)
NO_OPEN_RUN = Guard[BeamtimeFacts](
    "no run open",
    lambda f: (
        f"still open: {_runs(f.open_runs)}; let the DAQ close them or abort them with a reason"
    ),
    lambda f: not f.open_runs,
    overridable=False,
)
ALL_ASSESSED = Guard[BeamtimeFacts](
    "every run assessed",
    lambda f: f"not assessed: {_runs(f.unassessed_runs)}; put run-assess for each",
    lambda f: not f.unassessed_runs,
)
ALL_MIGRATED = Guard[BeamtimeFacts](
    "no migration pending",
    lambda f: f"not migrated yet: {_runs(f.undecided_runs)}",
    lambda f: not f.undecided_runs,
    overridable=False,
)
ALL_CALIBRATED = Guard[BeamtimeFacts](
    "no calibration pending",
    lambda f: f"calibration is not over: {_runs(f.calibrating_runs)}; wait for it or cancel it",
    lambda f: not f.calibrating_runs,
)
SHIFTS = Guard[BeamtimeFacts](
    "delivered shifts filled",
    lambda f: "the number of delivered shifts is not filled in: the leading scientist enters it",
    lambda f: not f.user_proposal or f.delivered_shifts is not None,
)
ARCHIVED = Guard[BeamtimeFacts](
    "archived or no archival due",
    lambda f: "the policy asks for archival first",
    lambda f: f.archived,
)
