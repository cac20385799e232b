"""DOIs: what we want at the registration agency, what was read back, what harvesters see."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from catalog.tables.base import json_dict, maybe_link, text, word
from policies.vocabulary import DoiState, DoiSubject, DoiSync


class DoiRecord(SQLModel, table=True):
    """One DOI, from its reservation on; never removed.

    The suffix follows from the subject before any call, so a lost answer is found again.
    """

    __tablename__ = "doi_records"
    __table_args__ = (
        sa.UniqueConstraint("subject_kind", "subject_id", "version"),
        sa.Index("ix_doi_records_harvest", "datestamp", "id"),
        sa.Index(
            "ix_doi_records_unproved",
            "next_try_at",
            sqlite_where=sa.text("sync = 'planned'"),
            postgresql_where=sa.text("sync = 'planned'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    doi: str = Field(max_length=200)
    """As minted."""
    doi_key: str = Field(max_length=200, unique=True)
    """The same in lower case: DOIs are compared without regard to case."""
    subject_kind: DoiSubject = word(DoiSubject)
    subject_id: int
    """Row id of the subject in its own table."""
    proposal_id: int | None = maybe_link("proposals.id", index=True)
    """The proposal whose data it names; None: an instrument's."""
    version: int = 0
    """The last two digits of the suffix."""
    wanted: DoiState = word(DoiState, DoiState.DRAFT)
    published_at: datetime | None = None
    """First seen findable; from then on a page answers for ever."""
    issued_at: datetime | None = None
    """When the data behind it were opened; goes into the metadata as date of issue."""
    hidden_reason: str = text()
    """Why it was hidden after it had been published; empty: it is not."""
    withdrawn_at: datetime | None = None
    tombstone: dict[str, Any] = json_dict()
    """`reason`, `note`, `removed_by`, `citation` as they were at the removal."""
    superseded_by: int | None = maybe_link("doi_records.id")
    attributes: dict[str, Any] = json_dict()
    """What was last planned to be sent."""
    attributes_hash: str = Field(default="", max_length=64)
    sync: DoiSync = word(DoiSync, DoiSync.PLANNED)
    sync_since: datetime
    attempts: int = 0
    next_try_at: datetime | None = None
    last_status: int | None = None
    """HTTP status of the last answer; None: none came."""
    last_error: str = text()
    faults: dict[str, Any] = json_dict()
    """What was refused, by field."""
    remote_state: str = ""
    remote_url: str = ""
    remote_hash: str = Field(default="", max_length=64)
    remote_registered_at: datetime | None = None
    verified_at: datetime | None = None
    datestamp: datetime
    """When what harvesters see last changed, UTC, full seconds."""
    created_at: datetime
