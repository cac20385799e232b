"""The run lifecycle as a table: from the DAQ's first train to two verified copies.

Source: labels and the rule "migrated exactly when Good or Unclear", European XFEL
presentation of 19 May 2021 and its statistics of March 2021 (59,545 + 6,034 = 65,579);
failures and re-assessment rows are ours.
"""

from datetime import timedelta

from policies.machine import Edge, Machine
from policies.run_guards import CLEAN, COPIES, ONLINE_COPY, REGISTERED, RunFacts
from policies.veto import RUN_VETOES
from policies.vocabulary import Assessment, Role, RunQuality, RunStatus, Work
from policies.vocabulary import RunEvent as E
from policies.vocabulary import RunState as S

__all__ = [
    "ASSESS",
    "PENDING",
    "QUALITY",
    "RETRY_AFTER",
    "RUN",
    "STALE_OPEN",
    "TRANSIENT_LIMIT",
    "UNASSESSED",
    "UNINSPECTED_LIMIT",
    "VERSION",
    "WIRE_STATUS",
    "RunEdge",
    "RunFacts",
    "quality_label",
    "retry_after",
]

VERSION = "run-1"
"""Written into every journal row that this table decided."""

STALE_OPEN = timedelta(hours=24)
"""An open run older than this raises an alarm."""

TRANSIENT_LIMIT: dict[S, timedelta] = {
    S.MIGRATION_REQUESTED: timedelta(minutes=15),
    S.MIGRATING: timedelta(minutes=10),
}
"""How long a run may stay in a state that heads for another before the sweep looks.

Source: alarm 15 min after the request is ours; `migrating` counts from the lease's end.
"""

UNINSPECTED_LIMIT = timedelta(minutes=10)
"""How long the files of an ended run may stay unregistered before the sweep asks again."""

RETRY_AFTER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=60),
    timedelta(minutes=240),
)
"""Waiting times between migration attempts; after the last one a person must ask."""


_DAQ = frozenset({Role.DAQ_SYS, Role.ADMIN})
_ASSESSORS = frozenset(
    {Role.ADMIN, Role.LS, Role.BE, Role.LC, Role.SG, Role.PI, Role.MP, Role.T_DM, Role.SYSTEM}
)
_WORKERS = frozenset({Role.SYSTEM, Role.STORAGE_SYS, Role.ADMIN})
_ABORT = frozenset({Role.ADMIN, Role.LS, Role.BE, Role.LC, Role.DAQ_SYS})

RunEdge = Edge[S, E, RunFacts]

_MIGRATE = (Work.RUN_MIGRATE,)
_LABEL_ONLY = "The label changes; the copies stay."


def _assess(source: S, wanted: S, unwanted: S, because: tuple[str, str]) -> tuple[RunEdge, ...]:
    """Three rows for the three choices of the form."""
    then = _MIGRATE if wanted is S.MIGRATION_REQUESTED and source is not wanted else ()
    needs = (ONLINE_COPY,) if then else ()
    return (
        RunEdge(source, E.ASSESS_GOOD, wanted, _ASSESSORS, needs, then, because[0]),
        RunEdge(source, E.ASSESS_UNCLEAR, wanted, _ASSESSORS, needs, then, because[0]),
        RunEdge(source, E.ASSESS_NOT_INTERESTING, unwanted, _ASSESSORS, (), (), because[1]),
    )


