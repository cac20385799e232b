"""Calibration as flows and people see it: requests, executions, jobs, constants and their use."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from catalog.queries.facts import instrument_of, raw_group
from catalog.queries.find import run_row
from catalog.tables.calibration import (
    BatchJob,
    CalibrationRequest,
    Detector,
    Execution,
    PhysicalDetectorUnit,
)
from catalog.tables.files import DatasetFile
from catalog.tables.proposals import Proposal, ProvisioningStep
from catalog.tables.runs import Run
from policies.vocabulary import (
    BeamtimeState,
    CalibrationState,
    ExecutionState,
    JobState,
    RunState,
)


@dataclass(frozen=True)
class JobView:
    """A batch job."""

    key: str
    step: str
    state: JobState
    job_id: str
    tasks: int
    minutes: int
    memory_mb: int
    command: tuple[str, ...]
    words: str
    begin_at: datetime | None
    end_at: datetime | None
    elapsed_seconds: int | None


@dataclass(frozen=True)
class ExecutionView:
    """One detector of a request, with its jobs in order."""

    key: str
    karabo_id: str
    detector_type: str
    state: ExecutionState
    folder: str
    report_path: str
    partition: str
    reservation: str
    job: dict[str, Any]
    words: str
    jobs: tuple[JobView, ...] = ()


@dataclass(frozen=True)
class Unit:
    """A module of a detector."""

    karabo_da: str
    physical_name: str


@dataclass(frozen=True)
class DetectorView:
    """A detector with its modules."""

    identifier: str
    detector_type: str
    control: str
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class CalibrationView:
    """What a flow needs of a run's newest request.

    Attributes:
        request: Row id.
        state: Where it stands.
        detectors: Karabo ids that are wanted; empty: all.
        requested_at: When it was asked.
        migrated: Whether the raw data are on the offline storage.
        begin_at: Begin of the run: the moment for which constants are looked up.
        raw_files: Digests of the registered raw files by name, with their sizes.
        instrument: Instrument identifier.
        path: The proposal's recorded path.
        beamtime_active: Whether the beamtime runs.
        reservation: Name of the beamtime's reservation, empty when there is none.
        known: The instrument's detectors by karabo id.
        in_place: Names of the files that a former result has in place, by karabo id.
        executions: What was planned for it.
    """

    request: int
    state: CalibrationState
    detectors: tuple[str, ...]
    requested_at: datetime
    migrated: bool
    begin_at: datetime
    raw_files: dict[str, tuple[str, int]]
    instrument: str
    path: str
    beamtime_active: bool
    reservation: str
    known: dict[str, DetectorView]
    in_place: dict[str, tuple[str, ...]]
    executions: tuple[ExecutionView, ...] = ()


def newest_request(session: Session, number: int, run_number: int) -> CalibrationView | None:
    """A run's newest request, None when it was never asked for.

    Raises:
        Missing: No such proposal or run.
    """
    proposal, run = run_row(session, number, run_number)
    row = session.exec(
        select(CalibrationRequest)
        .where(CalibrationRequest.run_id == run.id)
        .order_by(col(CalibrationRequest.id).desc())
    ).first()
    if row is None:
        return None
    instrument = instrument_of(session, proposal)
    return CalibrationView(
        request=row.id or 0,
        state=row.state,
        detectors=tuple(row.detectors),
        requested_at=row.requested_at,
        migrated=run.state is RunState.MIGRATED,
        begin_at=run.begin_at,
        raw_files=raw_digests(session, run),
        instrument=instrument.identifier,
        path=proposal.def_proposal_path,
        beamtime_active=proposal.flg_beamtime_status is BeamtimeState.ACTIVE,
        reservation=reservation_of(session, proposal),
        known=detectors_of(session, instrument.id or 0),
        in_place=_in_place(session, run),
        executions=executions_of(session, request=row.id),
    )


def _in_place(session: Session, run: Run) -> dict[str, tuple[str, ...]]:
    rows = session.exec(
        select(Execution.karabo_id, DatasetFile.filename)
        .join(CalibrationRequest, col(CalibrationRequest.id) == Execution.request_id)
        .join(DatasetFile, col(DatasetFile.data_group_id) == Execution.data_group_id)
        .where(CalibrationRequest.run_id == run.id, Execution.state == ExecutionState.PUBLISHED)
        .order_by(DatasetFile.filename)
    ).all()
    found: dict[str, list[str]] = {}
    for karabo_id, name in rows:
        found.setdefault(karabo_id, []).append(name)
    return {karabo_id: tuple(names) for karabo_id, names in found.items()}


def raw_digests(session: Session, run: Run) -> dict[str, tuple[str, int]]:
    """xxh3_128 and size of a run's registered raw files, by file name."""
    group = raw_group(session, run)
    if group is None:
        return {}
    rows = session.exec(
        select(DatasetFile.relative_path, DatasetFile.xxh3_128, DatasetFile.byte_size).where(
            DatasetFile.data_group_id == group.id
        )
    )
    return {path: (digest, size) for path, digest, size in rows}


def reservation_of(session: Session, proposal: Proposal) -> str:
    """Name of the reservation that is on record as made, empty when there is none."""
    steps = session.exec(
        select(ProvisioningStep).where(ProvisioningStep.proposal_id == proposal.id)
    )
    found = [step.proof.get("reservation", "") for step in steps if step.proof]
    names = [name if isinstance(name, str) else str(name.get("name", "")) for name in found if name]
    return names[0] if names else ""


def detectors_of(session: Session, instrument_id: int) -> dict[str, DetectorView]:
    """Detectors of an instrument by karabo id."""
    rows = session.exec(
        select(Detector)
        .where(Detector.instrument_id == instrument_id, col(Detector.flg_available))
        .order_by(Detector.identifier)
    ).all()
    return {
        row.identifier: DetectorView(
            row.identifier,
            row.detector_type,
            row.karabo_id_control or row.identifier,
            tuple(
                Unit(unit.karabo_da, unit.physical_name)
                for unit in session.exec(
                    select(PhysicalDetectorUnit)
                    .where(PhysicalDetectorUnit.detector_id == row.id)
                    .where(col(PhysicalDetectorUnit.flg_available))
                    .order_by(PhysicalDetectorUnit.karabo_da)
                )
            ),
        )
        for row in rows
    }


def executions_of(
    session: Session, *, request: int | None = None, dark_run: int | None = None
) -> tuple[ExecutionView, ...]:
    """Executions of a request or of a dark request, with their jobs."""
    mine = (
        Execution.request_id == request
        if request is not None
        else Execution.dark_run_id == dark_run
    )
    rows = session.exec(select(Execution).where(mine).order_by(col(Execution.id))).all()
    jobs = session.exec(
        select(BatchJob)
        .where(col(BatchJob.execution_id).in_([row.id for row in rows]))
        .order_by(col(BatchJob.id))
    ).all()
    return tuple(
        ExecutionView(
            row.key,
            row.karabo_id,
            row.detector_type,
            row.state,
            row.folder,
            row.report_path,
            row.partition,
            row.reservation,
            row.job,
            row.words,
            tuple(_job_view(job) for job in jobs if job.execution_id == row.id),
        )
        for row in rows
    )


def _job_view(job: BatchJob) -> JobView:
    return JobView(
        job.key,
        job.step,
        job.state,
        job.job_id,
        job.tasks,
        job.minutes,
        job.memory_mb,
        tuple(job.command),
        job.words,
        job.begin_at,
        job.end_at,
        job.elapsed_seconds,
    )
