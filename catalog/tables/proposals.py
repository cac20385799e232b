"""Proposals, their beamtimes, teams, run types, samples and provisioning."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from catalog.tables.base import json_dict, json_list, link, maybe_link, text, word
from policies.vocabulary import BeamtimeState, ReleaseState, StepName, StepState


class Proposal(SQLModel, table=True):
    """A proposal; the partial unique index keeps one Active per instrument."""

    __tablename__ = "proposals"
    __table_args__ = (
        sa.Index(
            "uq_proposals_active_per_instrument",
            "instrument_id",
            unique=True,
            sqlite_where=sa.text("flg_beamtime_status = 'A'"),
            postgresql_where=sa.text("flg_beamtime_status = 'A'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    number: int = Field(unique=True)
    title: str = text()
    abstract: str | None = Field(default=None, sa_type=sa.Text)
    proposal_folder: str = Field(unique=True)
    def_proposal_path: str
    doi: str = ""
    url: str | None = Field(default=None, unique=True)
    instrument_id: int = link("instruments.id")
    instrument_cycle_id: int = link("instrument_cycles.id")
    principal_investigator_id: int | None = maybe_link("users.id")
    main_proposer_id: int | None = maybe_link("users.id")
    local_contact_id: int | None = maybe_link("users.id")
    local_data_contact_id: int | None = maybe_link("users.id")
    experiment_data_contact_id: int | None = maybe_link("users.id")
    orig_repository_id: int | None = maybe_link("repositories.id")
    last_run: int = 0
    begin_at: datetime | None = None
    end_at: datetime | None = None
    release_at: datetime | None = Field(default=None, index=True)
    opens_early_at: datetime | None = None
    """From when it may open although the embargo is not over; None: only by date."""
    release_state: ReleaseState = word(ReleaseState, ReleaseState.EMBARGOED, index=True)
    release_since: datetime | None = None
    restriction: str = ""
    """Why it opens on no date; empty: it does."""
    openly_released_at: datetime | None = None
    policy_identifier: str = ""
    """The data policy in force at its beamtime; empty: none was pinned yet."""
    policy_version: int = 0
    beamtime_start_at: datetime | None = None
    beamtime_end_at: datetime | None = None
    expected_data_archive_at: datetime | None = None
    data_archived_at: datetime | None = None
    num_delivered_shifts: int | None = None
    num_preparation_shifts: int | None = None
    num_scheduled_shifts: int | None = None
    flg_beamtime_status: BeamtimeState = word(BeamtimeState, BeamtimeState.NEW, index=True)
    flg_proposal_system: str = "U"
    flg_available: bool = True
    flg_public: bool = False
    flg_preferred_data_output: str = "R"
    flg_auto_run_quality: int = -1
    flg_cloneable_status: str = "NC"
    flg_data_archived_notification: str | None = None
    flg_visibility_status: str = "default"
    data_plan_comments: str | None = Field(default=None, sa_type=sa.Text)
    logbook_info: dict[str, Any] = json_dict()
    description: str = text()
    gid_participants: int | None = Field(default=None, unique=True)
    gid_data_managers: int | None = Field(default=None, unique=True)
    hold: str = text()
    status_since: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Beamtime(SQLModel, table=True):
    """A stretch of beamtime of a proposal."""

    __tablename__ = "beamtimes"

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    begin_at: datetime
    end_at: datetime
    flg_available: bool = True
    description: str = text()
    portal_id: str | None = Field(default=None, index=True)


class TeamMember(SQLModel, table=True):
    """A row of the execution team."""

    __tablename__ = "proposals_users"
    __table_args__ = (sa.UniqueConstraint("proposal_id", "user_id"),)

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    user_id: int = link("users.id")
    data_access_role: int = 2
    flg_lab_access: bool = False
    flg_support: bool = False
    flg_deputy_local_contact: bool = False
    role_description: str | None = None


class TeamSnapshot(SQLModel, table=True):
    """The team as it was when the beamtime finished: ids only, never changed."""

    __tablename__ = "team_snapshots"

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    taken_at: datetime
    team_snapshot: list[Any] = json_list()


class Experiment(SQLModel, table=True):
    """A run type of a proposal (the contract calls it experiment)."""

    __tablename__ = "experiments"
    __table_args__ = (
        sa.UniqueConstraint("proposal_id", "name"),
        sa.UniqueConstraint("proposal_id", "experiment_number"),
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=60)
    doi: str = ""
    abstract: str | None = Field(default=None, sa_type=sa.Text)
    experiment_number: int
    experiment_folder: str
    experiment_type_id: int = link("experiment_types.id", index=False)
    proposal_id: int = link("proposals.id")
    flg_available: bool = True
    publisher: str = "XFEL"
    contributor: str = "XFEL"
    description: str = text()


class Sample(SQLModel, table=True):
    """A sample of a proposal."""

    __tablename__ = "samples"
    __table_args__ = (sa.UniqueConstraint("proposal_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=127)
    url: str | None = None
    sample_type_id: int = link("sample_types.id", index=False)
    proposal_id: int = link("proposals.id")
    flg_proposal_system: str | None = None
    proposal_system_id: str | None = None
    flg_available: bool = True
    description: str = text()


class ProvisioningStep(SQLModel, table=True):
    """One step of preparing a proposal, with what was read back as its proof."""

    __tablename__ = "provisioning_steps"
    __table_args__ = (sa.UniqueConstraint("proposal_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    name: StepName = word(StepName)
    state: StepState = word(StepState, StepState.PENDING)
    attempts: int = 0
    message: str = text()
    proof: dict[str, Any] = json_dict()
    started_at: datetime | None = None
    ended_at: datetime | None = None
