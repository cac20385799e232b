"""Policies, releases and the requests about them; selections; archival."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from catalog.tables.base import json_dict, json_list, link, maybe_link, text, word
from policies.vocabulary import ReleaseState, ReleaseStep, RequestKind, RequestState


class PolicyVersion(SQLModel, table=True):
    """A version of a data policy as it was read; never changed, never removed."""

    __tablename__ = "policy_versions"
    __table_args__ = (sa.UniqueConstraint("identifier", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    identifier: str = Field(max_length=60)
    version: int
    sha256: str = Field(max_length=64)
    """Over the canonical document."""
    document: dict[str, Any] = json_dict()
    """Everything the policy says, inherited values included."""
    valid_from: datetime
    valid_to: datetime | None = None
    loaded_at: datetime


class PartRelease(SQLModel, table=True):
    """A run or a data group that opens by itself, before the rest of its proposal."""

    __tablename__ = "part_releases"
    __table_args__ = (sa.UniqueConstraint("run_id", "data_group_id"),)

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    run_id: int = link("runs.id")
    data_group_id: int | None = maybe_link("data_groups.id")
    """None: every data group of the run."""
    state: ReleaseState = word(ReleaseState, ReleaseState.EMBARGOED)
    state_since: datetime
    opens_at: datetime
    """From when it may open."""
    openly_released_at: datetime | None = None
    request_id: int | None = maybe_link("release_requests.id")


class ReleaseRequest(SQLModel, table=True):
    """Somebody asks for a later or an earlier date."""

    __tablename__ = "release_requests"
    __table_args__ = (
        sa.Index(
            "ix_release_requests_asked",
            "proposal_id",
            sqlite_where=sa.text("state = 'asked'"),
            postgresql_where=sa.text("state = 'asked'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    kind: RequestKind = word(RequestKind)
    state: RequestState = word(RequestState, RequestState.ASKED)
    state_since: datetime
    runs: list[Any] = json_list()
    """Run numbers of a partial release."""
    data_groups: list[Any] = json_list()
    """Ids of data groups of a partial release."""
    wanted_at: datetime | None = None
    """The date that is asked for, UTC."""
    reason: str = text()
    asked_by: str = Field(max_length=120)
    asked_at: datetime
    blocks_until: datetime | None = None
    """Until when it holds a release back."""
    decided_by: str = ""
    decided_at: datetime | None = None
    decision: str = text()
    """Why, in the approver's words."""
    objections: list[Any] = json_list()
    reminded_at: datetime | None = None


class ReleaseRecord(SQLModel, table=True):
    """One step of the release of a proposal or of a part, with its proof."""

    __tablename__ = "release_records"
    __table_args__ = (sa.UniqueConstraint("proposal_id", "part_release_id", "step"),)

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    part_release_id: int = Field(default=0)
    """0: the whole proposal."""
    step: ReleaseStep = word(ReleaseStep)
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    """None: not done."""
    outcome: str = text()
    proof: dict[str, Any] = json_dict()


class ReleaseRound(SQLModel, table=True):
    """One round of the release sweep; what breakers compare with."""

    __tablename__ = "release_rounds"

    id: int | None = Field(default=None, primary_key=True)
    begun_at: datetime = Field(index=True)
    ended_at: datetime | None = None
    due: int = 0
    asked: int = 0
    byte_size: int = Field(default=0, sa_type=sa.BigInteger)
    stopped: str = text()
    """Why a breaker stopped it; empty: it did not."""
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    details: dict[str, Any] = json_dict()


class Selection(SQLModel, table=True):
    """Runs of a proposal put together under a DOI of their own."""

    __tablename__ = "selections"
    __table_args__ = (sa.UniqueConstraint("proposal_id", "index"),)

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    index: int
    title: str
    description: str = text()
    made_by: str = Field(max_length=120)
    made_at: datetime


class SelectionRun(SQLModel, table=True):
    """Which runs a selection holds."""

    __tablename__ = "selection_runs"
    __table_args__ = (sa.UniqueConstraint("selection_id", "run_id"),)

    id: int | None = Field(default=None, primary_key=True)
    selection_id: int = link("selections.id")
    run_id: int = link("runs.id")


class Publication(SQLModel, table=True):
    """A paper about data of a proposal."""

    __tablename__ = "publications"
    __table_args__ = (sa.UniqueConstraint("proposal_id", "doi"),)

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    doi: str
    title: str = text()
    published_at: datetime | None = None


class Funding(SQLModel, table=True):
    """Who paid for the research of a proposal; never the beamtime award."""

    __tablename__ = "fundings"

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    funder_name: str
    funder_ror: str = ""
    award_number: str = ""
    award_title: str = ""


class Parameter(SQLModel, table=True):
    """A measured or set quantity of a run, as written and in SI units."""

    __tablename__ = "parameters"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "name"),
        sa.Index("ix_parameters_name_si", "name", "si_value"),
    )

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = link("runs.id", index=False)
    name: str = Field(max_length=120)
    value: float | None = None
    """As written; finite; None: `words` holds it."""
    words: str = ""
    """A value that is no number."""
    unit: str = ""
    si_value: float | None = None
    dimension: str = ""
    """Such as `[length]`; empty: without unit."""
