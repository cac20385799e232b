"""Runs: claims, registration, assessment, migration."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from catalog.commands import (
    assessing,
    calibration,
    dark_life,
    findings,
    migration,
    outbox,
    registration,
    runs,
)
from catalog.commands.findings import Found
from catalog.commands.journal import ask
from catalog.commands.leases import Held, check
from catalog.commands.migration_plan import MigrationPlan, Target
from catalog.commands.registration import RegisteredFile, Registration
from catalog.queries import facts
from catalog.queries.find import run_row
from catalog.queries.runs import findings_of, run_view
from catalog.views import RunMove, RunView
from policies.actor import SYSTEM
from policies.vocabulary import Assessment, RunState, Work
from tasks.records.base import actor, database, now
from tasks.records.calibration import site

__all__ = ["Found", "MigrationPlan", "RegisteredFile", "Registration", "Target"]


def run(number: int, run_number: int) -> RunView:
    """One run.

    Raises:
        Missing: No such proposal or run.
    """
    with database().read() as session:
        return run_view(session, number, run_number)


def open_findings(number: int, run_number: int) -> list[dict[str, Any]]:
    """Findings of a run that nobody resolved."""
    with database().read() as session:
        rows = findings_of(session, number, run_number)
        return [row.model_dump(mode="json") for row in rows if row.resolved_at is None]


def register(
    number: int,
    run_number: int,
    files: Sequence[RegisteredFile],
    found: Sequence[Found],
    checks: Sequence[str],
    held: Held,
) -> tuple[Registration, int, int]:
    """Put a run's files and findings on record, in one transaction.

    Returns:
        The registration, how many findings are new, how many were resolved.

    Raises:
        LeaseLost: Somebody else took over.
        Mismatch: The run is migrated and its files changed.
    """
    with database().write() as session:
        moment = now()
        check(session, held, moment)
        result = registration.register_files(session, number, run_number, files, moment)
        fresh, gone = findings.sync(session, number, run_number, found, checks, moment)
        return result, fresh, gone


def note_findings(
    number: int, run_number: int, found: Sequence[Found], checks: Sequence[str]
) -> None:
    """Put findings on record without touching the registration."""
    with database().write() as session:
        findings.sync(session, number, run_number, found, checks, now())


def assess(
    number: int, run_number: int, assessment: Assessment, comment: str, operator: str
) -> RunMove:
    """Say what a run is worth.

    Raises:
        Refused: The table says no.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return assessing.assess_run(session, number, run_number, assessment, who, now(), comment)


def abort(number: int, run_number: int, operator: str, reason: str) -> RunMove:
    """Close a run by force.

    Raises:
        Refused: Not open, no reason, or not the operator's to ask.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return runs.abort_run(session, number, run_number, who, now(), reason)


def retry_migration(number: int, run_number: int, operator: str, reason: str) -> RunMove:
    """Ask for a failed migration again.

    Raises:
        Refused: It did not fail.
    """
    with database().write() as session:
        who = actor(session, operator, number)
        return migration.retry(session, number, run_number, who, now(), reason)


def resolve_findings(number: int, run_number: int, operator: str, reason: str) -> int:
    """Take responsibility for every finding that blocks the migration.

    A run whose copy was asked for meanwhile was refused because of them: it is asked again.

    Raises:
        Forbidden: Not the operator's to resolve.
        Refused: No reason is given.
    """
    with database().write() as session:
        moment, who = now(), actor(session, operator, number)
        count = findings.resolve_blocking(session, number, run_number, who, moment, reason)
        _, row = run_row(session, number, run_number)
        if count and row.state is RunState.MIGRATION_REQUESTED:
            ask(
                session,
                Work.RUN_MIGRATE,
                key=f"{Work.RUN_MIGRATE}:{number}:{run_number}:accepted:{moment:%Y%m%dT%H%M%S%f}",
                now=moment,
                parameters={"proposal": number, "run": run_number},
                proposal=number,
                run=run_number,
            )
        return count


def begin_migration(number: int, run_number: int, held: Held) -> MigrationPlan:
    """Start or take over a migration.

    Raises:
        LeaseLost: Somebody else took over.
        Refused: The table says no.
    """
    with database().write() as session:
        return migration.begin(session, number, run_number, held, SYSTEM, now())


def record_copy(
    number: int, run_number: int, repository: str, proof: Mapping[str, Any], held: Held
) -> None:
    """Put a verified copy on record.

    Raises:
        LeaseLost: Somebody else took over.
        Mismatch: The proof speaks of another manifest.
    """
    with database().write() as session:
        migration.record_copy(session, number, run_number, repository, proof, held, now())


def suspect_copy(number: int, run_number: int, repository: str, why: str, held: Held) -> None:
    """Note that a copy failed its check.

    Raises:
        LeaseLost: Somebody else took over.
    """
    with database().write() as session:
        migration.suspect_copy(session, number, run_number, repository, why, held, now())


def complete_migration(number: int, run_number: int, held: Held) -> RunMove:
    """End a migration.

    Raises:
        LeaseLost: Somebody else took over.
        Refused: The copies on record do not suffice.
    """
    with database().write() as session:
        moment = now()
        move = migration.complete(session, number, run_number, held, SYSTEM, moment)
        calibration.follow_migration(session, number, run_number, site(), moment)
        dark_life.follow_migration(session, number, run_number, moment)
        return move


def fail_migration(number: int, run_number: int, held: Held, reason: str) -> datetime | None:
    """End an attempt without proof; answers when the next one is due, None: never by itself.

    Raises:
        LeaseLost: Somebody else took over.
    """
    with database().write() as session:
        return migration.fail(session, number, run_number, held, SYSTEM, now(), reason)


def ask_again(outbox_id: int, why: str) -> str:
    """Ask for the same work with a new key."""
    with database().write() as session:
        return outbox.ask_again(session, outbox_id, why, now())


def verified_copies(number: int, run_number: int) -> tuple[str, ...]:
    """Repositories with a verified copy of the run."""
    with database().read() as session:
        _, row = run_row(session, number, run_number)
        return facts.run_facts(session, row).verified_copies
