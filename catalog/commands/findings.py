"""What checks found on a run: rows that appear, stay visible, and are resolved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from catalog.commands.journal import record
from catalog.queries.find import run_row
from catalog.tables.files import Finding
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies import permissions
from policies.actor import SYSTEM, Actor
from policies.errors import Missing, Refused
from policies.run import VERSION
from policies.vocabulary import Severity, Subject


@dataclass(frozen=True)
class Found:
    """One finding as a check reports it.

    Attributes:
        check: Name of the check.
        severity: How much it weighs.
        blocks_migration: Whether the policy forbids migration because of it.
        file: File it speaks of, empty for the whole run.
        message: The finding in a sentence.
        expected: What should be there.
        found: What is there.
    """

    check: str
    severity: Severity
    blocks_migration: bool
    file: str
    message: str
    expected: str = ""
    found: str = ""


def sync(
    session: Session,
    number: int,
    run_number: int,
    found: Sequence[Found],
    checks: Sequence[str],
    now: datetime,
) -> tuple[int, int]:
    """Bring a run's open findings in line with an inspection.

    Args:
        session: A writing session.
        number: Proposal number.
        run_number: Run number.
        found: Everything the inspection found.
        checks: Checks that were made; only their findings are resolved when they are gone.
        now: When, aware.

    Returns:
        How many findings are new, how many were resolved.

    Raises:
        Missing: No such proposal or run.
    """
    proposal, run = run_row(session, number, run_number)
    known = {
        (row.check_name, row.file): row
        for row in session.exec(
            select(Finding).where(Finding.run_id == run.id, Finding.repository_id == 0)
        )
    }
    fresh = sum(_upsert(session, proposal, run, known, item, now) for item in found)
    seen = {(item.check, item.file) for item in found}
    gone = [
        row
        for key, row in known.items()
        if key not in seen and row.check_name in checks and row.resolved_at is None
    ]
    for row in gone:
        _resolve(session, proposal, run, row, SYSTEM, now, "no longer found")
    session.flush()
    return fresh, len(gone)


def _upsert(
    session: Session,
    proposal: Proposal,
    run: Run,
    known: dict[tuple[str, str], Finding],
    item: Found,
    now: datetime,
) -> int:
    row = known.get((item.check, item.file))
    if row is not None:
        # A person accepted what was seen then, not whatever may come in its place.
        same = (row.expected, row.found) == (item.expected, item.found)
        accepted = row.resolved_at is not None and row.resolved_by != SYSTEM.name and same
        row.last_seen, row.message = now, item.message
        row.expected, row.found = item.expected, item.found
        if row.resolved_at is None or accepted:
            return 0
        row.resolved_at, row.resolved_by, row.resolution = None, "", ""
    else:
        row = Finding(
            proposal_id=proposal.id or 0,
            run_id=run.id or 0,
            check_name=item.check,
            file=item.file,
            severity=item.severity,
            blocks_migration=item.blocks_migration,
            message=item.message,
            expected=item.expected,
            found=item.found,
            first_seen=now,
            last_seen=now,
        )
        session.add(row)
        known[item.check, item.file] = row
        session.flush()
    _journal(session, proposal, run, row, SYSTEM, now, "find", "---", str(item.severity), "")
    return 1


def resolve(session: Session, finding_id: int, actor: Actor, now: datetime, reason: str) -> None:
    """Take responsibility for a finding; it no longer blocks.

    Raises:
        Missing: No such finding.
        Forbidden: Not the actor's to resolve.
        Refused: No reason is given.
    """
    permissions.demand("finding:resolve", actor.roles)
    row = session.get(Finding, finding_id)
    if row is None:
        raise Missing(f"there is no finding {finding_id}", field="id")
    if not reason.strip():
        raise Refused("resolving a finding needs a reason", guard="reason")
    if row.resolved_at is None:
        run = session.get_one(Run, row.run_id)
        _resolve(session, session.get_one(Proposal, row.proposal_id), run, row, actor, now, reason)


def resolve_blocking(
    session: Session, number: int, run_number: int, actor: Actor, now: datetime, reason: str
) -> int:
    """Take responsibility for every finding that blocks a run's migration.

    Returns:
        How many were resolved.
    """
    _, run = run_row(session, number, run_number)
    rows = session.exec(
        select(Finding.id).where(
            Finding.run_id == run.id,
            col(Finding.blocks_migration),
            col(Finding.resolved_at).is_(None),
        )
    ).all()
    for finding_id in rows:
        resolve(session, finding_id or 0, actor, now, reason)
    return len(rows)


def _resolve(
    session: Session,
    proposal: Proposal,
    run: Run,
    row: Finding,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    row.resolved_at, row.resolved_by, row.resolution = now, actor.name, reason
    severity = str(row.severity)
    _journal(session, proposal, run, row, actor, now, "resolve", severity, "resolved", reason)


def _journal(
    session: Session,
    proposal: Proposal,
    run: Run,
    row: Finding,
    actor: Actor,
    now: datetime,
    event: str,
    source: str,
    target: str,
    reason: str,
) -> None:
    record(
        session,
        subject=Subject.FINDING,
        subject_id=row.id or 0,
        proposal=proposal.number,
        run=run.run_number,
        event=event,
        source=source,
        target=target,
        actor=actor,
        now=now,
        reason=reason,
        policy=VERSION,
        details={
            "check": row.check_name,
            "file": row.file,
            "message": row.message,
            "expected": row.expected,
            "found": row.found,
        },
    )
