"""Words of the ledgers and of the work that follows: inbox, outbox, flows, events, duties.

Part of the vocabulary: everybody imports them from `policies.vocabulary`.
"""

from enum import StrEnum


class InboxState(StrEnum):
    """What became of a message that came in."""

    APPLIED = "applied"
    """Its effect is in the catalog."""
    HELD = "held"
    """Waits for something named in its reason; tried again by itself."""
    REFUSED = "refused"
    """A rule said no; kept, visible, can be re-injected."""
    IGNORED = "ignored"
    """Told us nothing new."""


class OutboxKind(StrEnum):
    """Which road an outbox row takes."""

    FLOW = "flow"
    """A flow run in Prefect."""
    EVENT = "event"
    """A signed webhook to subscribers."""
    DELIVERY = "delivery"
    """One event for one subscriber."""
    NOTICE = "notice"
    """A message to people."""


class Work(StrEnum):
    """Flows that can be asked for; the value is the flow's and the deployment's name."""

    PROPOSAL_PREPARE = "proposal-prepare"
    """Groups, folders, rights and quotas of a proposal, until Ready."""
    BEAMTIME_START = "beamtime-start"
    """Ready becomes Active."""
    BEAMTIME_FINISH = "beamtime-finish"
    """Active becomes Finished."""
    BEAMTIME_REVIEW = "beamtime-review"
    """Finished becomes Finished and Reviewed."""
    BEAMTIME_CLOSE = "beamtime-close"
    """Folders become read-only, then Closed."""
    TEAM_SYNC = "team-sync"
    """The directory's groups equal the team."""
    RUN_CLOSED = "run-closed"
    """The files of an ended run are read, registered and compared."""
    RUN_ASSESS = "run-assess"
    """The form Good, Unclear, Not interesting."""
    RUN_MIGRATE = "run-migrate"
    """Online to offline, then the second copy, each read back."""
    RUN_CALIBRATE = "run-calibrate"
    """Whatever is due for a run's calibration: jobs, results, the end."""
    CALIBRATION_ASK = "calibration-ask"
    """The form that asks for calibrations, repeats and cancels them."""
    DARK_REQUEST = "dark-request"
    """The form that asks for constants from dark runs, and deploys them."""
    DARK_CALIBRATE = "dark-calibrate"
    """Whatever is due for a dark-run request."""
    BATCH_WATCH = "batch-watch"
    """Asks SLURM once for every open job and records what it says."""
    OPERATOR_ASK = "operator-ask"
    """The form for everything else; see `policies.asking`."""
    PORTAL_SYNC = "portal-sync"
    """Proposals, teams and beamtimes from the user portal."""
    STUCK_SWEEP = "stuck-sweep"
    """Finds work that stands still and asks for it again."""
    INBOX_SWEEP = "inbox-sweep"
    """Tries held messages again."""
    DUE_SWEEP = "due-sweep"
    """Does what obligations say is due."""


class Topic(StrEnum):
    """Events that other programs listen to; wire names fixed.

    Source: `damnit/backend/listener.py` of European-XFEL/DAMNIT.
    """

    DAQ_RUN_COMPLETE = "daq_run_complete"
    """The run is closed; its files are final."""
    MIGRATION_COMPLETE = "migration_complete"
    """The run has its verified copies."""
    RUN_CORRECTIONS_COMPLETE = "run_corrections_complete"
    """Corrected data of the run can be read."""


class Duty(StrEnum):
    """Kinds of obligations with a due date."""

    REMIND_NOT_READY = "remind-not-ready"
    """The first beamtime is near and the proposal is not Ready."""
    REMIND_REVIEW = "remind-review"
    """The beamtime ended and is not reviewed."""
    AUTO_START = "auto-start"
    """Ready becomes Active at the first beamtime, where switched on."""
    AUTO_FINISH = "auto-finish"
    """Active becomes Finished after the last beamtime, where switched on."""
    AUTO_CLOSE = "auto-close"
    """Reviewed becomes Closed, where switched on."""
    LAPSE_RIGHTS = "lapse-rights"
    """The team stops writing to the proposal's folders, a year after the review."""
    AUTO_QUALITY = "auto-quality"
    """The run is assessed Good after a delay, where the proposal says so."""
    STALE_OPEN_RUN = "stale-open-run"
    """The DAQ has not closed the run for a day."""
    RETRY_MIGRATION = "retry-migration"
    """The next attempt of a failed migration."""
    CALIBRATION_DEADLINE = "calibration-deadline"
    """A calibration has waited long enough for the run's migration."""
    DARK_DEADLINE = "dark-deadline"
    """A dark-run request has waited long enough for its runs' migration."""


class Subject(StrEnum):
    """What a journal row speaks of."""

    PROPOSAL = "proposal"
    """A proposal's own fields."""
    BEAMTIME = "beamtime"
    """Its beamtime status."""
    TEAM = "team"
    """Who is in its team, with which data access role."""
    STEP = "step"
    """A provisioning step."""
    RUN = "run"
    """A run's state and assessment."""
    FILES = "files"
    """Files of a run, registered or corrected."""
    REPLICA = "replica"
    """A copy and its proof."""
    FINDING = "finding"
    """What an audit found, and who took responsibility."""
    INBOX = "inbox"
    """A message put again."""
    OBLIGATION = "obligation"
    """Something with a due date."""
    CALIBRATION = "calibration"
    """A calibration request."""
    EXECUTION = "execution"
    """One detector of a request."""
    DARK_RUN = "dark-run"
    """A request for constants from dark runs."""
    CONSTANT = "constant"
    """A version of a calibration constant."""
    WORK = "work"
    """Work asked for by a person."""
    REFERENCE = "reference"
    """Reference rows: instruments, cycles, repositories."""
