"""What is on record of a run when its files are looked at, in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from catalog.queries.facts import RAW, instrument_of, online_store
from catalog.queries.find import run_row
from catalog.tables.files import DataGroup, DatasetFile, RunDataGroup
from catalog.tables.journal import Change
from catalog.tables.proposals import Experiment, Sample
from catalog.tables.runs import Run
from policies.vocabulary import Subject


@dataclass(frozen=True)
class Closing:
    """A run as the data acquisition described it, and what was registered before.

    Attributes:
        path: The proposal's raw folder.
        repository: Online storage on which it lies.
        instrument: Instrument.
        run_type: Run type.
        sample: Sample, empty when none was named.
        first_train: First train, as said.
        last_train: Last train, as said; None while the run is open.
        begin_at: Begin, aware.
        end_at: End, aware; None while the run is open.
        claims: Files as claimed with the closing message; empty when none were.
        aggregators: Aggregators that were to write, as claimed; empty when none were.
        files: Files registered before.
    """

    path: str
    repository: str
    instrument: str
    run_type: str
    sample: str
    first_train: int
    last_train: int | None
    begin_at: datetime
    end_at: datetime | None
    claims: Sequence[dict[str, Any]]
    aggregators: Sequence[str]
    files: Sequence[DatasetFile]


def closing(session: Session, number: int, run_number: int) -> Closing:
    """What is on record of a run that is to be looked at.

    Raises:
        Missing: No such proposal or run.
    """
    proposal, run = run_row(session, number, run_number)
    kind, sample = session.exec(
        select(Experiment.name, Sample.name)
        .select_from(Run)
        .join(Experiment, col(Experiment.id) == Run.experiment_id)
        .outerjoin(Sample, col(Sample.id) == Run.sample_id)
        .where(Run.id == run.id)
    ).one()
    files = session.exec(
        select(DatasetFile)
        .join(RunDataGroup, col(RunDataGroup.data_group_id) == DatasetFile.data_group_id)
        .join(DataGroup, col(DataGroup.id) == DatasetFile.data_group_id)
        .where(RunDataGroup.run_id == run.id, DataGroup.data_group_type_id == RAW)
        .order_by(DatasetFile.relative_path)
    ).all()
    said = _closing_words(session, run)
    return Closing(
        path=proposal.def_proposal_path,
        repository=online_store(session, proposal).identifier,
        instrument=instrument_of(session, proposal).identifier,
        run_type=kind,
        sample=sample or "",
        first_train=run.first_train,
        last_train=run.last_train,
        begin_at=run.begin_at,
        end_at=run.end_at,
        claims=said.get("claims", []),
        aggregators=said.get("aggregators", []),
        files=files,
    )


def _closing_words(session: Session, run: Run) -> dict[str, Any]:
    """What the last closing message claimed.

    By the run's row id: a proposal's history is long, a run's is short.
    """
    last = session.exec(
        select(Change)
        .where(Change.subject == Subject.RUN, Change.subject_id == run.id, Change.event == "close")
        .order_by(col(Change.seq).desc())
        .limit(1)
    ).first()
    return dict(last.details) if last else {}
