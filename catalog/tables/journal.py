"""The ledgers: what came in, what was decided, what was asked for, who holds what."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from catalog.tables.base import BigId, big_key, json_dict, json_list, text, word
from policies.vocabulary import Duty, InboxState, OutboxKind, Subject


class Inbox(SQLModel, table=True):
    """A message that came in, kept for ever with what became of it."""

    __tablename__ = "inbox"
    __table_args__ = (
        sa.UniqueConstraint("sender", "event_id"),
        sa.Index(
            "ix_inbox_held",
            "state",
            "id",
            sqlite_where=sa.text("state = 'held'"),
            postgresql_where=sa.text("state = 'held'"),
        ),
    )

    id: int | None = big_key()
    sender: str = Field(max_length=60)
    event_id: str = Field(max_length=128)
    kind: str = Field(max_length=40)
    body: dict[str, Any] = json_dict()
    body_sha256: str = Field(max_length=64)
    received_at: datetime
    sent_at: datetime | None = None
    speaks_for: list[Any] = json_list()
    """Instruments that the sender spoke for when it came; empty means any."""
    state: InboxState = word(InboxState)
    reason: str = text()
    answer: dict[str, Any] = json_dict()
    attempts: int = 1
    settled_at: datetime | None = None
    proposal: int | None = None
    run: int | None = None


class Change(SQLModel, table=True):
    """One decision; each row's hash covers the row and the hash before it."""

    __tablename__ = "changes"
    __table_args__ = (
        sa.Index("ix_changes_subject", "subject", "subject_id"),
        sa.Index("ix_changes_proposal_seq", "proposal", "seq"),
    )

    seq: int = Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})
    at: datetime
    subject: Subject = word(Subject)
    subject_id: int = Field(sa_type=sa.BigInteger)
    proposal: int | None = None
    run: int | None = None
    event: str = Field(max_length=60)
    source: str = text()
    target: str = text()
    actor: str = Field(max_length=120)
    roles: list[Any] = json_list()
    reason: str = text()
    policy: str = Field(max_length=60)
    override: list[Any] = json_list()
    details: dict[str, Any] = json_dict()
    previous: str = Field(max_length=64)
    hash: str = Field(max_length=64)


class Outbox(SQLModel, table=True):
    """Work asked for in the same transaction as the change that asks for it."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.UniqueConstraint("key"),
        sa.Index(
            "ix_outbox_unsent",
            "kind",
            "id",
            sqlite_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
            postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
        ),
        sa.Index(
            "ix_outbox_unconcluded",
            "sent_at",
            sqlite_where=sa.text("concluded_at IS NULL"),
            postgresql_where=sa.text("concluded_at IS NULL"),
        ),
        sa.Index(
            "ix_outbox_ended",
            "concluded_at",
            sqlite_where=sa.text("concluded_at IS NOT NULL AND kind = 'flow'"),
            postgresql_where=sa.text("concluded_at IS NOT NULL AND kind = 'flow'"),
        ),
        sa.Index("ix_outbox_subject", "proposal", "run"),
    )

    id: int | None = big_key()
    key: str = Field(max_length=200)
    kind: OutboxKind = word(OutboxKind)
    work: str = Field(max_length=60)
    parameters: dict[str, Any] = json_dict()
    proposal: int | None = None
    run: int | None = None
    asked_at: datetime
    due_at: datetime
    attempt: int = 1
    """Which asking of the same work this is."""
    tries: int = 0
    """How often handing it over was tried."""
    last_error: str = text()
    sent_at: datetime | None = None
    sent_to: str = ""
    concluded_at: datetime | None = None
    outcome: str = text()
    given_up_at: datetime | None = None


class Lease(SQLModel, table=True):
    """Who works on a unit right now; `token` only ever grows."""

    __tablename__ = "leases"

    key: str = Field(primary_key=True, max_length=200)
    holder: str = Field(max_length=200)
    token: int = 1
    acquired_at: datetime
    expires_at: datetime = Field(index=True)
    released_at: datetime | None = None


class Obligation(SQLModel, table=True):
    """Something due at an instant; schedules only drain what is due."""

    __tablename__ = "obligations"
    __table_args__ = (
        sa.UniqueConstraint("key"),
        sa.Index(
            "ix_obligations_open",
            "due_at",
            sqlite_where=sa.text("settled_at IS NULL"),
            postgresql_where=sa.text("settled_at IS NULL"),
        ),
    )

    id: int | None = big_key()
    key: str = Field(max_length=200)
    duty: Duty = word(Duty)
    proposal: int | None = None
    run: int | None = None
    due_at: datetime
    created_at: datetime
    settled_at: datetime | None = None
    outcome: str = text()
    details: dict[str, Any] = json_dict()
