"""The facility itself: instruments, cycles, repositories and kinds of things.

Field names follow the metadata catalog's published REST contract.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from catalog.tables.base import json_dict, link, maybe_link, text, word
from policies.replica import Tier


class Facility(SQLModel, table=True):
    """A facility; id 1 is our own."""

    __tablename__ = "facilities"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    identifier: str = Field(unique=True)
    doi: str | None = None
    flg_available: bool = True
    description: str = text()
    reference: dict[str, Any] = json_dict()


class DataGroupType(SQLModel, table=True):
    """RAW, CAL, PROC, REDU, SIM, UNK."""

    __tablename__ = "data_group_types"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=60, unique=True)
    identifier: str = Field(unique=True)
    flg_available: bool = True
    description: str = text()


class ExperimentType(SQLModel, table=True):
    """Kind of a run type."""

    __tablename__ = "experiment_types"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=60, unique=True)
    identifier: str = Field(unique=True)
    flg_available: bool = True
    description: str = text()


class SampleType(SQLModel, table=True):
    """Kind of a sample."""

    __tablename__ = "sample_types"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=60, unique=True)
    identifier: str = Field(unique=True)
    flg_available: bool = True
    flg_proposal_system: str | None = None
    description: str = text()


class Technique(SQLModel, table=True):
    """An experimental technique, by PaNET where it has a term."""

    __tablename__ = "techniques"

    id: int | None = Field(default=None, primary_key=True)
    identifier: str = Field(unique=True)
    name: str = Field(max_length=80, unique=True)
    url: str | None = None
    flg_available: bool = True
    flg_xfel_available: bool = False
    description: str = text()


class Repository(SQLModel, table=True):
    """A store that holds copies of data groups.

    `rank` orders the path of the data: low near the source. `tier` is ours: which kind of
    store it is, for the rule of two verified copies.
    """

    __tablename__ = "repositories"
    __table_args__ = (
        sa.UniqueConstraint("transfer_agent_identifier", "transfer_agent_server_url"),
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=60, unique=True)
    identifier: str = Field(unique=True)
    img_url: str | None = None
    mount_point: str
    transfer_agent_identifier: str
    transfer_agent_server_url: str | None = None
    flg_context: str = "L"
    flg_available: bool = True
    rank: int = 0
    data_group_type_id: int | None = maybe_link("data_group_types.id")
    description: str = text()
    tier: Tier = word(Tier)


class Instrument(SQLModel, table=True):
    """An instrument; `repository_id` is its online storage."""

    __tablename__ = "instruments"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    identifier: str = Field(unique=True)
    url: str | None = None
    facility_id: int = link("facilities.id")
    instrument_type_id: int | None = None
    repository_id: int = link("repositories.id")
    topic_id: int | None = None
    instrument_leader_id: int | None = maybe_link("users.id")
    deputy_instrument_leader_id: int | None = maybe_link("users.id")
    flg_online_resource: bool = False
    online_script: str | None = None
    system_user: str | None = None
    dsg_host: str | None = None
    doi: str | None = None
    flg_available: bool = True
    description: str = text()


class InstrumentUser(SQLModel, table=True):
    """An expert or a support group member of an instrument."""

    __tablename__ = "instruments_users"
    __table_args__ = (sa.UniqueConstraint("instrument_id", "user_id", "kind"),)

    id: int | None = Field(default=None, primary_key=True)
    instrument_id: int = link("instruments.id")
    user_id: int = link("users.id")
    kind: str = Field(max_length=2)
    """`BE` expert, `SG` support group."""


class InstrumentCycle(SQLModel, table=True):
    """A period of operation; the identifier is unique only with its instrument."""

    __tablename__ = "instrument_cycles"
    __table_args__ = (sa.UniqueConstraint("identifier", "instrument_id"),)

    id: int | None = Field(default=None, primary_key=True)
    identifier: str = Field(max_length=6)
    url: str | None = None
    instrument_id: int = link("instruments.id")
    begin_at: datetime
    end_at: datetime
    start_call_at: datetime | None = None
    close_call_at: datetime | None = None
    flg_available: bool = True
    flg_proposal_system: str | None = None
    description: str = text()
