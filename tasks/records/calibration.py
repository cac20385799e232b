"""Calibrations and dark runs: what is asked, planned, seen and in place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from catalog.commands import (
    batch_jobs,
    calibration,
    calibration_end,
    calibration_result,
    calibration_work,
)
from catalog.commands.batch_jobs import Saw, Sighting
from catalog.commands.calibration import Asked, Site
from catalog.commands.calibration_result import Result, UsedConstant
from catalog.commands.calibration_work import PlannedExecution, PlannedJob
from catalog.commands.leases import Held
from catalog.queries import calibration as queries
from catalog.queries import calibration_list, constants
from catalog.queries.calibration import CalibrationView, DetectorView, ExecutionView
from catalog.queries.calibration_list import JobPlace
from catalog.queries.constants import Held as HeldConstants
from catalog.queries.constants import Known
from policies.dark import mode_of
from policies.vocabulary import CalibrationState
from settings.calibration import CalibrationSettings, DetectorJobs, InstrumentFile, JobShape
from settings.model import load
from tasks.records.base import actor, database, now

__all__ = [
    "Asked",
    "CalibrationView",
    "DetectorJobs",
    "DetectorView",
    "ExecutionView",
    "JobShape",
    "Known",
    "PlannedExecution",
    "PlannedJob",
    "Result",
    "Saw",
    "Sighting",
    "UsedConstant",
]


def _settings() -> CalibrationSettings:
    return load().calibration


def site() -> Site:
    """What the site's settings say about asking."""
    here = _settings()
    wait = timedelta(hours=here.wait_migration_hours)
    return Site(here.auto_when, wait, here.repeat_failed_only)


def instrument_file(instrument: str) -> InstrumentFile:
    """How an instrument's detectors are calibrated.

    Raises:
        Misconfigured: No such file, or it does not read.
    """
    return _settings().instrument(instrument)


def min_trains(instrument: str, detector_type: str, mode: str) -> int:
    """Trains that each dark run must have at this site."""
    jobs = instrument_file(instrument).jobs(detector_type)
    if jobs is not None and jobs.min_trains is not None:
        return jobs.min_trains
    known = mode_of(detector_type, mode)
    return known.min_trains if known else 0


@dataclass(frozen=True)
class Watching:
    """How a watch over the cluster goes.

    Attributes:
        pause_seconds: Pause between two looks.
        for_seconds: How long one watch lasts.
    """

    pause_seconds: float
    for_seconds: float


def watching() -> Watching:
    """What the site's settings say about watching."""
    return Watching(_settings().watch_seconds, _settings().watch_for_seconds)


def request(
    number: int, run_number: int, operator: str, detectors: Sequence[str], reason: str
) -> Asked:
    """Ask for a run's corrected data.

    Raises:
        Refused: The run is open or never migrated, or another request is open.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return calibration.request(
            session, number, run_number, site(), who, now(), detectors=detectors, reason=reason
        )


def repeat(number: int, run_number: int, operator: str, reason: str) -> Asked:
    """Ask once more, for what failed.

    Raises:
        Refused: It was never calibrated, or a request is open.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return calibration.repeat(session, number, run_number, site(), who, now(), reason)


def cancel(number: int, run_number: int, operator: str, reason: str) -> CalibrationState:
    """Withdraw a run's open request.

    Raises:
        Refused: Nothing is open, or no reason.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return calibration.cancel(session, number, run_number, who, now(), reason)


def newest(number: int, run_number: int) -> CalibrationView | None:
    """A run's newest request, None when it was never asked for."""
    with database().read() as session:
        return queries.newest_request(session, number, run_number)


def constants_at(
    view: CalibrationView, karabo_id: str, condition: Mapping[str, float]
) -> HeldConstants:
    """Our own deployed constants that held when the run began and fit its settings."""
    with database().read() as session:
        return constants.constants_at(session, karabo_id, view.begin_at, condition)


def digests_of(places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Digests of the constants files that we made ourselves, by path and dataset."""
    with database().read() as session:
        return constants.digests_of(session, places)


def begin(
    number: int, run_number: int, planned: Sequence[PlannedExecution], held: Held
) -> CalibrationState:
    """Put executions and jobs on record before any is submitted.

    Raises:
        LeaseLost: Somebody else took over.
        Refused: Not due.
    """
    with database().write() as session:
        return calibration_work.begin(session, number, run_number, planned, held, now())


def submitted(key: str, job_id: str, held: Held) -> None:
    """The cluster has a job.

    Raises:
        LeaseLost: Somebody else took over.
    """
    with database().write() as session:
        calibration_work.submitted(session, key, job_id, held, now())


def leave_reservation(key: str, why: str, held: Held) -> None:
    """A job goes where others go, because the reservation does not take it.

    Raises:
        LeaseLost: Somebody else took over.
    """
    with database().write() as session:
        calibration_work.leave_reservation(session, key, why, held, now())


def refuse(key: str, why: str, held: Held) -> None:
    """An execution cannot be done.

    Raises:
        LeaseLost: Somebody else took over.
    """
    with database().write() as session:
        calibration_work.refuse(session, key, why, held, now())


def publish(key: str, result: Result, held: Held) -> int:
    """Put an execution's result on record.

    Raises:
        LeaseLost: Somebody else took over.
    """
    with database().write() as session:
        return calibration_result.publish(session, key, result, held, now())


def conclude(number: int, run_number: int, held: Held) -> tuple[CalibrationState, str]:
    """End a request whose results are in place; answers state and reply.

    Raises:
        LeaseLost: Somebody else took over.
        Refused: A job is at work, or a result is not in place.
    """
    with database().write() as session:
        return calibration_end.conclude(session, number, run_number, held, now())


def open_jobs() -> list[str]:
    """Names of every batch job that is not over."""
    with database().read() as session:
        return calibration_list.open_job_keys(session)


def places_of(keys: Sequence[str]) -> list[JobPlace]:
    """Where jobs leave their marks."""
    with database().read() as session:
        return calibration_list.places_of(session, keys)


def saw(sightings: Mapping[str, Sighting], asked: Collection[str]) -> Saw:
    """Take over what the cluster says of its jobs."""
    lost_after = timedelta(minutes=_settings().lost_after_minutes)
    with database().write() as session:
        return batch_jobs.saw(session, sightings, asked, now(), lost_after)


def drop(keys: Collection[str]) -> int:
    """Jobs that were cancelled before the cluster ever had them."""
    with database().write() as session:
        return batch_jobs.drop(session, keys, now())
