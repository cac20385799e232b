"""What the parts of an import share: who asks, what the facility says, what was changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from catalog.commands.journal import record
from catalog.tables.facility import Facility
from policies.actor import Actor
from policies.portal_report import NOTHING, FieldChange
from policies.vocabulary import Subject

VERSION = "portal-1"
"""Version of the import's rules; stands in the journal."""

SHORT = 200
"""Characters of a value that the history shows."""


@dataclass(frozen=True)
class Site:
    """What the facility's own row says to commands.

    Attributes:
        zone: The facility's time zone.
        gids: First and last group id that may be given out.
        sample: Name and sample type of the default sample.
        run_types: Default run types, first to last.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    gids: tuple[int, int] = (700_000, 799_999)
    sample: Mapping[str, Any] = field(default_factory=lambda: {"name": "No Sample"})
    run_types: tuple[Mapping[str, Any], ...] = ({"name": "Sample"},)


def site(session: Session) -> Site:
    """The facility's values; the defaults where its row does not say."""
    row = session.exec(select(Facility).order_by(col(Facility.id)).limit(1)).first()
    said = row.reference if row else {}
    default = Site()
    groups = said.get("groups", {})
    return Site(
        zone=ZoneInfo(said["timezone"]) if "timezone" in said else default.zone,
        gids=(
            groups.get("gid_first", default.gids[0]),
            groups.get("gid_last", default.gids[1]),
        ),
        sample=said.get("sample") or default.sample,
        run_types=tuple(said.get("run_types") or default.run_types),
    )


@dataclass
class Book:
    """Writes the history of one row of the import and remembers it for the report.

    Attributes:
        session: A writing session.
        actor: Who imports.
        now: When, aware.
        site: What the facility says.
        number: Proposal number, None for a user or a cycle.
        changes: What was changed so far, in words.
        warnings: What was taken over although it looks odd.
        last_seq: Number of the last journal row written here, 0 before the first.
        access: Whether a change may alter who is in the proposal's groups.
        dates: Whether a beamtime changed.
    """

    session: Session
    actor: Actor
    now: datetime
    site: Site
    number: int | None = None
    changes: list[FieldChange] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    last_seq: int = 0
    access: bool = False
    dates: bool = False

    def note(
        self,
        event: str,
        change: FieldChange,
        subject_id: int,
        *,
        subject: Subject = Subject.PROPOSAL,
        details: Mapping[str, Any] | None = None,
        policy: str = VERSION,
    ) -> None:
        """Write one change into the journal and into the report."""
        long = {
            name: value
            for name, value in (("old", change.old), ("new", change.new))
            if len(value) > SHORT
        }
        row = record(
            self.session,
            subject=subject,
            subject_id=subject_id,
            proposal=self.number,
            event=event,
            source=short(change.old),
            target=short(change.new),
            actor=self.actor,
            now=self.now,
            policy=policy,
            details={"field": change.field, **long, **(details or {})},
        )
        self.last_seq = row.seq
        self.changes.append(FieldChange(change.field, short(change.old), short(change.new)))

    def moment(self, value: datetime | None) -> str:
        """An instant on the facility's wall clock, in words."""
        if value is None:
            return NOTHING
        return value.astimezone(self.site.zone).isoformat(sep=" ", timespec="seconds")

    def span(self, begin_at: datetime, end_at: datetime) -> str:
        """A stretch of time in words."""
        return f"{self.moment(begin_at)} to {self.moment(end_at)}"


def short(text: str) -> str:
    """A text as the history shows it."""
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def words(value: object) -> str:
    """A plain value in words."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
