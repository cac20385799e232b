"""When raw data move to tape only, and what must be proved before a disk copy goes.

Source: European XFEL keeps raw data on tape for at least ten years and announces archival by
fields of the proposal; the days between release and archival follow published proposals, the
notice and the number of tape copies are ours.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, tzinfo

from policies.machine import Edge, Guard, Machine, Veto
from policies.release import add_civil
from policies.veto import against_removal
from policies.vocabulary import ArchivalEvent as E
from policies.vocabulary import ArchivalState as S
from policies.vocabulary import BeamtimeState, Locality, Role

VERSION = "archival-1"
"""Written into every journal row that these rules decided."""

ON_TAPE = frozenset({Locality.NEARLINE, Locality.ONLINE_AND_NEARLINE})
"""Where a file is whose disk copy may go."""

SETTLED = frozenset({BeamtimeState.REVIEWED, BeamtimeState.CLOSED})
"""Beamtime states in which nothing is measured or assessed any more."""


@dataclass(frozen=True)
class ArchivalRules:
    """What a data policy says of archival.

    Attributes:
        offset_days: Calendar days between the end of the embargo and archival.
        notice_days: Calendar days between the notice to the team and archival, at the least.
        min_tape_copies: Copies on tape that must remain.
    """

    offset_days: int = 43
    notice_days: int = 90
    min_tape_copies: int = 2


def expected_at(release_at: datetime, zone: tzinfo, rules: ArchivalRules) -> datetime:
    """From when raw data may move to tape only.

    Args:
        release_at: End of the embargo, aware.
        zone: The facility's time zone.
        rules: What the policy says.

    Returns:
        Local midnight of the day, in UTC.

    Source: p900549 ends its embargo on 2028-12-31 and is expected on tape on 2029-02-12.
    """
    midnight = release_at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return add_civil(midnight, zone, days=rules.offset_days)


def notice_at(expected: datetime, zone: tzinfo, rules: ArchivalRules) -> datetime:
    """When the team is told at the latest, so that nothing is put off."""
    return add_civil(expected, zone, days=-rules.notice_days)


def ready_at(
    expected: datetime, noticed_at: datetime, zone: tzinfo, rules: ArchivalRules
) -> datetime:
    """When the grace is over: never earlier than announced, never sooner after the notice."""
    return max(expected, add_civil(noticed_at, zone, days=rules.notice_days))


@dataclass(frozen=True)
class TapeFile:
    """A file as the catalog knows it.

    Attributes:
        name: Below the copy's folder.
        byte_size: Bytes.
        adler32: 8 hex digits.
    """

    name: str
    byte_size: int
    adler32: str

    def misfit(self, locality: Locality, size_bytes: int, adler32: str) -> str:
        """Why what the tape store shows is not this file, safe on tape; empty: it is.

        Args:
            locality: Where the store says that it is.
            size_bytes: Bytes there.
            adler32: 8 hex digits; empty: the store knows none.
        """
        if locality not in ON_TAPE:
            return f"{self.name} is {locality}, not on tape"
        if size_bytes != self.byte_size:
            there = f"{size_bytes} bytes in the tape store"
            return f"{self.name} has {there}, {self.byte_size} on record"
        if adler32 != self.adler32.lower():
            known = adler32 or "unknown"
            return f"the tape store has the sum {known} of {self.name}, on record is {self.adler32}"
        return ""


@dataclass(frozen=True)
class TapeCopy:
    """A copy of a run's raw data in the tape store.

    Attributes:
        replica: Row id.
        run: Run number.
        folder: Where it is, as the store names it.
        proved: Whether it was verified against the manifest in force.
        files: Its files; empty where they were not asked for.
    """

    replica: int
    run: int
    folder: str
    proved: bool
    files: tuple[TapeFile, ...] = ()


@dataclass(frozen=True)
class ArchivalFacts:
    """What is known about a proposal that is to be archived.

    Attributes:
        now: The instant of asking, aware.
        ready_at: When the grace is over, aware; None: the team was not told.
        beamtime: Its status.
        hold: Its holds as they are kept.
        runs_at_work: Runs that are not migrated although they are to be kept.
        groups: Raw data groups of its migrated runs.
        unproved: Of these, groups without a verified copy in the tape store.
        tape_copies: Copies on tape per file that the site declares.
        min_tape_copies: Copies on tape that must remain.
    """

    now: datetime
    ready_at: datetime | None = None
    beamtime: BeamtimeState = BeamtimeState.CLOSED
    hold: str = ""
    runs_at_work: tuple[int, ...] = ()
    groups: int = 1
    unproved: tuple[str, ...] = ()
    tape_copies: int = 2
    min_tape_copies: int = 2


def _some(what: Collection[object]) -> str:
    shown = [str(one) for one in sorted(what, key=str)]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")  # noqa: PLR2004


GRACE_OVER = Guard[ArchivalFacts](
    "grace is over",
    lambda f: (
        f"the team may object until {f.ready_at:%Y-%m-%d}"
        if f.ready_at
        else "the team was not told yet"
    ),
    lambda f: f.ready_at is not None and f.ready_at <= f.now,
    overridable=False,
)
NOTHING_AT_WORK = Guard[ArchivalFacts](
    "nothing is measured or migrated",
    lambda f: (
        f"runs {_some(f.runs_at_work)} are not migrated"
        if f.runs_at_work
        else f"the beamtime is {f.beamtime.label}"
    ),
    lambda f: f.beamtime in SETTLED and not f.runs_at_work,
    overridable=False,
)
SOMETHING_TO_MOVE = Guard[ArchivalFacts](
    "raw data are registered",
    lambda _f: "no raw data of migrated runs are registered",
    lambda f: f.groups > 0,
    overridable=False,
)
PROVED = Guard[ArchivalFacts](
    "every copy in the tape store is verified",
    lambda f: f"no verified copy in the tape store of {_some(f.unproved)}",
    lambda f: not f.unproved,
    overridable=False,
)
ENOUGH_ON_TAPE = Guard[ArchivalFacts](
    "copies on tape suffice",
    lambda f: (
        f"the site declares {f.tape_copies} on tape per file, the policy asks for"
        f" {f.min_tape_copies}"
    ),
    lambda f: f.tape_copies >= f.min_tape_copies,
    overridable=False,
)

_SYSTEM = frozenset({Role.SYSTEM})
_DECIDE = frozenset({Role.ADMIN, Role.PI, Role.T_DM})
_BEFORE = (GRACE_OVER, NOTHING_AT_WORK, SOMETHING_TO_MOVE, PROVED, ENOUGH_ON_TAPE)

_EDGES: tuple[Edge[S, E, ArchivalFacts], ...] = (
    Edge(S.PLANNED, E.NOTIFY, S.NOTICED, _SYSTEM, because="Nothing leaves the disk unannounced."),
    Edge(S.PLANNED, E.VETO, S.VETOED, _DECIDE, because="Who may object may do so early.",
         reason=True),
    Edge(S.NOTICED, E.VETO, S.VETOED, _DECIDE, because="Whose data they are has a veto.",
         reason=True),
    Edge(S.MOVING, E.VETO, S.VETOED, _DECIDE, reason=True,
         because="What is still on disk stays there; what is on tape only can be staged back."),
    Edge(S.VETOED, E.LIFT_VETO, S.PLANNED, _DECIDE, reason=True,
         because="The team is told anew, the grace begins anew."),
    Edge(S.NOTICED, E.BEGIN, S.MOVING, _SYSTEM, needs=_BEFORE,
         because="Two copies on tape, each proved, before a disk copy goes."),
    Edge(S.MOVING, E.STOP, S.NOTICED, _SYSTEM, reason=True,
         because="A file that does not fit stops all; it is tried again later."),
    Edge(S.MOVING, E.COMPLETE, S.ARCHIVED, _SYSTEM, needs=(PROVED, ENOUGH_ON_TAPE),
         because="Believed only after the store's own records were read back."),
)  # fmt: skip


def _held(row: Edge[S, E, ArchivalFacts], facts: ArchivalFacts) -> bool:
    return row.event in {E.BEGIN, E.COMPLETE} and bool(against_removal(facts.hold))


ARCHIVAL: Machine[S, E, ArchivalFacts] = Machine(
    "archival",
    S,
    E,
    start=S.PLANNED,
    ends=frozenset({S.ARCHIVED}),
    edges=_EDGES,
    vetoes=(Veto("hold", _held, lambda f: against_removal(f.hold)),),
)
"""The table."""
