"""Words of calibration: requests, dark runs, executions, batch jobs.

Part of the vocabulary: everybody imports them from `policies.vocabulary`. Where the metadata
catalog has a wire code, the member's value is that code.
"""

from enum import StrEnum


class CalibrationState(StrEnum):
    """State of a calibration request; values are the wire codes of `flg_cal_data_status`.

    Source: `NA` and `E` as answered by the production catalog; the others are ours.
    """

    REQUESTED = "R"
    """Asked for; the jobs are not submitted yet."""
    WAITING = "W"
    """Waits for the run's migration."""
    IN_PROGRESS = "I"
    """Jobs are on record; SLURM works on them."""
    AVAILABLE = "A"
    """Every detector succeeded; the corrected data are in place."""
    ERROR = "E"
    """A detector failed, or the migration never came."""
    NOTHING = "NA"
    """The run holds no data of a known detector."""
    CANCELLED = "X"
    """Withdrawn by a person."""

    @property
    def label(self) -> str:
        """What people read."""
        return _CALIBRATION_LABELS[self]


_CALIBRATION_LABELS = {
    CalibrationState.REQUESTED: "Requested",
    CalibrationState.WAITING: "Waiting for migration",
    CalibrationState.IN_PROGRESS: "In progress",
    CalibrationState.AVAILABLE: "Available",
    CalibrationState.ERROR: "Error",
    CalibrationState.NOTHING: "Not available",
    CalibrationState.CANCELLED: "Cancelled",
}


class CalibrationEvent(StrEnum):
    """What can happen to a calibration request."""

    AWAIT = "await-migration"
    """The run is not migrated yet."""
    WAKE = "wake"
    """The run is migrated."""
    BEGIN = "begin"
    """Executions and their jobs are on record."""
    SUCCEED = "succeed"
    """Every detector succeeded and is published."""
    FAIL = "fail"
    """At least one detector failed; what succeeded is published."""
    FIND_NOTHING = "find-nothing"
    """No data of a known detector in the run."""
    TIME_OUT = "time-out"
    """The deadline passed before the migration."""
    CANCEL = "cancel"
    """A person withdraws it; its jobs are cancelled."""


class DarkState(StrEnum):
    """State of a dark-run request; values are the wire codes of `dark_run.flg_status`.

    Source: `R` and `F` as answered by the production catalog; the others are ours.
    """

    REQUESTED = "R"
    """Asked for."""
    WAITING = "W"
    """Waits until every run is migrated."""
    IN_PROGRESS = "I"
    """SLURM works on it."""
    FINISHED = "F"
    """Constants are injected."""
    ERROR = "E"
    """It came to no constants; the feedback says why."""
    CANCELLED = "X"
    """Withdrawn by a person."""

    @property
    def label(self) -> str:
        """What people read."""
        return _DARK_LABELS[self]


_DARK_LABELS = {
    DarkState.REQUESTED: "Requested",
    DarkState.WAITING: "Waiting for migration",
    DarkState.IN_PROGRESS: "In progress",
    DarkState.FINISHED: "Finished",
    DarkState.ERROR: "Error",
    DarkState.CANCELLED: "Cancelled",
}


class DarkEvent(StrEnum):
    """What can happen to a dark-run request."""

    AWAIT = "await-migration"
    """Not every run is migrated yet."""
    WAKE = "wake"
    """The last of its runs is migrated."""
    BEGIN = "begin"
    """Its job is on record."""
    FINISH = "finish"
    """Constants are in the store and in the constants catalogue."""
    FAIL = "fail"
    """No constants came of it."""
    TIME_OUT = "time-out"
    """The deadline passed before the migration."""
    CANCEL = "cancel"
    """A person withdraws it."""


class ExecutionState(StrEnum):
    """One detector of one request."""

    PLANNED = "planned"
    """On record; its jobs may or may not be submitted."""
    AT_WORK = "at-work"
    """Every job is submitted."""
    SUCCEEDED = "succeeded"
    """Every job ended well; the result is not published yet."""
    FAILED = "failed"
    """A job ended badly."""
    CANCELLED = "cancelled"
    """Withdrawn."""
    PUBLISHED = "published"
    """The result is in place and registered."""
    SUPERSEDED = "superseded"
    """A later result of the same detector took its place."""


class ExecutionEvent(StrEnum):
    """What can happen to an execution."""

    SUBMIT = "submit"
    """Every job has its number."""
    SUCCEED = "succeed"
    """Every job ended well."""
    FAIL = "fail"
    """A job ended badly, or its result is not what it says."""
    CANCEL = "cancel"
    """A person withdraws it."""
    PUBLISH = "publish"
    """The files are in place, read back and registered."""
    SUPERSEDE = "supersede"
    """A later result took its place."""


class JobState(StrEnum):
    """A batch job as we last saw it. Not seen is no state: a silent controller changes nothing."""

    PLANNED = "planned"
    """Its name is on record; whether it was submitted is not known."""
    QUEUED = "queued"
    """SLURM has it; it waits."""
    RUNNING = "running"
    """It runs."""
    SUCCEEDED = "succeeded"
    """It ended with 0."""
    FAILED = "failed"
    """It ended otherwise; the words say how."""
    CANCELLED = "cancelled"
    """Somebody cancelled it."""
    LOST = "lost"
    """SLURM answers and has not known it for longer than the grace time."""


class JobEvent(StrEnum):
    """What can be seen of a batch job."""

    QUEUE = "queue"
    """It waits; also after a node died and SLURM took it back."""
    RUN = "run"
    """It runs."""
    SUCCEED = "succeed"
    """It ended with 0."""
    FAIL = "fail"
    """It ended badly."""
    CANCEL = "cancel"
    """It was cancelled."""
    LOSE = "lose"
    """SLURM does not know it any more."""
