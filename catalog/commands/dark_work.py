"""From a dark request's jobs to constants on record, and to their use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from catalog.commands import leases
from catalog.commands.calibration_work import PlannedExecution, put_dark
from catalog.commands.calibration_write import (
    Asker,
    by_system,
    move_dark,
    move_execution,
)
from catalog.commands.dark_life import dark_row, facts_of
from catalog.commands.journal import record
from catalog.commands.leases import Held
from catalog.queries.find import proposal_row
from catalog.tables.calibration import (
    ConstantVersion,
    DarkRun,
    DarkRunPart,
    Execution,
    PhysicalDetectorUnit,
    Report,
)
from catalog.tables.proposals import Proposal
from policies import dark as rules
from policies import permissions
from policies.actor import SYSTEM, Actor
from policies.errors import Missing, Refused
from policies.vocabulary import DarkEvent, DarkState, ExecutionEvent, ExecutionState, Subject


@dataclass(frozen=True)
class NewConstant:
    """A version of a constant that a dark request came to.

    Attributes:
        physical_name: The module.
        calibration: Name of the constant.
        name: Name of the version.
        condition: Operating condition, by parameter.
        file_name: Its file.
        path: The file below the constants store.
        dataset: Its place in the file.
        xxh3_128: Digest of the file.
        begin_at: When the data were taken, aware: it holds from then on.
        raw_data_location: `proposal:900376 runs:17 16 15`.
        ccv_id: Row id in CalCat, None where the site has none.
        deployed: Whether it is used from now on.
    """

    physical_name: str
    calibration: str
    name: str
    condition: Mapping[str, Any]
    file_name: str
    path: str
    dataset: str
    xxh3_128: str
    begin_at: datetime
    raw_data_location: str
    ccv_id: int | None = None
    deployed: bool = False


@dataclass(frozen=True)
class DarkResult:
    """What a dark request came to.

    Attributes:
        constants: New versions.
        report_name: File name of the report, empty: none.
        report_folder: Where it lies.
        size_bytes: Bytes of constants.
        output_path: Folder of the result.
        feedback: What the jobs said, for people.
    """

    constants: Sequence[NewConstant] = field(default=())
    report_name: str = ""
    report_folder: str = ""
    size_bytes: int = 0
    output_path: str = ""
    feedback: str = ""


def begin(
    session: Session, number: int, dark_run: int, plan: PlannedExecution, held: Held, now: datetime
) -> None:
    """Put a dark request's execution and the names of its jobs on record.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Refused: It is not due, or a run is not migrated.
    """
    proposal, row = _open(session, number, dark_run, held, now)
    move_dark(session, proposal, row, DarkEvent.BEGIN, facts_of(session, row), by_system(now))
    row.begin_at, row.output_path = now, plan.folder
    put_dark(session, row, plan, now)


def finish(
    session: Session, number: int, dark_run: int, result: DarkResult, held: Held, now: datetime
) -> DarkState:
    """Put constants on record and end the request.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Missing: A module is not on record.
        Refused: A job is at work.
    """
    proposal, row = _open(session, number, dark_run, held, now)
    facts = facts_of(session, row)
    folder = result.report_folder.rstrip("/")
    row.report_url = f"{folder}/{result.report_name}"[:250] if result.report_name else ""
    details = {"constants": len(result.constants), "report": row.report_url}
    move_dark(session, proposal, row, DarkEvent.FINISH, facts, by_system(now), details)
    report = _report(session, row, result)
    for constant in result.constants:
        _add(session, proposal, row, constant, report, now)
    for execution in _executions(session, row, ExecutionState.SUCCEEDED):
        move_execution(session, (number, None), execution, ExecutionEvent.PUBLISH, by_system(now))
    row.size = _words_of(result.size_bytes)
    row.calcat_feedback, row.cal_pipeline_full_feedback = rules.SUCCESS, result.feedback
    row.end_at = now
    return row.flg_status


def fail(
    session: Session, number: int, dark_run: int, why: str, held: Held, now: datetime
) -> DarkState:
    """End a request that came to no constants.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Refused: A job is at work.
    """
    proposal, row = _open(session, number, dark_run, held, now)
    for execution in _executions(session, row, ExecutionState.SUCCEEDED):
        move_execution(
            session, (number, None), execution, ExecutionEvent.FAIL, Asker(SYSTEM, now, why)
        )
    row.calcat_feedback = why.splitlines()[0][:500] if why else "failed"
    row.cal_pipeline_full_feedback, row.end_at = why, now
    by = Asker(SYSTEM, now, row.calcat_feedback)
    move_dark(session, proposal, row, DarkEvent.FAIL, facts_of(session, row), by)
    return row.flg_status


def deploy(
    session: Session, number: int, dark_run: int, actor: Actor, now: datetime, reason: str = ""
) -> list[int]:
    """Use a dark request's constants from now on; said twice it counts once.

    Returns:
        Row ids in CalCat of the versions that were not deployed yet.

    Raises:
        Missing: The proposal has no such request.
        Forbidden: Not the actor's to ask.
        Refused: The request has not come to constants.
    """
    permissions.demand("constant:deploy", actor.roles)
    proposal = proposal_row(session, number)
    row = dark_row(session, proposal, dark_run)
    if row.flg_status is not DarkState.FINISHED:
        label = row.flg_status.label
        raise Refused(f"dark-run request {dark_run} is {label}: it has no constants")
    versions = session.exec(
        select(ConstantVersion)
        .where(ConstantVersion.dark_run_id == row.id, ~col(ConstantVersion.flg_deployed))
        .order_by(col(ConstantVersion.id))
    ).all()
    for version in versions:
        version.flg_deployed = True
        _journal(session, proposal, version, "deploy", actor, now, reason)
    return [version.ccv_id for version in versions if version.ccv_id is not None]


def _open(
    session: Session, number: int, dark_run: int, held: Held, now: datetime
) -> tuple[Proposal, DarkRun]:
    leases.check(session, held, now)
    proposal = proposal_row(session, number)
    return proposal, dark_row(session, proposal, dark_run)


def _executions(session: Session, row: DarkRun, state: ExecutionState) -> list[Execution]:
    mine = (Execution.dark_run_id == row.id, Execution.state == state)
    return list(session.exec(select(Execution).where(*mine)))


def _report(session: Session, row: DarkRun, result: DarkResult) -> Report | None:
    if not result.report_name:
        return None
    first = session.exec(
        select(DarkRunPart.run_id)
        .where(DarkRunPart.dark_run_id == row.id)
        .order_by(col(DarkRunPart.position))
    ).first()
    report = Report(
        name=result.report_name,
        cal_report_path=result.report_folder,
        cal_report_at=row.requested_at,
        run_id=first or 0,
        description=f"{row.detector_identifier} dark characterisation",
    )
    session.add(report)
    session.flush()
    return report


def _add(
    session: Session,
    proposal: Proposal,
    row: DarkRun,
    constant: NewConstant,
    report: Report | None,
    now: datetime,
) -> None:
    unit = session.exec(
        select(PhysicalDetectorUnit).where(
            PhysicalDetectorUnit.physical_name == constant.physical_name
        )
    ).first()
    if unit is None:
        raise Missing(f"there is no module {constant.physical_name}", field="physical_name")
    known = session.exec(
        select(ConstantVersion).where(
            ConstantVersion.physical_detector_unit_id == unit.id,
            ConstantVersion.calibration == constant.calibration,
            ConstantVersion.name == constant.name,
        )
    ).first()
    if known is not None:
        return
    version = ConstantVersion(
        ccv_id=constant.ccv_id,
        physical_detector_unit_id=unit.id or 0,
        calibration=constant.calibration,
        name=constant.name,
        condition=dict(constant.condition),
        file_name=constant.file_name,
        path_to_file=constant.path,
        data_set_name=constant.dataset,
        xxh3_128=constant.xxh3_128,
        begin_validity_at=constant.begin_at,
        begin_at=constant.begin_at,
        flg_deployed=constant.deployed,
        raw_data_location=constant.raw_data_location,
        report_id=report.id if report else None,
        dark_run_id=row.id,
        created_at=now,
    )
    session.add(version)
    session.flush()
    _journal(session, proposal, version, "inject", SYSTEM, now, "")


def _journal(
    session: Session,
    proposal: Proposal,
    version: ConstantVersion,
    event: str,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    record(
        session,
        subject=Subject.CONSTANT,
        subject_id=version.id or 0,
        proposal=proposal.number,
        event=f"{event}:{version.calibration}",
        source="---" if event == "inject" else "not deployed",
        target="deployed" if version.flg_deployed else "not deployed",
        actor=actor,
        now=now,
        reason=reason,
        policy=rules.VERSION,
        details={
            "ccv_id": version.ccv_id,
            "name": version.name,
            "path": version.path_to_file,
            "dataset": version.data_set_name,
        },
    )


def _words_of(size_bytes: int) -> str:
    """A size as the list shows it, for example `3GB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f}{unit}"
    return f"{size_bytes}B"
