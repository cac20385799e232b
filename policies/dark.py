"""Dark-run requests: what may be asked, and the life of a request, as tables.

Source: number and order of the runs per detector type and operation mode, and the feedback
texts, are public of the facility's metadata catalog and its detector documentation; the checks
beyond the number of runs are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from policies.layout import run_folder
from policies.machine import Edge, Guard, Machine
from policies.vocabulary import DarkEvent as E
from policies.vocabulary import DarkState as S
from policies.vocabulary import Role, RunQuality, RunState, RunStatus, Work

VERSION = "dark-1"
"""Written into every journal row that these tables decided."""

OPEN = frozenset({S.REQUESTED, S.WAITING, S.IN_PROGRESS})
"""States of a request that is not over."""

SUCCESS = "This dark run performed with success"
"""`calcat_feedback` of a request that came to constants."""

TIMED_OUT = "Timed out waiting for migration"
"""`calcat_feedback` of a request whose runs were not migrated before the deadline."""


@dataclass(frozen=True)
class Mode:
    """What an operation mode needs.

    Attributes:
        identifier: Its word, for example `ADAPTIVE_GAIN`.
        name: What people read.
        stages: What each run must be, in order.
        min_trains: Trains that each run must have.
        description: What the form says.
    """

    identifier: str
    name: str
    stages: tuple[str, ...]
    min_trains: int = 0
    description: str = ""


ANY = "*"
"""Detector type of the row for all others."""

_GAIN = "The data of each gain stage are taken in a separate run, in the order high, medium, low."

MODES: dict[str, tuple[Mode, ...]] = {
    "AGIPD": (Mode("ADAPTIVE_GAIN", "Adaptive Gain", ("HG", "MG", "LG"), 500, _GAIN),),
    "LPD": (Mode("ADAPTIVE_GAIN", "Adaptive Gain", ("HG", "MG", "LG"), 500, _GAIN),),
    "JUNGFRAU": (
        Mode("ADAPTIVE_GAIN", "Adaptive Gain", ("G0", "G1", "G2"), 500, _GAIN),
        Mode(
            "FIXED_GAIN",
            "Fixed Gain",
            ("G0", "G1", "G2"),
            500,
            "Runs in dynamic, fixg1 and fixg2, in this order.",
        ),
    ),
    "EPIX100": (Mode("DARK", "Dark", ("dark",), 500),),
    "EPIX10K": (Mode("DARK", "Dark", ("dark",), 500),),
    "FASTCCD": (Mode("DARK", "Dark", ("dark",), 500),),
    ANY: (Mode("DARK", "Dark", ("dark",), 0),),
}
"""Operation modes by detector type; a site changes `min_trains` in its settings.

