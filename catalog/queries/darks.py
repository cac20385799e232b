"""Dark-run requests as flows and people see them."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from catalog.queries.calibration import (
    ExecutionView,
    executions_of,
    raw_digests,
    reservation_of,
)
from catalog.queries.facts import instrument_of
from catalog.queries.find import proposal_row
from catalog.tables.calibration import (
    BatchJob,
    ConstantVersion,
    DarkRun,
    DarkRunPart,
    Detector,
    Execution,
    PhysicalDetectorUnit,
)
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.dark import OPEN
from policies.executions import ENDED_JOBS
from policies.vocabulary import BeamtimeState, DarkState, RunState


@dataclass(frozen=True)
class DarkPart:
    """One run of a request."""

    run: int
    stage: str
    migrated: bool
    begin_at: datetime
    raw_files: dict[str, tuple[str, int]]


@dataclass(frozen=True)
class DarkView:
    """A dark-run request.

    Attributes:
        units: Place and physical name of each module that is wanted.
        parts: Its runs in gain order.
        control: Control domain of the detector.
        repetition: How many earlier requests characterise the same detector from the same first
            run.
        executions: What was planned for it.
    """

    id: int
    proposal: int
    state: DarkState
    detector: str
    detector_type: str
    mode: str
    mode_name: str
    units: tuple[tuple[str, str], ...]
    parts: tuple[DarkPart, ...]
    requested_by: str
    requested_at: datetime
    updated_at: datetime
    report_url: str
    feedback: str
    full_feedback: str
    description: str
    warnings: tuple[str, ...]
    instrument: str
    path: str
    beamtime_active: bool
    reservation: str
    control: str
    repetition: int
    executions: tuple[ExecutionView, ...] = ()


def dark_requests(session: Session, number: int, *, due_only: bool = False) -> list[DarkView]:
    """A proposal's dark-run requests, newest first.

    Args:
        session: Any session.
        number: Proposal number.
        due_only: Only those that are not over, oldest first, and withdrawn ones with jobs left.

    Raises:
        Missing: No such proposal.
    """
    proposal = proposal_row(session, number)
    query = select(DarkRun).where(DarkRun.proposal_id == proposal.id)
    if due_only:
        left = (
            select(Execution.dark_run_id)
            .join(BatchJob, col(BatchJob.execution_id) == Execution.id)
            .where(col(BatchJob.state).not_in(ENDED_JOBS), col(Execution.dark_run_id).is_not(None))
        )
        query = query.where(col(DarkRun.flg_status).in_(OPEN) | col(DarkRun.id).in_(left))
        query = query.order_by(col(DarkRun.id))
    else:
        query = query.order_by(col(DarkRun.id).desc())
    return [_view(session, proposal, row) for row in session.exec(query).all()]


def _view(session: Session, proposal: Proposal, row: DarkRun) -> DarkView:
    detector = session.get_one(Detector, row.detector_id)
    instrument = instrument_of(session, proposal)
    units = session.exec(
        select(PhysicalDetectorUnit.karabo_da, PhysicalDetectorUnit.physical_name)
        .where(PhysicalDetectorUnit.detector_id == detector.id)
        .where(col(PhysicalDetectorUnit.karabo_da).in_(row.pdu_karabo_das))
        .order_by(PhysicalDetectorUnit.karabo_da)
    ).all()
    return DarkView(
        id=row.id or 0,
        proposal=proposal.number,
        state=row.flg_status,
        detector=row.detector_identifier,
        detector_type=detector.detector_type,
        mode=row.operation_mode_identifier,
        mode_name=row.operation_mode_name,
        units=tuple((place, name) for place, name in units),
        parts=_parts(session, row),
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        updated_at=row.updated_at,
        report_url=row.report_url,
        feedback=row.calcat_feedback,
        full_feedback=row.cal_pipeline_full_feedback,
        description=row.description,
        warnings=tuple(row.warnings),
        instrument=instrument.identifier,
        path=proposal.def_proposal_path,
        beamtime_active=proposal.flg_beamtime_status is BeamtimeState.ACTIVE,
        reservation=reservation_of(session, proposal),
        control=detector.karabo_id_control or detector.identifier,
        repetition=_earlier(session, row),
        executions=executions_of(session, dark_run=row.id),
    )


def _earlier(session: Session, row: DarkRun) -> int:
    """Earlier requests for the same detector that hold the same first run.

    Whatever became of them: the number never changes.
    """
    first = (
        select(DarkRunPart.run_id)
        .where(DarkRunPart.dark_run_id == row.id)
        .join(Run, col(Run.id) == DarkRunPart.run_id)
        .order_by(col(Run.begin_at), col(Run.id))
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(func.count(func.distinct(DarkRun.id)))
        .join(DarkRunPart, col(DarkRunPart.dark_run_id) == DarkRun.id)
        .where(
            DarkRun.detector_id == row.detector_id,
            col(DarkRun.id) < row.id,
            col(DarkRunPart.run_id) == first,
        )
    )
    return int(session.exec(query).one())


def _parts(session: Session, row: DarkRun) -> tuple[DarkPart, ...]:
    rows = session.exec(
        select(DarkRunPart, Run)
        .join(Run, col(Run.id) == DarkRunPart.run_id)
        .where(DarkRunPart.dark_run_id == row.id)
        .order_by(col(DarkRunPart.position))
    ).all()
    return tuple(
        DarkPart(
            run.run_number,
            part.stage,
            run.state is RunState.MIGRATED,
            run.begin_at,
            raw_digests(session, run),
        )
        for part, run in rows
    )


@dataclass(frozen=True)
class VersionView:
    """A version of a constant."""

    id: int
    ccv_id: int | None
    physical_name: str
    calibration: str
    name: str
    path: str
    dataset: str
    begin_validity_at: datetime
    deployed: bool
    good: bool
    dark_run: int | None
    raw_data_location: str


def versions_of_dark(session: Session, dark_run: int) -> list[VersionView]:
    """Constants that a dark request came to."""
    rows = session.exec(
        select(ConstantVersion, PhysicalDetectorUnit.physical_name)
        .join(
            PhysicalDetectorUnit,
            col(PhysicalDetectorUnit.id) == ConstantVersion.physical_detector_unit_id,
        )
        .where(ConstantVersion.dark_run_id == dark_run)
        .order_by(PhysicalDetectorUnit.physical_name, ConstantVersion.calibration)
    ).all()
    return [
        VersionView(
            version.id or 0,
            version.ccv_id,
            name,
            version.calibration,
            version.name,
            version.path_to_file,
            version.data_set_name,
            version.begin_validity_at,
            version.flg_deployed,
            version.flg_good_quality,
            version.dark_run_id,
            version.raw_data_location,
        )
        for version, name in rows
    ]
