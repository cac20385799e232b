"""The lifecycle of a release: what must hold before data open, and who may close them again.

Source: the order (files first, then the DOI, then the word "open") and the two people for what
is hard to undo are ours; the states follow the practice of the facilities whose policies stand
in `policies/versions`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from policies.archival import SETTLED
from policies.machine import Edge, Guard, Machine, Veto
from policies.policy_words import AccessMode
from policies.veto import holds
from policies.vocabulary import BeamtimeState, ReleaseStep, Role
from policies.vocabulary import ReleaseEvent as E
from policies.vocabulary import ReleaseState as S

VERSION = "release-machine-1"
"""Written into every journal row that these rules decided."""

PROVED_FIRST = (ReleaseStep.DIGESTS, ReleaseStep.RIGHTS, ReleaseStep.ANONYMOUS)
"""Steps that must be proved before anything is called open."""


@dataclass(frozen=True)
class ReleaseFacts:
    """What is known about data that are to open or to close.

    Attributes:
        now: The instant of asking, aware.
        opens_at: The earliest instant at which they may be open, aware; None: on no date.
        beamtime: Status of the proposal's beamtime.
        hold: Its holds as they are kept.
        mode: Who gets the data by the policy; None: no policy is pinned.
        allowed: Whether somebody granted that they open, by a request or a form.
        pending: A request that holds the opening back, in words; empty: none does.
        runs_at_work: Runs that are measured, not assessed or not migrated.
        findings: Open findings against the runs, in words.
        groups: Data groups to open.
        unproved: Of these, those without a verified copy that can be opened.
        proved: Steps of this opening that are proved.
    """

    now: datetime
    opens_at: datetime | None = None
    beamtime: BeamtimeState = BeamtimeState.CLOSED
    hold: str = ""
    mode: AccessMode | None = AccessMode.PUBLIC
    allowed: bool = False
    pending: str = ""
    runs_at_work: tuple[int, ...] = ()
    findings: tuple[str, ...] = ()
    groups: int = 1
    unproved: tuple[str, ...] = ()
    proved: frozenset[ReleaseStep] = frozenset()


def some(what: Collection[object], most: int = 5) -> str:
    """The first few of many, and how many more."""
    shown = [str(one) for one in sorted(what, key=str)]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


DUE = Guard[ReleaseFacts](
    "due",
    lambda f: f"the embargo ends on {f.opens_at:%Y-%m-%d %H:%M} UTC" if f.opens_at else
    "it opens on no date",
    lambda f: f.opens_at is not None and f.opens_at <= f.now,
    overridable=False,
)  # fmt: skip
MEANT = Guard[ReleaseFacts](
    "policy opens it",
    lambda f: (
        "no data policy is pinned: nobody said that it opens"
        if f.mode is None
        else f"by the policy the data are given {f.mode.words}; somebody has to open them"
    ),
    lambda f: f.mode is AccessMode.PUBLIC or f.allowed,
    overridable=False,
)
SETTLED_BEAMTIME = Guard[ReleaseFacts](
    "reviewed",
    lambda f: f"the beamtime is {f.beamtime.label}",
    lambda f: f.beamtime in SETTLED,
    overridable=False,
)
NOTHING_AT_WORK = Guard[ReleaseFacts](
    "every run decided",
    lambda f: f"runs {some(f.runs_at_work)} are not decided or not migrated",
    lambda f: not f.runs_at_work,
    overridable=False,
)
NO_REQUEST = Guard[ReleaseFacts](
    "no request pending", lambda f: f.pending, lambda f: not f.pending, overridable=False
)
AUDITED = Guard[ReleaseFacts](
    "no open finding",
    lambda f: f"open findings: {some(f.findings)}",
    lambda f: not f.findings,
    overridable=False,
)
SOMETHING = Guard[ReleaseFacts](
    "something to open",
    lambda _f: "no data that the policy covers are registered",
    lambda f: f.groups > 0,
    overridable=False,
)
COPIES = Guard[ReleaseFacts](
    "verified copies",
    lambda f: f"no verified copy that can be opened: {some(f.unproved)}",
    lambda f: not f.unproved,
    overridable=False,
)
READ_BACK = Guard[ReleaseFacts](
    "read by a stranger",
    lambda f: f"not proved: {some([s for s in PROVED_FIRST if s not in f.proved])}",
    lambda f: set(PROVED_FIRST) <= f.proved,
    overridable=False,
)

_SYSTEM = frozenset({Role.SYSTEM})
_ADMIN = frozenset({Role.ADMIN})
_EITHER = _SYSTEM | _ADMIN
_BEFORE = (
    DUE, MEANT, SETTLED_BEAMTIME, NO_REQUEST, NOTHING_AT_WORK, AUDITED, SOMETHING, COPIES,
)  # fmt: skip

_EDGES: tuple[Edge[S, E, ReleaseFacts], ...] = (
    Edge(S.EMBARGOED, E.BEGIN_OPENING, S.OPENING, _SYSTEM, needs=_BEFORE,
         because="Never early, never unaudited, never without the policy."),
    Edge(S.RECLOSED, E.BEGIN_OPENING, S.OPENING, _ADMIN, needs=_BEFORE, reason=True,
         because="After an incident a person decides, never a schedule."),
    Edge(S.OPENING, E.CONFIRM_OPEN, S.OPEN, _SYSTEM, needs=(DUE, COPIES, READ_BACK),
         because="Open is what a stranger has read."),
    Edge(S.OPENING, E.CLOSE_AGAIN, S.EMBARGOED, _SYSTEM, reason=True,
         because="Opening failed: closed as before, tried again."),
    Edge(S.OPENING, E.RECLOSE, S.RECLOSED, _EITHER, reason=True,
         because="An incident, or an opening after one that failed: a person decides again."),
    Edge(S.OPEN, E.RECLOSE, S.RECLOSED, _ADMIN, reason=True,
         because="An incident: every public door closes at once, the DOI keeps resolving."),
    Edge(S.EMBARGOED, E.RESTRICT, S.RESTRICTED, _ADMIN, reason=True,
         because="Personal, sensitive or proprietary data open on no date."),
    Edge(S.RECLOSED, E.RESTRICT, S.RESTRICTED, _ADMIN, reason=True,
         because="What should not have been opened stays closed."),
    Edge(S.RESTRICTED, E.LIFT_RESTRICTION, S.EMBARGOED, _ADMIN, reason=True,
         because="The date counts again."),
    Edge(S.EMBARGOED, E.WITHDRAW, S.WITHDRAWN, _ADMIN, reason=True,
         because="A tombstone answers where the data were announced."),
    Edge(S.RECLOSED, E.WITHDRAW, S.WITHDRAWN, _ADMIN, reason=True,
         because="First closed, then withdrawn."),
    Edge(S.RESTRICTED, E.WITHDRAW, S.WITHDRAWN, _ADMIN, reason=True,
         because="A tombstone answers where the data were announced."),
)  # fmt: skip

_OPENS = frozenset({E.BEGIN_OPENING, E.CONFIRM_OPEN})


def _standing(facts: ReleaseFacts) -> str:
    return "; ".join(f"a {kind} stands: {why}" for kind, why in holds(facts.hold).items())


RELEASE: Machine[S, E, ReleaseFacts] = Machine(
    "release",
    S,
    E,
    start=S.EMBARGOED,
    ends=frozenset({S.WITHDRAWN}),
    edges=_EDGES,
    vetoes=(Veto("hold", lambda row, f: row.event in _OPENS and bool(holds(f.hold)), _standing),),
)
"""The table. Whether data are *due* is no state: it is computed whenever somebody asks."""
