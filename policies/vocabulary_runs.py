"""Words of runs: where one stands, what can happen to it, what it is worth.

Part of the vocabulary: everybody imports them from `policies.vocabulary`.
"""

from enum import IntEnum, StrEnum


class RunState(StrEnum):
    """Where a run stands between the DAQ and Maxwell."""

    OPEN = "open"
    """The DAQ is recording."""
    CLOSED = "closed"
    """Recorded; nobody has assessed it yet."""
    ABORTED = "aborted"
    """Closed by force because the DAQ never closed it."""
    NOT_INTERESTING = "not-interesting"
    """Assessed; stays online and is never migrated."""
    MIGRATION_REQUESTED = "migration-requested"
    """Assessed Good or Unclear; waits for the copy."""
    MIGRATING = "migrating"
    """Copy and verification running; heads for migrated."""
    MIGRATION_FAILED = "migration-failed"
    """The copy ended without proof; the source is untouched."""
    MIGRATED = "migrated"
    """Two verified copies are on record."""


class RunEvent(StrEnum):
    """What can happen to a run."""

    CLOSE = "close"
    """The DAQ closed it."""
    ABORT = "abort"
    """Closed by force, with a reason."""
    ASSESS_GOOD = "assess-good"
    """Good: migrate data to Maxwell."""
    ASSESS_UNCLEAR = "assess-unclear"
    """Unclear: migrate data to Maxwell."""
    ASSESS_NOT_INTERESTING = "assess-not-interesting"
    """Not interesting: data will not be migrated."""
    BEGIN_MIGRATION = "begin-migration"
    """A worker holds the lease and starts copying."""
    COMPLETE_MIGRATION = "complete-migration"
    """The policy's verified copies are on record."""
    FAIL_MIGRATION = "fail-migration"
    """The copy could not be proved."""
    RETRY_MIGRATION = "retry-migration"
    """Ask for the copy again."""


class RunStatus(IntEnum):
    """Wire code `run.flg_status`."""

    OPEN = 1
    """The DAQ is recording."""
    CLOSED = 2
    """The DAQ closed it."""
    ABORTED = -1
    """Closed by force."""


class RunQuality(IntEnum):
    """Wire code `run.flg_run_quality`; any other integer reads as "Others".

    Source: -1 and 1 as answered by the production catalog; 2 and 0 are ours.
    """

    NOT_ASSESSED = -1
    """Nobody has judged it yet."""
    NOT_INTERESTING = 0
    """Is not migrated."""
    GOOD = 1
    """Is migrated."""
    UNCLEAR = 2
    """Is migrated."""


class Assessment(StrEnum):
    """The three choices of the run quality form."""

    GOOD = "Good"
    """Migrate data to Maxwell."""
    UNCLEAR = "Unclear"
    """Migrate data to Maxwell; somebody will look again."""
    NOT_INTERESTING = "Not interesting"
    """Data will not be migrated to Maxwell."""
