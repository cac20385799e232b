"""The closed sets of words: roles, states, events, work.

Everything that a column, a form or a table of rules may say is a member here, so a word
exists once. Where the metadata catalog of European XFEL has a wire code, the member's
value *is* that code and `label` is the text for people.
"""

from enum import IntEnum, StrEnum

from policies.vocabulary_archival import ArchivalEvent, ArchivalState, Locality
from policies.vocabulary_calibration import (
    CalibrationEvent,
    CalibrationState,
    DarkEvent,
    DarkState,
    ExecutionEvent,
    ExecutionState,
    JobEvent,
    JobState,
)
from policies.vocabulary_ledgers import Duty, InboxState, OutboxKind, Subject, Topic, Work
from policies.vocabulary_release import (
    AccessRight,
    DoiEvent,
    DoiState,
    DoiSubject,
    DoiSync,
    PageState,
    ReleaseEvent,
    ReleaseState,
    ReleaseStep,
    RequestEvent,
    RequestKind,
    RequestState,
)
from policies.vocabulary_runs import Assessment, RunEvent, RunQuality, RunState, RunStatus

__all__ = [
    "AccessRight",
    "ArchivalEvent",
    "ArchivalState",
    "Assessment",
    "BeamtimeEvent",
    "BeamtimeState",
    "CalibrationEvent",
    "CalibrationState",
    "DarkEvent",
    "DarkState",
    "DataAccessRole",
    "DoiEvent",
    "DoiState",
    "DoiSubject",
    "DoiSync",
    "Duty",
    "ExecutionEvent",
    "ExecutionState",
    "HoldKind",
    "InboxState",
    "JobEvent",
    "JobState",
    "Locality",
    "OutboxKind",
    "PageState",
    "ReleaseEvent",
    "ReleaseState",
    "ReleaseStep",
    "ReplicaState",
    "RequestEvent",
    "RequestKind",
    "RequestState",
    "Role",
    "RunEvent",
    "RunQuality",
    "RunState",
    "RunStatus",
    "Severity",
    "StepName",
    "StepState",
    "Subject",
    "Topic",
    "Work",
]


class Role(StrEnum):
    """Who somebody is with respect to one proposal, computed at the time of asking."""

    ADMIN = "admin"
    """Catalog administrators and IT data management."""
    LS = "LS"
    """Leading scientist of the instrument, or the deputy."""
    BE = "BE"
    """Expert of the instrument."""
    SG = "SG"
    """Support group of the instrument."""
    PI = "PI"
    """Principal investigator of the proposal."""
    MP = "MP"
    """Main proposer."""
    LC = "LC"
    """Local contact."""
    T_DM = "T_DM"
    """Team member with data access role Data Manager & Participant."""
    T_PART = "T_Part"
    """Team member with data access role Participant."""
    T_UL = "T_UL"
    """Team member with lab access."""
    SYSTEM = "system"
    """A flow or sweep of ours, acting on recorded facts."""
    DAQ_SYS = "karabo_sys"
    """The data acquisition's service account."""
    PORTAL_SYS = "upex_sys"
    """The user portal's service account."""
    STORAGE_SYS = "gpfs_sys"
    """The storage and migration service account."""


class BeamtimeState(StrEnum):
    """Beamtime status of a proposal; values are the wire codes of `flg_beamtime_status`.

    Source: European XFEL presentation of 19 May 2021 (names, order); codes N, R, A, F,
    FR, CLO as answered by the production catalog; GOF and GON are ours.
    """

    NEW = "N"
    """Row exists, nothing provisioned."""
    GPFS_OFFLINE_DONE = "GOF"
    """Groups, offline folders, ACLs and quotas verified."""
    GPFS_ONLINE_DONE = "GON"
    """The instrument's online storage verified."""
    READY = "R"
    """Everything the beamtime needs exists."""
    ACTIVE = "A"
    """Beamtime running: the instrument's one active proposal."""
    FINISHED = "F"
    """No more runs; assessment and migration drain."""
    REVIEWED = "FR"
    """Shifts assessed, every run decided."""
    CLOSED = "CLO"
    """Frozen: folders are read-only."""

    @property
    def label(self) -> str:
        """The text that the slides and the history tab show."""
        return _BEAMTIME_LABELS[self]


