"""The user portal's export: what it tells about people, cycles and proposals.

The format is ours: a JSON object with `format`, `version`, and lists of users, cycles and
proposals. `FORMAT` says every field once; it drives the reader and the handbook's page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from policies import portal_values as v
from policies.portal_values import Kind

NAME = "upex-export"
"""Value of `format`."""

VERSION = 1
"""Value of `version`; a new one is made when a field changes its meaning."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account in the portal."""

    uid: str
    name: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    contact_email: str | None = None
    policy_accepted: bool = False
    account_valid: bool = False
    content: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Cycle:
    """A period of operation of one instrument, instants in UTC."""

    identifier: str
    instrument: str
    begin_at: datetime
    end_at: datetime
    start_call_at: datetime | None = None
    close_call_at: datetime | None = None
    content: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class BeamtimeRow:
    """A stretch of beamtime; `id` is the portal's, instants in UTC."""

    id: str
    begin_at: datetime
    end_at: datetime
    description: str = ""


@dataclass(frozen=True)
class MemberRow:
    """A row of the team."""

    uid: str
    data_access_role: int = 2
    lab_access: bool = False
    support: bool = False
    deputy_local_contact: bool = False
    role_description: str | None = None


@dataclass(frozen=True)
class SampleRow:
    """A row of the samples sheet."""

    name: str
    id: str | None = None
    type: str | None = None
    url: str | None = None
    description: str = ""


@dataclass(frozen=True)
class RunTypeRow:
    """A run type that the team wants beside the default ones."""

    name: str
    type: str | None = None
    description: str = ""


