"""Runs."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from catalog.tables.base import Json, link, maybe_link, text, word
from policies.vocabulary import RunQuality, RunState, RunStatus


class Run(SQLModel, table=True):
    """A run; number and folder never change.

    `state` is ours and drives the lifecycle; `flg_status`, `flg_run_quality` and the
    `migration_*` instants are the published contract's view of it.
    """

    __tablename__ = "runs"
    __table_args__ = (
        sa.UniqueConstraint("proposal_id", "run_number"),
        sa.Index("ix_runs_state_since", "state", "state_since"),
        sa.Index(
            "ix_runs_uninspected",
            "state_since",
            sqlite_where=sa.text("inspected_at IS NULL"),
            postgresql_where=sa.text("inspected_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = Field(foreign_key="proposals.id")
    run_number: int
    run_folder: str
    run_alias: str | None = None
    experiment_id: int = link("experiments.id")
    sample_id: int | None = maybe_link("samples.id")
    begin_at: datetime
    end_at: datetime | None = None
    first_train: int = Field(sa_type=sa.BigInteger)
    last_train: int | None = Field(default=None, sa_type=sa.BigInteger)
    flg_available: bool = True
    flg_status: int = RunStatus.OPEN
    flg_run_quality: int = RunQuality.NOT_ASSESSED
    flg_auto_run_quality: int | None = None
    size: int | None = Field(default=None, sa_type=sa.BigInteger)
    """Bytes."""
    num_files: int = 0
    migration_request_at: datetime | None = None
    migration_begin_at: datetime | None = None
    migration_end_at: datetime | None = None
    flg_cal_data_status: str = "NA"
    cal_pipeline_reply: str | None = Field(default=None, sa_type=sa.Text)
    cal_num_requests: int = 0
    cal_last_request_at: datetime | None = None
    cal_last_begin_at: datetime | None = None
    cal_last_end_at: datetime | None = None
    cal_input_path: str | None = None
    cal_output_path: str | None = None
    original_format: str = ""
    system_msg: str = text()
    description: str = text()
    run_technique_snapshot: dict[str, Any] | None = Field(default=None, sa_type=Json)
    state: RunState = word(RunState, RunState.OPEN)
    state_since: datetime
    inspected_at: datetime | None = None
    manifest_hash: str = ""
    migration_attempts: int = 0
    created_at: datetime
    updated_at: datetime


class RunTechnique(SQLModel, table=True):
    """A technique used in a run, in the order of linking."""

    __tablename__ = "runs_techniques"
    __table_args__ = (sa.UniqueConstraint("run_id", "technique_id"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = link("runs.id")
    technique_id: int = link("techniques.id", index=False)