_BEAMTIME_LABELS = {
    BeamtimeState.NEW: "New",
    BeamtimeState.GPFS_OFFLINE_DONE: "GPFS Offline Configuration Done",
    BeamtimeState.GPFS_ONLINE_DONE: "GPFS Online Configuration Done",
    BeamtimeState.READY: "Ready",
    BeamtimeState.ACTIVE: "Active",
    BeamtimeState.FINISHED: "Finished (Beamtime)",
    BeamtimeState.REVIEWED: "Finished and Reviewed",
    BeamtimeState.CLOSED: "Closed",
}


class BeamtimeEvent(StrEnum):
    """What can be asked of a beamtime."""

    OFFLINE_CONFIGURED = "offline-configured"
    """Every offline provisioning step is recorded green."""
    ONLINE_CONFIGURED = "online-configured"
    """Every online provisioning step is recorded green."""
    MAKE_READY = "make-ready"
    """Declare Ready."""
    START = "start"
    """The beamtime begins."""
    FINISH = "finish"
    """The beamtime ends; no more runs."""
    REVIEW = "review"
    """Shifts and runs are assessed."""
    CLOSE = "close"
    """Freeze the proposal."""
    STEP_BACK = "step-back"
    """One state back; needs a reason; removes nothing."""
    REOPEN = "reopen"
    """Leave Closed; needs an administrator and a reason."""


class HoldKind(StrEnum):
    """Why a proposal is held; see `policies.veto`."""

    LEGAL_HOLD = "legal-hold"
    """Its data may be needed as evidence."""
    FROZEN = "frozen"
    """A question about it is open."""


class DataAccessRole(IntEnum):
    """Wire code `proposals_users.data_access_role`."""

    DATA_MANAGER = 1
    """Data Manager & Participant."""
    PARTICIPANT = 2
    """Participant."""


class StepName(StrEnum):
    """Provisioning steps of a proposal, in the order in which they depend on each other."""

    LDAP_GROUPS = "ldap-groups"
    """Participants and data managers groups with the team's members."""
    OFFLINE_FOLDERS = "offline-folders"
    """Folders and universal links on the offline GPFS."""
    OFFLINE_ACLS = "offline-acls"
    """Owners, POSIX ACLs and default ACLs of the offline folders."""
    OFFLINE_QUOTAS = "offline-quotas"
    """Quotas recorded, and set where the storage can."""
    ONLINE_FOLDERS = "online-folders"
    """Folders on the instrument's online storage."""
    ONLINE_ACLS = "online-acls"
    """Owners and ACLs of the online folders."""
    ONLINE_WRITE_TEST = "online-write-test"
    """A file was written, read back and removed where the DAQ will write."""
    BATCH_RESERVATION = "batch-reservation"
    """Nodes of the cluster are reserved for the beamtime; nothing else waits for it."""


class StepState(StrEnum):
    """State of one provisioning step."""

    PENDING = "pending"
    """Not begun."""
    RUNNING = "running"
    """Somebody is at it."""
    DONE = "done"
    """Done and read back."""
    FAILED = "failed"
    """Did not succeed; run it again."""
    SKIPPED = "skipped"
    """The system is not configured here, visibly."""


class ReplicaState(StrEnum):
    """What is known of one copy of a data group."""

    PLANNED = "planned"
    """The intent is on record; nothing may be there."""
    COPYING = "copying"
    """Bytes are moving."""
    VERIFIED = "verified"
    """Every file was read back and equals the manifest."""
    SUSPECT = "suspect"
    """A check failed; never counts as a copy."""
    GONE = "gone"
    """Removed by decision; the row stays."""


class Severity(StrEnum):
    """How much a finding weighs."""

    INFO = "info"
    """Worth knowing."""
    WARNING = "warning"
    """Somebody should look; nothing stops."""
    ERROR = "error"
    """Blocks migration where the policy says so."""
