"""Corrected data take their place: files, copy, report and constants on record; then the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.commands import leases
from catalog.commands.calibration_write import by_system, move_execution
from catalog.commands.leases import Held
from catalog.commands.registration import RegisteredFile, file_row
from catalog.tables.calibration import (
    CalibrationRequest,
    ConstantVersion,
    Execution,
    Report,
    RunConstant,
)
from catalog.tables.facility import DataGroupType, Repository
from catalog.tables.files import DataGroup, DatasetFile, Replica, RunDataGroup
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.errors import Missing
from policies.manifest import manifest_hash
from policies.replica import Tier
from policies.vocabulary import (
    ExecutionEvent,
    ExecutionState,
    ReplicaState,
)

PROC = "PROC"
"""Data group type of corrected data."""


@dataclass(frozen=True)
class UsedConstant:
    """A constant that a module's data were corrected with.

    Attributes:
        karabo_da: The module's place.
        physical_name: The module.
        calibration: Name of the constant, for example `Offset`.
        ccv_id: Row id in CalCat, None where the site has none.
        path: Its file, below the constants store.
        dataset: Its place in the file.
    """

    karabo_da: str
    physical_name: str
    calibration: str
    ccv_id: int | None
    path: str
    dataset: str


@dataclass(frozen=True)
class Result:
    """What an execution brought into place.

    Attributes:
        folder: Where the files lie, as the catalog names paths.
        files: The files, read back.
        constants: What they were made with.
        report_name: File name of the report, empty: none.
        report_folder: Where it lies.
        proof: How the files were read back.
    """

    folder: str
    files: Sequence[RegisteredFile]
    constants: Sequence[UsedConstant]
    report_name: str = ""
    report_folder: str = ""
    proof: Mapping[str, Any] = field(default_factory=dict)


def publish(session: Session, key: str, result: Result, held: Held, now: datetime) -> int:
    """Put an execution's result on record; the former one of the same detector steps back.

    Args:
        session: A writing session.
        key: The execution's key.
        result: What is in place, read back.
        held: The caller's lease.
        now: When, aware.

    Returns:
        Row id of the data group.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Missing: No such execution, or the facility has no place for corrected data.
        Refused: The execution has no result to publish.
    """
    leases.check(session, held, now)
    execution = session.exec(select(Execution).where(Execution.key == key)).first()
    if execution is None or execution.request_id is None:
        raise Missing(f"there is no correction {key}")
    if execution.state is ExecutionState.PUBLISHED:
        return execution.data_group_id or 0
    request = session.get_one(CalibrationRequest, execution.request_id)
    proposal = session.get_one(Proposal, request.proposal_id)
    run = session.get_one(Run, request.run_id)
    place = (proposal.number, run.run_number)
    group = _group(session, (proposal, run), execution, result, now)
    details = {"files": len(result.files), "data_group": group.id, "folder": result.folder}
    execution.data_group_id = group.id
    for former in _former(session, run, execution):
        move_execution(session, place, former, ExecutionEvent.SUPERSEDE, by_system(now))
        _step_back(session, former, now)
    move_execution(session, place, execution, ExecutionEvent.PUBLISH, by_system(now), details)
    _constants(session, run, execution, result.constants)
    if result.report_name:
        _report(session, run, request, execution, result)
    session.flush()
    return group.id or 0


def _group(
    session: Session,
    place: tuple[Proposal, Run],
    execution: Execution,
    result: Result,
    now: datetime,
) -> DataGroup:
    proposal, run = place
    kind = session.exec(select(DataGroupType).where(DataGroupType.identifier == PROC)).first()
    if kind is None:
        raise Missing(f"the facility has no data group type {PROC}", field="data_group_type")
    digest = manifest_hash([file.entry() for file in result.files])
    group = DataGroup(
        name=f"proc_{run.run_folder}_x{execution.id:04d}",
        data_group_type_id=kind.id or 0,
        proposal_id=proposal.id or 0,
        experiment_id=run.experiment_id,
        prefix_path=result.folder,
        manifest_hash=digest,
        description=f"{execution.karabo_id}: corrected data",
        created_at=now,
    )
    session.add(group)
    session.flush()
    session.add(RunDataGroup(run_id=run.id or 0, data_group_id=group.id or 0))
    rows = [file_row(group, file) for file in result.files]
    if rows:
        session.connection().execute(sa.insert(DatasetFile), rows)
    session.add(_copy(session, group, kind, result, digest, now))
    return group


def _copy(
    session: Session,
    group: DataGroup,
    kind: DataGroupType,
    result: Result,
    digest: str,
    now: datetime,
) -> Replica:
    """The copy on the offline storage, with how it was read back."""
    store = session.exec(
        select(Repository)
        .where(Repository.tier == Tier.OFFLINE, col(Repository.flg_available))
        .where(Repository.data_group_type_id == kind.id)
        .order_by(col(Repository.rank), col(Repository.id))
    ).first()
    if store is None:
        raise Missing(f"no offline repository for {PROC} is available", field="repository")
    return Replica(
        data_group_id=group.id or 0,
        repository_id=store.id or 0,
        state=ReplicaState.VERIFIED,
        state_since=now,
        verified_at=now,
        manifest_hash=digest,
        num_files=len(result.files),
        byte_size=sum(file.size_bytes for file in result.files),
        path=result.folder,
        proof=dict(result.proof),
    )


def _former(session: Session, run: Run, execution: Execution) -> list[Execution]:
    return list(
        session.exec(
            select(Execution)
            .join(CalibrationRequest, col(CalibrationRequest.id) == Execution.request_id)
            .where(CalibrationRequest.run_id == run.id, Execution.id != execution.id)
            .where(Execution.karabo_id == execution.karabo_id)
            .where(Execution.state == ExecutionState.PUBLISHED)
        )
    )


def _step_back(session: Session, former: Execution, now: datetime) -> None:
    """The former result's files are gone: its rows stay, and say so."""
    group = session.get(DataGroup, former.data_group_id or 0)
    if group is None:
        return
    group.flg_available, group.removed_at = False, now
    for replica in session.exec(select(Replica).where(Replica.data_group_id == group.id)):
        replica.state, replica.state_since, replica.flg_available = ReplicaState.GONE, now, False


def _constants(
    session: Session, run: Run, execution: Execution, used: Sequence[UsedConstant]
) -> None:
    for constant in used:
        known = session.exec(
            select(ConstantVersion.id).where(
                ConstantVersion.path_to_file == constant.path,
                ConstantVersion.data_set_name == constant.dataset,
            )
        ).first()
        session.add(
            RunConstant(
                run_id=run.id or 0,
                execution_id=execution.id or 0,
                karabo_da=constant.karabo_da,
                physical_name=constant.physical_name,
                calibration=constant.calibration,
                ccv_id=constant.ccv_id,
                constant_version_id=known,
                path=constant.path,
                dataset=constant.dataset,
            )
        )


def _report(
    session: Session,
    run: Run,
    request: CalibrationRequest,
    execution: Execution,
    result: Result,
) -> None:
    session.add(
        Report(
            name=result.report_name,
            cal_report_path=result.report_folder,
            cal_report_at=request.requested_at,
            run_id=run.id or 0,
            execution_id=execution.id,
            description=f"{execution.karabo_id} detector corrections",
        )
    )
