"""A proposal's way to tape only."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from catalog.tables.base import json_dict, link, text, word
from policies.vocabulary import ArchivalState


class Archival(SQLModel, table=True):
    """The raw data of a proposal on their way to tape only; one row, never removed."""

    __tablename__ = "archivals"

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id", unique=True)
    state: ArchivalState = word(ArchivalState, ArchivalState.PLANNED, index=True)
    state_since: datetime
    expected_at: datetime
    """Not before; what the team is told."""
    noticed_at: datetime | None = None
    """When the grace that runs began."""
    reason: str = text()
    """Why it is vetoed, or why it stopped."""
    attempts: int = 0
    next_try_at: datetime | None = None
    archived_at: datetime | None = None
    proof: dict[str, Any] = json_dict()
    """Files, bytes, declared tape copies and the digest of what was read back."""
