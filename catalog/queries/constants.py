"""Which constants corrected data were made with, and which runs used a constant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.queries.find import run_row
from catalog.tables.calibration import (
    ConstantVersion,
    Detector,
    Execution,
    PhysicalDetectorUnit,
    RunConstant,
)
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.conditions import contradictions
from policies.layout import run_label
from policies.vocabulary import ExecutionState


@dataclass(frozen=True)
class Known:
    """A version of a constant that holds at some moment.

    Attributes:
        karabo_da: The module's place.
        physical_name: The module.
        calibration: Name of the constant.
        ccv_id: Row id in CalCat, None where the site has none.
        path: Its file, below the constants store.
        dataset: Its place in the file.
        created_at: When it was made, aware.
        xxh3_128: Digest of the file.
        name: Name of the version.
    """

    karabo_da: str
    physical_name: str
    calibration: str
    ccv_id: int | None
    path: str
    dataset: str
    created_at: datetime
    xxh3_128: str
    name: str


@dataclass(frozen=True)
class Held:
    """The constants of a detector that hold at some moment.

    Attributes:
        known: The newest that fits, of each module and constant.
        aside: Newer ones that do not, with what speaks against them.
    """

    known: tuple[Known, ...]
    aside: tuple[str, ...] = ()


def constants_at(
    session: Session, karabo_id: str, at: datetime, condition: Mapping[str, float] | None = None
) -> Held:
    """The deployed, good versions of a detector's constants that hold at a moment.

    Of several the one whose validity began last, then the one that was made last. One that was
    made under other settings is left aside, and an older one that fits takes its place.

    Args:
        session: Any session.
        karabo_id: The detector.
        at: The moment, aware.
        condition: Operating condition of the data; None or empty: not known.
    """
    query: Any = sa.select(PhysicalDetectorUnit, ConstantVersion)
    rows = session.execute(
        query.join(
            ConstantVersion,
            col(ConstantVersion.physical_detector_unit_id) == PhysicalDetectorUnit.id,
        )
        .join(Detector, col(Detector.id) == PhysicalDetectorUnit.detector_id)
        .where(Detector.identifier == karabo_id)
        .where(col(ConstantVersion.flg_deployed), col(ConstantVersion.flg_good_quality))
        .where(ConstantVersion.begin_validity_at <= at)
        .where(
            col(ConstantVersion.end_validity_at).is_(None)
            | (col(ConstantVersion.end_validity_at) > at)
        )
        .order_by(col(ConstantVersion.begin_validity_at), col(ConstantVersion.id))
    )
    newest: dict[tuple[str, str], Known] = {}
    aside: dict[tuple[str, str], str] = {}
    for unit, version in rows:
        key = (unit.karabo_da, version.calibration)
        against = contradictions(version.condition, condition or {})
        if against:
            aside[key] = f"{version.calibration} of {unit.karabo_da}: {'; '.join(against)}"
        else:
            newest[key] = _known(unit, version)
            aside.pop(key, None)
    return Held(
        tuple(known for _, known in sorted(newest.items())),
        tuple(words for _, words in sorted(aside.items())),
    )


def _known(unit: PhysicalDetectorUnit, version: ConstantVersion) -> Known:
    return Known(
        unit.karabo_da,
        unit.physical_name,
        version.calibration,
        version.ccv_id,
        version.path_to_file,
        version.data_set_name,
        version.begin_at,
        version.xxh3_128,
        version.name,
    )


def digests_of(session: Session, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Digests of constants files that we made ourselves, by path and dataset."""
    rows = session.exec(
        select(ConstantVersion).where(col(ConstantVersion.path_to_file).in_([p for p, _ in places]))
    )
    return {(row.path_to_file, row.data_set_name): row.xxh3_128 for row in rows}


@dataclass(frozen=True)
class Use:
    """One use of a constant: which run, which module, where from."""

    run_label: str
    karabo_da: str
    calibration: str
    physical_name: str
    ccv_id: int | None
    path: str
    dataset: str
    dark_run: int | None
    raw_data_location: str
    current: bool


def constants_of_run(session: Session, number: int, run_number: int) -> list[Use]:
    """Constants that a run's corrected data were made with; `current` tells the result in place."""
    _, run = run_row(session, number, run_number)
    return _uses(session, RunConstant.run_id == run.id)


def runs_of_constant(session: Session, ccv_id: int) -> list[Use]:
    """Every run whose corrected data were made with this version of a constant."""
    return _uses(session, RunConstant.ccv_id == ccv_id)


def runs_of_dark(session: Session, dark_run: int) -> list[Use]:
    """Every run whose corrected data were made with constants of this dark request."""
    return _uses(session, ConstantVersion.dark_run_id == dark_run)


def _uses(session: Session, which: Any) -> list[Use]:  # noqa: ANN401 - a condition of SQLAlchemy
    query: Any = sa.select(
        RunConstant,
        col(Execution.state),
        col(Run.run_number),
        col(Proposal.number),
        ConstantVersion,
    )
    rows = session.execute(
        query.join(Execution, col(Execution.id) == RunConstant.execution_id)
        .join(Run, col(Run.id) == RunConstant.run_id)
        .join(Proposal, col(Proposal.id) == Run.proposal_id)
        .outerjoin(ConstantVersion, col(ConstantVersion.id) == RunConstant.constant_version_id)
        .where(which)
        .order_by(Proposal.number, Run.run_number, RunConstant.karabo_da, RunConstant.calibration)
    ).all()
    return [
        Use(
            run_label(number, run),
            use.karabo_da,
            use.calibration,
            use.physical_name,
            use.ccv_id,
            use.path,
            use.dataset,
            version.dark_run_id if version else None,
            version.raw_data_location if version else "",
            state is ExecutionState.PUBLISHED,
        )
        for use, state, run, number, version in rows
    ]
