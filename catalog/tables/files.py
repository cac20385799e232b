"""Data groups, their files, their copies and what checks found."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import class_mapper, relationship
from sqlmodel import Field, SQLModel

from catalog.tables.base import big_key, json_dict, link, maybe_link, text, word
from catalog.tables.runs import Run
from policies.vocabulary import ReplicaState, Severity


class DataGroup(SQLModel, table=True):
    """A set of files of one type that belong to a run or a proposal."""

    __tablename__ = "data_groups"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=60)
    language: str = "en"
    doi: str = ""
    data_group_type_id: int = link("data_group_types.id", index=False)
    proposal_id: int = link("proposals.id")
    experiment_id: int | None = maybe_link("experiments.id")
    user_id: int | None = maybe_link("users.id")
    prefix_path: str
    flg_available: bool = True
    flg_writing: bool = False
    flg_public: bool = False
    format: str = ""
    data_passport: str = ""
    removed_at: datetime | None = None
    description: str = text()
    manifest_hash: str = ""
    created_at: datetime | None = None


class RunDataGroup(SQLModel, table=True):
    """Which data groups belong to a run."""

    __tablename__ = "runs_data_groups"
    __table_args__ = (sa.UniqueConstraint("run_id", "data_group_id"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = link("runs.id")
    data_group_id: int = link("data_groups.id")


class DataFile(SQLModel, table=True):
    """What the DAQ claimed about a data group's files, verbatim."""

    __tablename__ = "data_files"

    id: int | None = Field(default=None, primary_key=True)
    data_group_id: int = link("data_groups.id")
    files: str = text()


class DatasetFile(SQLModel, table=True):
    """One file: the base of every copy and audit.

    `checksum` is adler32 (8 hex digits, dCache's own sum) and `xxh3_128` the strong one.
    """

    __tablename__ = "dataset_files"
    __table_args__ = (sa.UniqueConstraint("data_group_id", "relative_path"),)

    id: int | None = big_key()
    data_group_id: int = Field(foreign_key="data_groups.id")
    data_group_type_id: int = Field(foreign_key="data_group_types.id")
    filename: str
    relative_path: str
    flg_available: bool = True
    flg_immutable: bool = True
    file_creation_at: datetime | None = None
    byte_size: int = Field(sa_type=sa.BigInteger)
    checksum: str = Field(max_length=8)
    checksum_algorithm: str = "adler32"
    xxh3_128: str = Field(max_length=32)
    sha256: str = Field(default="", max_length=64)
    """For the public; computed when the data are opened. Empty: not yet."""
    format: str = "hdf5"
    year: int | None = None
    first_train: int | None = Field(default=None, sa_type=sa.BigInteger)
    last_train: int | None = Field(default=None, sa_type=sa.BigInteger)
    num_trains: int | None = None
    mtime_ns: int | None = Field(default=None, sa_type=sa.BigInteger)


class Replica(SQLModel, table=True):
    """A copy of a data group in a repository; the row stays when the copy is gone."""

    __tablename__ = "data_groups_repositories"
    __table_args__ = (
        sa.UniqueConstraint("data_group_id", "repository_id"),
        sa.Index(
            "ix_data_groups_repositories_unproved",
            "state_since",
            sqlite_where=sa.text("state <> 'verified' AND state <> 'gone'"),
            postgresql_where=sa.text("state <> 'verified' AND state <> 'gone'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    data_group_id: int = Field(foreign_key="data_groups.id")
    repository_id: int = link("repositories.id")
    flg_available: bool = True
    state: ReplicaState = word(ReplicaState, ReplicaState.PLANNED)
    state_since: datetime
    verified_at: datetime | None = None
    manifest_hash: str = ""
    num_files: int = 0
    byte_size: int = Field(default=0, sa_type=sa.BigInteger)
    path: str = ""
    proof: dict[str, Any] = json_dict()
    tape: str = ""
    """Where the store says that all files of the copy are, in its own word; empty: not asked, or
    they are in several places."""
    tape_seen_at: datetime | None = None


class Finding(SQLModel, table=True):
    """What a check found; blocks migration only where the policy says so."""

    __tablename__ = "findings"
    __table_args__ = (sa.UniqueConstraint("run_id", "check_name", "file", "repository_id"),)

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    run_id: int = link("runs.id")
    repository_id: int = Field(default=0)
    """0: the place where the run was inspected first."""
    check_name: str = Field(max_length=60)
    severity: Severity = word(Severity)
    blocks_migration: bool = False
    file: str = ""
    message: str = text()
    expected: str = text()
    found: str = text()
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolution: str = text()


def _after(table: type[SQLModel], *others: type[SQLModel]) -> None:
    """Rows of a table are written after those that they refer to, however late that is.

    A relationship is how the session is told the order; nobody reads it.
    """
    for other in others:
        name = f"written_after_{other.__tablename__}"
        class_mapper(table).add_property(name, relationship(other, lazy="raise"))


_after(RunDataGroup, Run, DataGroup)
_after(Replica, DataGroup)