@dataclass(frozen=True)
class ProposalRow:
    """A proposal; `samples` None means that the portal did not tell."""

    number: int
    title: str
    instrument: str
    cycle: str
    system: str
    principal_investigator: str
    main_proposer: str
    team: tuple[MemberRow, ...]
    beamtimes: tuple[BeamtimeRow, ...]
    local_contact: str | None = None
    local_data_contact: str | None = None
    experiment_data_contact: str | None = None
    abstract: str | None = None
    url: str | None = None
    begin_at: datetime | None = None
    end_at: datetime | None = None
    scheduled_shifts: int | None = None
    preparation_shifts: int | None = None
    available: bool = True
    samples: tuple[SampleRow, ...] | None = None
    run_types: tuple[RunTypeRow, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def accounts(self) -> dict[str, str]:
        """Field ⇒ account for everybody whom the row names; last field wins per account."""
        named = {f"team[{i}].uid": member.uid for i, member in enumerate(self.team) if member.uid}
        people = (
            "principal_investigator",
            "main_proposer",
            "local_contact",
            "local_data_contact",
            "experiment_data_contact",
        )
        return {p: uid for p in people if (uid := getattr(self, p))} | named


@dataclass(frozen=True)
class RefusedRow:
    """A row that cannot be taken over.

    Attributes:
        kind: `user`, `cycle` or `proposal`.
        key: What names it, as far as it can be read.
        faults: Field ⇒ rule that it breaks.
        content: The row as it came.
    """

    kind: str
    key: str
    faults: Mapping[str, str]
    content: Any

    @property
    def reason(self) -> str:
        """The faults in one sentence."""
        return "; ".join(f"{name} {rule}" for name, rule in sorted(self.faults.items()))


@dataclass(frozen=True)
class Export:
    """An export that was read: good rows, and the refused ones with their reasons.

    Attributes:
        exported_at: When the portal wrote it, UTC; None when it does not say.
    """

    people: tuple[Person, ...] = ()
    cycles: tuple[Cycle, ...] = ()
    proposals: tuple[ProposalRow, ...] = ()
    refused: tuple[RefusedRow, ...] = ()
    exported_at: datetime | None = None

    def parts(self, size: int = 25) -> Iterator["Export"]:
        """The same rows as smaller exports, each good for one short transaction.

        People and cycles come first, because proposals name them; there is always one part.

        Args:
            size: Proposals per part; of other rows ten times as many.
        """
        many = 10 * size
        lists: tuple[tuple[str, tuple[Any, ...], int], ...] = (
            ("people", self.people, many),
            ("cycles", self.cycles, many),
            ("proposals", self.proposals, size),
            ("refused", self.refused, many),
        )
        if not any(rows for _, rows, _ in lists):
            yield self
        for name, rows, step in lists:
            for start in range(0, len(rows), step):
                some = {name: rows[start : start + step]}
                yield Export(**some, exported_at=self.exported_at)


@dataclass(frozen=True)
class FieldRule:
    """One field of a row.

    Attributes:
        name: Its name in the export.
        kind: What a value looks like; a name of `FORMAT` for a list of rows.
        meaning: What it says and what becomes of it.
        needed: Whether it must be there and not null.
    """

    name: str
    kind: Kind | str
    meaning: str
    needed: bool = False


MAX_ROWS = {"team": 500, "beamtimes": 200, "samples": 2000, "run_types": 50}
"""Rows that one proposal may have."""

_F = FieldRule

FORMAT: dict[str, tuple[FieldRule, ...]] = {
    "user": (
        _F("uid", v.UID, "Account name; rows are matched by it.", needed=True),
        _F("name", v.PERSON, "Full name as shown.", needed=True),
        _F("first_name", v.PERSON, "First name."),
        _F("last_name", v.PERSON, "Family name."),
        _F("email", v.EMAIL, "Mail address."),
        _F("contact_email", v.EMAIL, "Address for contact, where it is another one."),
        _F(
            "policy_accepted",
            v.FLAG,
            "Whether the current data policy is accepted; without it nobody enters a group.",
            needed=True,
        ),
        _F("account_valid", v.FLAG, "Whether the directory account is valid.", needed=True),
    ),
    "cycle": (
        _F("identifier", v.CYCLE, "Year and suffix; unique with the instrument.", needed=True),
        _F("instrument", v.INSTRUMENT, "Identifier of the instrument.", needed=True),
        _F("begin_at", v.INSTANT, "First moment.", needed=True),
        _F("end_at", v.INSTANT, "Last moment, after begin_at.", needed=True),
        _F("start_call_at", v.INSTANT, "Opening of the call, user cycles only."),
        _F("close_call_at", v.INSTANT, "Closing of the call."),
    ),
    "proposal": (
        _F("number", v.NUMBER, "Proposal number; never changes.", needed=True),
        _F("title", v.TITLE, "Title.", needed=True),
        _F("abstract", v.TEXT, "Abstract."),
        _F("url", v.URL, "Page in the portal."),
        _F(
            "instrument",
            v.INSTRUMENT,
            "Identifier of the instrument; fixed once folders or runs exist.",
            needed=True,
        ),
        _F("cycle", v.CYCLE, "Cycle; fixed once folders or runs exist.", needed=True),
        _F("system", v.SYSTEM, "Where the proposal was written; never changes.", needed=True),
        _F("principal_investigator", v.UID, "Account of the principal investigator.", needed=True),
        _F("main_proposer", v.UID, "Account of the main proposer.", needed=True),
        _F("local_contact", v.UID, "Account of the local contact."),
        _F("local_data_contact", v.UID, "Account of the facility's data contact."),
        _F("experiment_data_contact", v.UID, "Account of the team's data contact."),
        _F("begin_at", v.INSTANT, "Nominal begin; absent: that of the first beamtime."),
        _F("end_at", v.INSTANT, "Nominal end; absent: that of the last beamtime."),
        _F("scheduled_shifts", v.SHIFTS, "Shifts given for the experiment."),
        _F("preparation_shifts", v.SHIFTS, "Shifts given for preparation."),
        _F("available", v.FLAG, "False: withdrawn; the catalog keeps the proposal."),
        _F("team", "member", "The whole team; who is missing has left.", needed=True),
        _F(
            "beamtimes",
            "beamtime",
            "All beamtimes; a missing one becomes unavailable, never deleted.",
            needed=True,
        ),
        _F("samples", "sample", "The samples sheet; absent: not told, nothing changes."),
        _F("run_types", "run_type", "Run types beside the default ones; only ever added."),
    ),
    "member": (
        _F("uid", v.UID, "Account name.", needed=True),
        _F("data_access_role", v.ROLE, "1 Data Manager & Participant, 2 Participant (default)."),
        _F("lab_access", v.FLAG, "May enter the laboratories."),
        _F("support", v.FLAG, "Supports the team."),
        _F("deputy_local_contact", v.FLAG, "Stands in for the local contact."),
        _F("role_description", v.REMARK, "Free words, for example Group coordinator."),
    ),
    "beamtime": (
        _F("id", v.ID, "The portal's id; rows are matched by it.", needed=True),
        _F("begin_at", v.INSTANT, "Begin of the first shift.", needed=True),
        _F("end_at", v.INSTANT, "End of the last shift, after begin_at.", needed=True),
        _F("description", v.REMARK, "Remark."),
    ),
    "sample": (
        _F("name", v.SAMPLE, "Name; unique in the proposal.", needed=True),
        _F("id", v.ID, "The portal's id."),
        _F("type", v.WORD, "Identifier of a sample type; absent: the first one."),
        _F("url", v.URL, "Page in the portal."),
        _F("description", v.TEXT, "Description."),
    ),
    "run_type": (
        _F("name", v.RUN_TYPE, "Name; unique in the proposal.", needed=True),
        _F("type", v.WORD, "Identifier of an experiment type; absent: the first one."),
        _F("description", v.TEXT, "Description."),
    ),
}
"""Every kind of row, its fields in the order of the handbook."""
