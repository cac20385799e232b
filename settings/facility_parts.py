"""The parts of a facility file: one model per kind of row.

Field names are the metadata catalog's own; another row is named by its identifier.
"""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from policies.replica import Tier
from policies.vocabulary import Role

Segment = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
"""An identifier that becomes part of paths and group names: no slash, no dot, no space."""

Identifier = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]

GroupName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_-]*\{number(:0\d{1,2}d)?\}[a-z0-9_-]*$", max_length=40),
]
"""A group's name for every proposal, made of its number."""

Name60 = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


def _every_year(day: str) -> str:
    date.fromisoformat(f"2023-{day}")
    return day


Day = Annotated[str, AfterValidator(_every_year)]
"""A day of every year, `MM-DD`; 29 February is none."""


class Part(BaseModel):
    """A part of the file: unknown keys are typing errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(Part):
    """What most rows share.

    Attributes:
        id: The contract's row id; None lets the database choose.
    """

    id: int | None = Field(default=None, ge=1)
    flg_available: bool = True
    description: str = ""

    def columns(self) -> dict[str, Any]:
        """Values by column; fields that the file leaves out are not touched in the catalog."""
        return self.model_dump(exclude_unset=True)


class FacilityRow(Row):
    """The facility itself; the first one is our own."""

    name: Name60
    identifier: Segment
    doi: str | None = None


class KindRow(Row):
    """A data group type, an experiment type."""

    name: Name60
    identifier: Identifier


class SampleTypeRow(KindRow):
    """A sample type."""

    flg_proposal_system: str | None = None


class TechniqueRow(Row):
    """An experimental technique.

    Attributes:
        flg_xfel_available: Whether the facility itself offers it.
    """

    identifier: Identifier
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    url: str | None = None
    flg_xfel_available: bool = False


class RepositoryRow(Row):
    """A store that holds copies of data groups.

    Attributes:
        rank: Order along the path of the data, low near the source.
        tier: Which kind of store it is, for the rule of two verified copies.
        data_group_type: Identifier of the only type it holds, None for any.
    """

    name: Name60
    identifier: Identifier
    mount_point: Annotated[str, StringConstraints(pattern=r"^/")]
    transfer_agent_identifier: Identifier
    transfer_agent_server_url: str | None = None
    flg_context: str = "L"
    rank: int = Field(ge=0)
    tier: Tier
    data_group_type: str | None = None


class UserRow(Part):
    """An account that the facility file itself makes: service accounts, test people.

    Attributes:
        roles: Application roles, `admin` or a service's; responsibilities are computed.
    """

    id: int | None = Field(default=None, ge=1)
    uid: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")]
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    provider: str = "ldap"
    flg_service_account: bool = False
    flg_ldap_account_valid: bool = False
    flg_upex_acceptances: bool = False
    roles: list[Role] = Field(default_factory=list)
    description: str = ""

    @field_validator("roles")
    @classmethod
    def _stored_roles(cls, roles: list[Role]) -> list[Role]:
        stored = {Role.ADMIN, Role.DAQ_SYS, Role.PORTAL_SYS, Role.STORAGE_SYS}
        if odd := set(roles) - stored:
            raise ValueError(f"{', '.join(sorted(odd))}: computed from facts, never stored")
        return roles

    def columns(self) -> dict[str, Any]:
        """Values by column; roles as words."""
        found = self.model_dump(exclude_unset=True)
        return found | ({"roles": [str(r) for r in self.roles]} if "roles" in found else {})


class InstrumentRow(Row):
    """An instrument.

    Attributes:
        identifier: Becomes a folder.
        repository: Identifier of its online storage.
        instrument_leader: Account of the leading scientist, None if not on record.
        experts: Accounts of the instrument's experts.
        support: Accounts of its support group.
    """

    name: Name60
    identifier: Segment
    url: str | None = None
    facility: str
    repository: str
    instrument_type_id: int | None = None
    topic_id: int | None = None
    instrument_leader: str | None = None
    deputy_instrument_leader: str | None = None
    flg_online_resource: bool = False
    online_script: str | None = None
    system_user: str | None = None
    dsg_host: str | None = None
    doi: str | None = None
    experts: tuple[str, ...] = ()
    support: tuple[str, ...] = ()

    def columns(self) -> dict[str, Any]:
        """Values by column; people of the instrument are rows of their own."""
        return self.model_dump(exclude_unset=True, exclude={"experts", "support"})

    def people(self) -> list[dict[str, Any]]:
        """Rows of `instruments_users`."""
        pairs = [("BE", uid) for uid in self.experts] + [("SG", uid) for uid in self.support]
        return [{"instrument": self.identifier, "user": uid, "kind": kind} for kind, uid in pairs]


class CycleRow(Row):
    """A period of operation of one instrument, with its true dates.

    Attributes:
        begin_at: Without an offset: wall clock of the facility.
    """

    identifier: Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
    instrument: str
    begin_at: datetime
    end_at: datetime
    start_call_at: datetime | None = None
    close_call_at: datetime | None = None
    flg_proposal_system: str | None = None
    url: str | None = None


class CycleRule(Part):
    """What the last two digits of a cycle mean, and its dates where nobody said otherwise.

    Attributes:
        suffix: Last two digits.
        begin: First day, `MM-DD`.
        end: Last day, `MM-DD`.
        flg_proposal_system: Where its proposals come from, `upex` or `local`.
        instruments: Instruments that get a row for every year.
    """

    suffix: Annotated[str, StringConstraints(pattern=r"^\d{2}$")]
    begin: Day
    end: Day
    flg_proposal_system: str | None = None
    description: str = ""
    instruments: tuple[str, ...] = ()


class Cycles(Part):
    """Rules for cycles and the cycles whose true dates are known."""

    first_year: int = Field(ge=1990, le=2200)
    last_year: int = Field(ge=1990, le=2200)
    rules: tuple[CycleRule, ...] = ()
    known: tuple[CycleRow, ...] = ()


class RunType(Part):
    """A run type that every new proposal gets; the first is the default."""

    name: Name60
    experiment_type: str
    description: str = ""


class DefaultSample(Part):
    """The sample of runs without one."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=127)]
    sample_type: str


class Groups(Part):
    """Directory groups of a proposal.

    Attributes:
        gid_first: First numeric gid that may be given out; never reused.
        gid_last: Last one.
        participants: Name of the participants' group; `{number}` is the proposal.
        data_managers: Name of the data managers' group.
        base: Where they live in the directory.
    """

    gid_first: int = Field(ge=1000, lt=2**31)
    gid_last: int = Field(ge=1000, lt=2**31)
    participants: GroupName
    data_managers: GroupName
    base: str


class Numbers(Part):
    """Meaning of proposal numbers.

    Attributes:
        example_from: First number of example proposals.
        internal_from: First number of internal proposals.
    """

    example_from: int = Field(ge=1)
    internal_from: int = Field(ge=1)
