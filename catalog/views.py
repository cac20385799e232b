"""What queries and commands hand out: plain values, never tables."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from policies.vocabulary import BeamtimeState, RunState, StepName, StepState


@dataclass(frozen=True)
class BeamtimeMove:
    """A step of a beamtime, done or previewed.

    Attributes:
        proposal: Proposal number.
        source: State before.
        target: State after.
        overridden: Guards an administrator passed.
        changed: False for a preview.
    """

    proposal: int
    source: BeamtimeState
    target: BeamtimeState
    overridden: tuple[str, ...]
    changed: bool


@dataclass(frozen=True)
class RunMove:
    """A step of a run.

    Attributes:
        proposal: Proposal number.
        run: Run number.
        source: State before, None for a new run.
        target: State after.
        changed: Whether anything changed; a repeated message changes nothing.
        warnings: What was accepted although it looked odd, in words.
    """

    proposal: int
    run: int
    source: RunState | None
    target: RunState
    changed: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A provisioning step as recorded."""

    name: StepName
    state: StepState
    attempts: int
    message: str
    ended_at: datetime | None


@dataclass(frozen=True)
class Member:
    """Somebody of the team.

    Attributes:
        uid: Account name.
        name: Full name.
        data_manager: Data access role 1.
        lab_access: May enter the laboratories.
        accepted: Latest data policy accepted.
        account_valid: Has a valid directory account.
        role_description: Free words, for example "Group coordinator".
    """

    uid: str
    name: str
    data_manager: bool
    lab_access: bool
    accepted: bool
    account_valid: bool
    role_description: str = ""


@dataclass(frozen=True)
class ProposalView:
    """A proposal with what flows need of it.

    Attributes:
        instrument: Instrument identifier.
        online_repository: Identifier of the instrument's online storage.
        gids: Numeric gids of participants and data managers, None before allocation.
        contacts: Principal investigator, main proposer and local contact; the first two
            count as data managers.
        hold: Holds that stand, a line each, `kind: reason`; empty when none does.
        writable_until: When the team of a Reviewed proposal stops writing, aware; None in
            other states.
    """

    number: int
    title: str
    folder: str
    path: str
    instrument: str
    cycle: str
    state: BeamtimeState
    system: str
    online_repository: str
    principal_investigator: str
    main_proposer: str
    local_contact: str
    gid_participants: int | None
    gid_data_managers: int | None
    begin_at: datetime | None
    end_at: datetime | None
    beamtimes: tuple[tuple[datetime, datetime], ...]
    release_at: datetime | None
    delivered_shifts: int | None
    last_run: int
    team: tuple[Member, ...] = ()
    contacts: tuple[Member, ...] = ()
    steps: tuple[Step, ...] = ()
    hold: str = ""
    writable_until: datetime | None = None


@dataclass(frozen=True)
class RunView:
    """A row of the run table."""

    proposal: int
    run: int
    alias: str
    run_type: str
    sample: str
    begin_at: datetime
    end_at: datetime | None
    first_train: int
    last_train: int | None
    state: RunState
    quality: int
    assessment: str
    size_bytes: int | None
    num_files: int
    migration_request_at: datetime | None
    migration_begin_at: datetime | None
    migration_end_at: datetime | None
    migration_attempts: int
    inspected_at: datetime | None
    repositories: dict[str, str] = field(default_factory=dict)
    findings: int = 0
    description: str = ""


@dataclass(frozen=True)
class HistoryRow:
    """A line of the history tab: what, old ⇒ new, who, when, why."""

    seq: int
    at: datetime
    subject: str
    run: int | None
    event: str
    source: str
    target: str
    actor: str
    reason: str
    override: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
