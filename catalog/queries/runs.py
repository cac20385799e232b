"""The run table, one page at a time."""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, func, select

from catalog.queries.facts import RAW
from catalog.queries.find import proposal_row, run_row
from catalog.tables.facility import Repository
from catalog.tables.files import DatasetFile, Finding, Replica, RunDataGroup
from catalog.tables.proposals import Experiment, Proposal, Sample
from catalog.tables.runs import Run
from catalog.views import RunView
from policies.run import quality_label
from policies.vocabulary import RunState, Severity

PAGE = 100
"""Rows of one page."""


def run_table(
    session: Session,
    number: int,
    before: int | None = None,
    limit: int = PAGE,
    *,
    states: Collection[RunState] | None = None,
    quality: int | None = None,
) -> list[RunView]:
    """A page of a proposal's runs, newest first.

    Args:
        session: Any session.
        number: Proposal number.
        before: Run number of the last row of the page before; None for the first page.
        limit: Rows of the page.
        states: Only runs that stand here; None for all.
        quality: Only runs so assessed, a code of `RunQuality` or a site's own; None for all.

    Raises:
        Missing: No such proposal.
    """
    proposal = proposal_row(session, number)
    query = (
        select(Run, Experiment.name, Sample.name)
        .join(Experiment, col(Experiment.id) == Run.experiment_id)
        .outerjoin(Sample, col(Sample.id) == Run.sample_id)
        .where(Run.proposal_id == proposal.id)
    )
    if before is not None:
        query = query.where(Run.run_number < before)
    if states is not None:
        query = query.where(col(Run.state).in_(states))
    if quality is not None:
        query = query.where(Run.flg_run_quality == quality)
    rows = session.exec(query.order_by(col(Run.run_number).desc()).limit(limit)).all()
    ids = [run.id or 0 for run, _, _ in rows]
    stores, findings = _repositories(session, ids), _findings(session, ids)
    return [
        _view(
            proposal, run, kind, sample, stores.get(run.id or 0, {}), findings.get(run.id or 0, 0)
        )
        for run, kind, sample in rows
    ]


def run_view(session: Session, number: int, run_number: int) -> RunView:
    """One run.

    Raises:
        Missing: No such proposal or run.
    """
    run_row(session, number, run_number)
    return run_table(session, number, before=run_number + 1, limit=1)[0]


def _view(
    proposal: Proposal,
    run: Run,
    kind: str,
    sample: str | None,
    stores: dict[str, str],
    findings: int,
) -> RunView:
    return RunView(
        proposal=proposal.number,
        run=run.run_number,
        alias=run.run_alias or "",
        run_type=kind,
        sample=sample or "",
        begin_at=run.begin_at,
        end_at=run.end_at,
        first_train=run.first_train,
        last_train=run.last_train,
        state=run.state,
        quality=run.flg_run_quality,
        assessment=quality_label(run.flg_run_quality),
        size_bytes=run.size,
        num_files=run.num_files,
        migration_request_at=run.migration_request_at,
        migration_begin_at=run.migration_begin_at,
        migration_end_at=run.migration_end_at,
        migration_attempts=run.migration_attempts,
        inspected_at=run.inspected_at,
        repositories=stores,
        findings=findings,
        description=run.description,
    )


def _repositories(session: Session, run_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    rows = session.exec(
        select(RunDataGroup.run_id, Repository.identifier, Replica.state)
        .join(Replica, col(Replica.data_group_id) == RunDataGroup.data_group_id)
        .join(Repository, col(Repository.id) == Replica.repository_id)
        .where(col(RunDataGroup.run_id).in_(run_ids))
        .order_by(col(Repository.rank), col(Replica.id))
    )
    found: dict[int, dict[str, str]] = {}
    for run_id, identifier, state in rows:
        found.setdefault(run_id, {})[identifier] = str(state)
    return found


def _findings(session: Session, run_ids: Sequence[int]) -> dict[int, int]:
    rows = session.exec(
        select(Finding.run_id, func.count())
        .where(col(Finding.run_id).in_(run_ids), col(Finding.resolved_at).is_(None))
        .where(Finding.severity != Severity.INFO)
        .group_by(col(Finding.run_id))
    )
    return dict(rows.all())


def findings_of(session: Session, number: int, run_number: int) -> list[Finding]:
    """A run's findings, open ones first."""
    _, run = run_row(session, number, run_number)
    rows = session.exec(
        select(Finding).where(Finding.run_id == run.id).order_by(col(Finding.id))
    ).all()
    return sorted(rows, key=lambda f: f.resolved_at is not None)


def files_of(session: Session, number: int, run_number: int) -> list[DatasetFile]:
    """A run's registered raw files by path."""
    _, run = run_row(session, number, run_number)
    return list(
        session.exec(
            select(DatasetFile)
            .join(RunDataGroup, col(RunDataGroup.data_group_id) == DatasetFile.data_group_id)
            .where(RunDataGroup.run_id == run.id, DatasetFile.data_group_type_id == RAW)
            .order_by(DatasetFile.relative_path)
        )
    )
