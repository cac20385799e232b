"""Taking over what the user portal tells: proposals, teams, beamtimes, people, cycles.

Every row stands alone: one that a rule refuses is kept in the inbox with the reason and never
stops the others. The portal never moves a beamtime's status. Importing the same export again
changes nothing and writes no history.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from catalog.commands.journal import record
from catalog.commands.portal_book import VERSION
from catalog.commands.portal_import import Import
from catalog.commands.portal_inbox import PREFIX, SENDER, content_of, storable
from catalog.tables.journal import Inbox
from policies import permissions
from policies.actor import Actor
from policies.errors import Missing, Refused
from policies.portal_export import NAME, Export
from policies.portal_export import VERSION as FORMAT_VERSION
from policies.portal_reader import parse_export
from policies.portal_report import ImportReport, Outcome, RowReport
from policies.vocabulary import InboxState, Subject


def apply(session: Session, rows: Export, actor: Actor, now: datetime) -> ImportReport:
    """Take over an export.

    Args:
        session: A writing session.
        rows: The export as `policies.portal_reader.parse_export` read it.
        actor: Who imports, usually `policies.actor.PORTAL`.
        now: When, aware.

    Returns:
        What became of every row, with every change in words.

    Raises:
        Forbidden: Not the actor's to import.
        Misconfigured: The facility file is not loaded.
    """
    permissions.demand("proposal:import", actor.roles)
    return Import(session, actor, now, rows).run()


def reinject(
    session: Session,
    inbox_id: int,
    actor: Actor,
    now: datetime,
    reason: str,
    corrected: Mapping[str, Any] | None = None,
) -> RowReport:
    """Put a kept row again, perhaps with corrected fields.

    The row as it came stays on record in the journal.

    Args:
        session: A writing session.
        inbox_id: Row of the inbox.
        actor: Who asks.
        now: When, aware.
        reason: Why.
        corrected: Fields that replace those of the row.

    Raises:
        Missing: No such row, or it did not come from the portal.
        Forbidden: Not the actor's to ask.
        Refused: It is settled already, or no reason is given.
    """
    permissions.demand("inbox:reinject", actor.roles)
    row = session.get(Inbox, inbox_id)
    if row is None or row.sender != SENDER:
        raise Missing(f"there is no row of the portal {inbox_id} in the inbox", field="id")
    if row.state is not InboxState.REFUSED:
        raise Refused(f"row {inbox_id} is {row.state} already")
    if not reason.strip():
        raise Refused("putting a row again needs a reason", guard="reason")
    kind = row.kind.removeprefix(PREFIX)
    content = content_of(row)
    put = (
        {**content, **dict(corrected or {})} if isinstance(content, dict) else dict(corrected or {})
    )
    document = {"format": NAME, "version": FORMAT_VERSION, f"{kind}s": [put]}
    done = Import(session, actor, now, parse_export(document), keeps=False).run()
    found = next((r for r in done.all_rows if r.kind == kind), None)
    report = found or RowReport(kind, str(row.answer.get("key", "")), Outcome.UNCHANGED)
    applied = report.outcome is not Outcome.REFUSED
    row.state = InboxState.APPLIED if applied else InboxState.REFUSED
    row.attempts, row.settled_at, row.reason = row.attempts + 1, now, report.reason
    session.flush()
    record(
        session,
        subject=Subject.INBOX,
        subject_id=inbox_id,
        proposal=row.proposal,
        event="reinject",
        source=str(InboxState.REFUSED),
        target=str(row.state),
        actor=actor,
        now=now,
        reason=reason,
        policy=VERSION,
        details={"sha256": row.body_sha256, "corrected": storable(dict(corrected or {}))},
    )
    return report