Source: 500 trains of real data per run, Jungfrau documentation; the others take the same.
"""


def mode_of(detector_type: str, identifier: str) -> Mode | None:
    """An operation mode by its word or name; the only one of its type when none is named."""
    modes = MODES.get(detector_type.upper(), MODES[ANY])
    wanted = identifier.strip().casefold()
    if not wanted:
        return modes[0] if len(modes) == 1 else None
    return next(
        (m for m in modes if wanted in {m.identifier.casefold(), m.name.casefold()}),
        None,
    )


@dataclass(frozen=True)
class DarkRunFacts:
    """What is known of one of the runs.

    Attributes:
        run: Run number.
        state: Where it stands, None when the proposal has no such run.
        status: Its wire status.
        quality: Its assessment.
        begin_at: Begin, aware.
        end_at: End, aware; None while it is open.
        trains: Number of trains that the DAQ claims, None while open.
    """

    run: int
    state: RunState | None = None
    status: int = RunStatus.OPEN
    quality: int = RunQuality.NOT_ASSESSED
    begin_at: datetime | None = None
    end_at: datetime | None = None
    trains: int | None = None


def check(
    mode: Mode, runs: Sequence[DarkRunFacts], min_trains: int
) -> tuple[dict[str, str], list[str]]:
    """Judge a request before it is accepted.

    Args:
        mode: Operation mode.
        runs: The runs as they were named, in that order.
        min_trains: Trains that each run must have here.

    Returns:
        Faults by field, and warnings that stop nothing.
    """
    needed = len(mode.stages)
    if len(runs) != needed:
        return {"runs_info": f"must contain {needed} run(s) for this operation mode"}, []
    faults = [text for fact in runs if (text := _fault(fact, min_trains))]
    twice = {f.run for f in runs if [g.run for g in runs].count(f.run) > 1}
    faults += [f"{run_folder(n)} is named twice" for n in sorted(twice)]
    faults += _overlaps(runs)
    warnings = []
    numbers = [f.run for f in runs]
    if not twice and numbers != sorted(numbers):
        order = ", ".join(mode.stages)
        warnings.append(f"the runs are not in the order in which they were taken: {order}")
    return ({"runs_info": "; ".join(faults)} if faults else {}), warnings


def _fault(fact: DarkRunFacts, min_trains: int) -> str:
    name = run_folder(fact.run)
    if fact.state is None:
        return f"{name} does not exist in this proposal"
    if fact.status == RunStatus.OPEN:
        return f"{name} is still open"
    if fact.quality == RunQuality.NOT_INTERESTING:
        return f"{name} is Not interesting: it is never migrated"
    if fact.trains is not None and fact.trains < min_trains:
        return f"{name} has {fact.trains} trains, {min_trains} are needed"
    return ""


def _overlaps(runs: Sequence[DarkRunFacts]) -> list[str]:
    known = sorted(
        (f for f in runs if f.begin_at is not None and f.end_at is not None),
        key=lambda f: (f.begin_at, f.run),
    )
    return [
        f"{run_folder(b.run)} begins before {run_folder(a.run)} ends"
        for a, b in pairwise(known)
        if a.run != b.run and a.end_at and b.begin_at and b.begin_at < a.end_at
    ]


@dataclass(frozen=True)
class DarkFacts:
    """What the guards look at.

    Attributes:
        waiting_for: Runs that are not migrated yet.
        at_work: Whether a job is not over.
    """

    waiting_for: tuple[int, ...] = ()
    at_work: bool = False


MIGRATED = Guard[DarkFacts](
    "every run is migrated",
    lambda f: "not migrated yet: " + ", ".join(map(run_folder, f.waiting_for)),
    lambda f: not f.waiting_for,
    overridable=False,
)
OVER = Guard[DarkFacts](
    "every job is over", lambda f: "a job is at work", lambda f: not f.at_work, overridable=False
)

_ASKERS = frozenset({Role.ADMIN, Role.LS, Role.BE, Role.LC, Role.SG, Role.T_DM, Role.SYSTEM})
_SYSTEM = frozenset({Role.SYSTEM, Role.ADMIN})
_THEN = (Work.DARK_CALIBRATE,)

_Edge = Edge[S, E, DarkFacts]


def _cancel(source: S) -> _Edge:
    then = _THEN if source is S.IN_PROGRESS else ()
    because = "A person withdraws it; its job is cancelled."
    return _Edge(source, E.CANCEL, S.CANCELLED, _ASKERS, (), then, because, reason=True)


DARK: Machine[S, E, DarkFacts] = Machine(
    name="dark run",
    states=S,
    events=E,
    start=S.REQUESTED,
    ends=frozenset({S.FINISHED, S.ERROR, S.CANCELLED}),
    edges=(
        _Edge(
            S.REQUESTED,
            E.AWAIT,
            S.WAITING,
            _SYSTEM,
            because="Runs need not be migrated when darks are asked for.",
        ),
        _Edge(
            S.WAITING,
            E.WAKE,
            S.REQUESTED,
            _SYSTEM,
            (MIGRATED,),
            _THEN,
            "The migration of the last of its runs wakes it.",
        ),
        _Edge(
            S.WAITING,
            E.TIME_OUT,
            S.ERROR,
            _SYSTEM,
            because="The service waits for a transfer to finish or times out.",
        ),
        _Edge(
            S.REQUESTED,
            E.BEGIN,
            S.IN_PROGRESS,
            _SYSTEM,
            (MIGRATED,),
            because="The names of its jobs are on record first.",
        ),
        _Edge(
            S.REQUESTED,
            E.FAIL,
            S.ERROR,
            _SYSTEM,
            because="Nothing to work on: the words say what is missing.",
            reason=True,
        ),
        _Edge(
            S.IN_PROGRESS,
            E.FINISH,
            S.FINISHED,
            _SYSTEM,
            (OVER,),
            because="Constants are in the store and injected, and read back.",
        ),
        _Edge(
            S.IN_PROGRESS,
            E.FAIL,
            S.ERROR,
            _SYSTEM,
            (OVER,),
            because="A job ended badly, or the constants were refused: the words say how.",
            reason=True,
        ),
        *map(_cancel, (S.REQUESTED, S.WAITING, S.IN_PROGRESS)),
    ),
)


def markdown(min_trains: Mapping[str, int] | None = None) -> str:
    """The table of operation modes for the handbook.

    Args:
        min_trains: Trains by detector type where the site has others.
    """
    lines = ["| detector type | operation mode | runs, in order | trains |", "|---|---|---|---:|"]
    for kind, modes in MODES.items():
        for mode in modes:
            trains = (min_trains or {}).get(kind, mode.min_trains)
            name = "any other" if kind == ANY else kind
            lines.append(f"| {name} | {mode.name} | {', '.join(mode.stages)} | {trains} |")
    return "\n".join(lines)