RUN: Machine[S, E, RunFacts] = Machine(
    name="run",
    states=S,
    events=E,
    start=S.OPEN,
    vetoes=RUN_VETOES,
    ends=frozenset({S.MIGRATED, S.NOT_INTERESTING}),
    edges=(
        RunEdge(
            S.OPEN,
            E.CLOSE,
            S.CLOSED,
            _DAQ,
            (),
            (Work.RUN_CLOSED,),
            "The DAQ wrote its last train; the files are inspected and registered.",
        ),
        RunEdge(
            S.OPEN,
            E.ABORT,
            S.ABORTED,
            _ABORT,
            (),
            (Work.RUN_CLOSED,),
            "The DAQ never closed it; what lies on disk is registered all the same.",
            reason=True,
        ),
        RunEdge(
            S.ABORTED,
            E.CLOSE,
            S.CLOSED,
            _DAQ,
            (),
            (Work.RUN_CLOSED,),
            "A late close is welcome: no byte is lost because a message was.",
        ),
        *_assess(
            S.CLOSED,
            S.MIGRATION_REQUESTED,
            S.NOT_INTERESTING,
            (
                "Good and Unclear are migrated to Maxwell.",
                "Not interesting is never migrated; it stays online until its purge is decided.",
            ),
        ),
        *_assess(
            S.ABORTED,
            S.MIGRATION_REQUESTED,
            S.NOT_INTERESTING,
            ("An aborted run may still hold good data.", "Stays online."),
        ),
        *_assess(
            S.NOT_INTERESTING,
            S.MIGRATION_REQUESTED,
            S.NOT_INTERESTING,
            ("A mind may change while an online copy exists.", _LABEL_ONLY),
        ),
        *_assess(
            S.MIGRATION_REQUESTED,
            S.MIGRATION_REQUESTED,
            S.NOT_INTERESTING,
            (_LABEL_ONLY, "Before the copy begins the request is withdrawn."),
        ),
        *_assess(
            S.MIGRATING,
            S.MIGRATING,
            S.MIGRATING,
            (_LABEL_ONLY, "A copy that has begun is finished; deletion is another decision."),
        ),
        *_assess(
            S.MIGRATION_FAILED,
            S.MIGRATION_REQUESTED,
            S.NOT_INTERESTING,
            ("Asks for the copy again.", "The request is withdrawn."),
        ),
        *_assess(S.MIGRATED, S.MIGRATED, S.MIGRATED, (_LABEL_ONLY, _LABEL_ONLY)),
        RunEdge(
            S.MIGRATION_REQUESTED,
            E.BEGIN_MIGRATION,
            S.MIGRATING,
            _WORKERS,
            (REGISTERED, ONLINE_COPY, CLEAN),
            (),
            "A worker holds the lease; the manifest is frozen.",
        ),
        RunEdge(
            S.MIGRATION_FAILED,
            E.BEGIN_MIGRATION,
            S.MIGRATING,
            _WORKERS,
            (REGISTERED, ONLINE_COPY, CLEAN),
            (),
            "A late worker may still take a failed migration up.",
        ),
        RunEdge(
            S.MIGRATING,
            E.BEGIN_MIGRATION,
            S.MIGRATING,
            _WORKERS,
            (REGISTERED, ONLINE_COPY),
            (),
            "A new holder of the lease takes over from a dead one.",
        ),
        RunEdge(
            S.MIGRATING,
            E.COMPLETE_MIGRATION,
            S.MIGRATED,
            _WORKERS,
            (COPIES,),
            (),
            "A migrated run always has two verified copies.",
        ),
        RunEdge(
            S.MIGRATING,
            E.FAIL_MIGRATION,
            S.MIGRATION_FAILED,
            _WORKERS,
            (),
            (),
            "The destination could not be proved; the source is untouched.",
            reason=True,
        ),
        RunEdge(
            S.MIGRATION_REQUESTED,
            E.FAIL_MIGRATION,
            S.MIGRATION_FAILED,
            _WORKERS,
            (),
            (),
            "The copy could not begin.",
            reason=True,
        ),
        RunEdge(
            S.MIGRATION_FAILED,
            E.RETRY_MIGRATION,
            S.MIGRATION_REQUESTED,
            _ASSESSORS | _WORKERS,
            (ONLINE_COPY,),
            _MIGRATE,
            "Asked again by the retry ladder or by a person.",
        ),
    ),
)

ASSESS: dict[Assessment, E] = {
    Assessment.GOOD: E.ASSESS_GOOD,
    Assessment.UNCLEAR: E.ASSESS_UNCLEAR,
    Assessment.NOT_INTERESTING: E.ASSESS_NOT_INTERESTING,
}
"""The form's choice as an event."""

QUALITY: dict[E, RunQuality] = {
    E.ASSESS_GOOD: RunQuality.GOOD,
    E.ASSESS_UNCLEAR: RunQuality.UNCLEAR,
    E.ASSESS_NOT_INTERESTING: RunQuality.NOT_INTERESTING,
}
"""The event as the wire code `flg_run_quality`."""

WIRE_STATUS: dict[S, RunStatus] = {
    state: RunStatus.OPEN
    if state is S.OPEN
    else RunStatus.ABORTED
    if state is S.ABORTED
    else RunStatus.CLOSED
    for state in S
}
"""The state as the wire code `flg_status`."""

UNASSESSED = frozenset({S.CLOSED, S.ABORTED})
"""States in which an assessment is still due."""

PENDING = frozenset({S.MIGRATION_REQUESTED, S.MIGRATING, S.MIGRATION_FAILED})
"""States in which a wanted copy is not proved yet."""


def quality_label(code: int) -> str:
    """What the run table shows for `flg_run_quality`; unknown integers read "Others"."""
    return _QUALITY_LABELS.get(code, "Others")


_QUALITY_LABELS: dict[int, str] = {
    RunQuality.NOT_ASSESSED: "Not assessed",
    RunQuality.NOT_INTERESTING: "Not interesting",
    RunQuality.GOOD: "Good",
    RunQuality.UNCLEAR: "Unclear",
}


def retry_after(attempts: int) -> timedelta | None:
    """Waiting time before the next migration attempt.

    Args:
        attempts: Attempts that failed so far, 1 or more.

    Returns:
        None when a person must ask.
    """
    return RETRY_AFTER[attempts - 1] if 1 <= attempts <= len(RETRY_AFTER) else None
