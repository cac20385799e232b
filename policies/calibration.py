"""The life of a calibration request, of its executions and of their batch jobs, as tables.

Source: status codes and reply texts as answered by the production catalog; waiting for the
migration, one job chain per detector and the report per detector are public of the facility's
calibration service; the tables themselves are ours.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from policies.machine import Edge, Guard, Machine
from policies.vocabulary import CalibrationEvent as E
from policies.vocabulary import CalibrationState as S
from policies.vocabulary import Role, Work

VERSION = "calibration-1"
"""Written into every journal row that these tables decided."""

OPEN = frozenset({S.REQUESTED, S.WAITING, S.IN_PROGRESS})
"""States of a request that is not over."""

STALE_REQUEST = timedelta(minutes=10)
"""How long a request may stand still with nobody at work before the sweep asks again."""

NO_DETECTOR = "No detector data"
"""Reply for a run without data of a known detector."""

TIMED_OUT = "Timed out waiting for migration"
"""Reply for a run that was not migrated before the deadline."""

ALL_SUCCEEDED = "Calibration jobs succeeded"
"""Reply when every detector succeeded."""

_ASKERS = frozenset(
    {Role.ADMIN, Role.LS, Role.BE, Role.LC, Role.SG, Role.PI, Role.MP, Role.T_DM, Role.SYSTEM}
)
_SYSTEM = frozenset({Role.SYSTEM, Role.ADMIN})


@dataclass(frozen=True)
class CalibrationFacts:
    """What the guards look at.

    Attributes:
        migrated: Whether the run's raw data are on the offline storage, verified.
        at_work: Detectors whose jobs are not over.
        unpublished: Detectors that succeeded and whose result is not in place yet.
        failed: Detectors that came to no result.
    """

    migrated: bool = False
    at_work: tuple[str, ...] = ()
    unpublished: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


MIGRATED = Guard[CalibrationFacts](
    "run is migrated",
    lambda f: "the run is not migrated: its raw data are not on the offline storage yet",
    lambda f: f.migrated,
    overridable=False,
)
OVER = Guard[CalibrationFacts](
    "every job is over",
    lambda f: "jobs are at work for " + ", ".join(f.at_work),
    lambda f: not f.at_work,
    overridable=False,
)
PUBLISHED = Guard[CalibrationFacts](
    "every result is in place",
    lambda f: "not published yet: " + ", ".join(f.unpublished),
    lambda f: not f.unpublished,
    overridable=False,
)
ALL_WELL = Guard[CalibrationFacts](
    "no detector failed",
    lambda f: "failed: " + ", ".join(f.failed),
    lambda f: not f.failed,
    overridable=False,
)

CalibrationEdge = Edge[S, E, CalibrationFacts]
_THEN = (Work.RUN_CALIBRATE,)


def _cancel(source: S) -> CalibrationEdge:
    then = _THEN if source is S.IN_PROGRESS else ()
    because = "A person withdraws it; its jobs are cancelled, a former result stays."
    return CalibrationEdge(source, E.CANCEL, S.CANCELLED, _ASKERS, (), then, because, reason=True)


CALIBRATION: Machine[S, E, CalibrationFacts] = Machine(
    name="calibration",
    states=S,
    events=E,
    start=S.REQUESTED,
    ends=frozenset({S.AVAILABLE, S.ERROR, S.NOTHING, S.CANCELLED}),
    edges=(
        CalibrationEdge(
            S.REQUESTED,
            E.AWAIT,
            S.WAITING,
            _SYSTEM,
            because="Raw data that are still to come are waited for, by rows, not by polling.",
        ),
        CalibrationEdge(
            S.WAITING,
            E.WAKE,
            S.REQUESTED,
            _SYSTEM,
            (MIGRATED,),
            _THEN,
            "The row migrating ⇒ migrated wakes every request that waits for it.",
        ),
        CalibrationEdge(
            S.WAITING,
            E.TIME_OUT,
            S.ERROR,
            _SYSTEM,
            because="The service waits for a transfer to finish or times out.",
        ),
        CalibrationEdge(
            S.REQUESTED,
            E.BEGIN,
            S.IN_PROGRESS,
            _SYSTEM,
            (MIGRATED,),
            because="One execution per detector and the names of its jobs are on record first.",
        ),
        CalibrationEdge(
            S.REQUESTED,
            E.FIND_NOTHING,
            S.NOTHING,
            _SYSTEM,
            (MIGRATED,),
            because="A run without data of a known detector has nothing to calibrate.",
        ),
        CalibrationEdge(
            S.IN_PROGRESS,
            E.SUCCEED,
            S.AVAILABLE,
            _SYSTEM,
            (OVER, PUBLISHED, ALL_WELL),
            because="Every detector's result is in place, read back and registered.",
        ),
        CalibrationEdge(
            S.IN_PROGRESS,
            E.FAIL,
            S.ERROR,
            _SYSTEM,
            (OVER, PUBLISHED),
            because="One detector failed; what succeeded is published all the same.",
        ),
        *map(_cancel, (S.REQUESTED, S.WAITING, S.IN_PROGRESS)),
    ),
)


def reply(succeeded: Collection[str], failed: Collection[str]) -> str:
    """`cal_pipeline_reply` of a request that is over.

    Source: "Calibration jobs succeeded" and "Succeeded: none; Failed: FXE_DET_LPD1M-1" as
    answered by the production catalog; comma lists are ours.
    """
    if not failed:
        return ALL_SUCCEEDED if succeeded else NO_DETECTOR
    good, bad = (", ".join(sorted(names)) or "none" for names in (succeeded, failed))
    return f"Succeeded: {good}; Failed: {bad}"


def run_status(state: S, has_result: bool) -> S:
    """`flg_cal_data_status` of the run.

    Args:
        state: State of its newest request.
        has_result: Whether corrected data of the run are in place.
    """
    if state in {S.CANCELLED, S.NOTHING}:
        return S.AVAILABLE if has_result else S.NOTHING
    return state


def wanted_by_itself(auto_when: str, preferred_output: str) -> bool:
    """Whether a run is calibrated without anybody asking.

    Args:
        auto_when: The site's word: `always`, `never` or `preferred-processed`.
        preferred_output: The proposal's `flg_preferred_data_output`, `R` or `P`.
    """
    return auto_when == "always" or (auto_when == "preferred-processed" and preferred_output == "P")
