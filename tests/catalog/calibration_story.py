"""Calibration requests and what the cluster says of them, for tests of the commands."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from catalog.commands import (
    assessing,
    batch_jobs,
    calibration,
    calibration_result,
    calibration_work,
    dark_life,
    leases,
    migration,
)
from catalog.commands.batch_jobs import Saw, Sighting
from catalog.commands.calibration import Site
from catalog.commands.calibration_result import Result, UsedConstant
from catalog.commands.calibration_work import PlannedExecution, PlannedJob
from catalog.commands.leases import Held
from catalog.queries.calibration_list import open_job_keys
from catalog.tables import Detector, PhysicalDetectorUnit
from policies.actor import SYSTEM
from policies.vocabulary import Assessment, JobState
from tests.catalog.story import MANAGER, NUMBER, T0, files, lease, proof, record_run

JF = "SPB_IRDA_JF4M"
AGIPD = "SPB_DET_AGIPD1M-1"
SITE = Site("never", timedelta(hours=24))
ALWAYS = Site("always", timedelta(hours=24))
LOST_AFTER = timedelta(minutes=15)


def units(session: Session) -> None:
    """Two modules of the JUNGFRAU."""
    detector = session.exec(select(Detector).where(Detector.identifier == JF)).one()
    for number in (1, 2):
        session.add(
            PhysicalDetectorUnit(
                physical_name=f"Jungfrau_M10{number}",
                karabo_da=f"JNGFR0{number}",
                detector_id=detector.id or 0,
                module_number=number,
            )
        )
    session.flush()


def migrated(session: Session, run: int, site: Site = SITE, now: datetime = T0) -> None:
    """A run that is recorded, assessed Good and migrated, with what follows from it."""
    record_run(session, run)
    assessing.assess_run(session, NUMBER, run, Assessment.GOOD, MANAGER, T0)
    migrate(session, run, site, now)


def migrate(session: Session, run: int, site: Site = SITE, now: datetime = T0) -> None:
    """The migration of an assessed run, with what follows from it."""
    held = lease(session, run, now=now)
    plan = migration.begin(session, NUMBER, run, held, SYSTEM, now)
    for target in plan.targets:
        migration.record_copy(session, NUMBER, run, target.repository, proof(plan), held, now)
    migration.complete(session, NUMBER, run, held, SYSTEM, now)
    calibration.follow_migration(session, NUMBER, run, site, now)
    dark_life.follow_migration(session, NUMBER, run, now)
    leases.release(session, held, now)


def held_for(session: Session, run: int, now: datetime = T0) -> Held:
    key = f"run-calibrate:{NUMBER}:{run}"
    return leases.acquire(session, key, "flow", now, timedelta(minutes=5))


def execution(request: int, karabo_id: str = JF, **more: Any) -> PlannedExecution:
    key = f"cal-{request}-{karabo_id}-1"
    jobs = (
        PlannedJob(key, "correct", ("true",), 2, 10),
        PlannedJob(f"{key}-report", "report", ("true",), 1, 10),
    )
    values: dict[str, Any] = {
        "folder": f"/gpfs/exfel/d/proc/SPB/002012/p002012/r0001/_{key}",
        "partition": "exfel",
        "jobs": jobs,
        **more,
    }
    return PlannedExecution(key, karabo_id, "JUNGFRAU", **values)


def begun(session: Session, run: int, *detectors: str, now: datetime = T0) -> int:
    """A request whose jobs the cluster has; answers its number."""
    asked = calibration.request(session, NUMBER, run, SITE, MANAGER, now)
    held = held_for(session, run, now)
    planned = [execution(asked.request, name) for name in detectors or (JF,)]
    calibration_work.begin(session, NUMBER, run, planned, held, now)
    for number, job in enumerate((j for p in planned for j in p.jobs), start=100):
        calibration_work.submitted(session, job.key, str(number), held, now)
    return asked.request


def sees(
    session: Session, state: JobState, now: datetime = T0, only: str = "", words: str = ""
) -> Saw:
    """The cluster says the same of every open job, or of those whose name contains a word."""
    keys = [key for key in open_job_keys(session) if only in key]
    seen = {key: Sighting(key, "1", state, words=words) for key in keys}
    return batch_jobs.saw(session, seen, keys, now, LOST_AFTER)


def result(run: int = 1, mark: str = "c") -> Result:
    used = UsedConstant("JNGFR01", "Jungfrau_M101", "Offset10Hz", 7, "xfel/cal/a.h5", "/a/0")
    folder = f"/gpfs/exfel/d/proc/SPB/002012/p002012/r{run:04d}"
    return Result(folder, files(run, mark=mark), [used], f"report-{mark}.pdf", "/usr/Reports/")


def publish(session: Session, request: int, run: int, karabo_id: str = JF, mark: str = "c") -> int:
    held = held_for(session, run)
    key = f"cal-{request}-{karabo_id}-1"
    return calibration_result.publish(session, key, result(run, mark), held, T0)
