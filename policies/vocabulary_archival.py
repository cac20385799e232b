"""Words of archival: raw data that move to tape only.

Part of the vocabulary: everybody imports them from `policies.vocabulary`.
"""

from enum import StrEnum


class ArchivalState(StrEnum):
    """Where a proposal's raw data stand on their way to tape only."""

    PLANNED = "planned"
    """The day is known; nobody was told."""
    NOTICED = "noticed"
    """The team was told; the grace runs."""
    VETOED = "vetoed"
    """Somebody who may wants to keep them on disk."""
    MOVING = "moving"
    """Disk copies are given up file by file. Heads for archived."""
    ARCHIVED = "archived"
    """On tape only; every file was read back from the store's own records."""


class ArchivalEvent(StrEnum):
    """What happens to an archival."""

    NOTIFY = "notify"
    """The team is told what will happen and when."""
    VETO = "veto"
    """Keep the data on disk, with a reason."""
    LIFT_VETO = "lift-veto"
    """The veto is taken back; the team is told anew and the grace begins anew."""
    BEGIN = "begin"
    """The grace is over and every copy is proved."""
    STOP = "stop"
    """Something does not fit; what is on disk stays there."""
    COMPLETE = "complete"
    """Every file is on tape only, with the right size and sum."""


class Locality(StrEnum):
    """Where a file of the tape store is.

    Source: dCache's words for file locality.
    """

    ONLINE = "ONLINE"
    """On disk only."""
    NEARLINE = "NEARLINE"
    """On tape only; opening it blocks until it is staged."""
    ONLINE_AND_NEARLINE = "ONLINE_AND_NEARLINE"
    """On disk and on tape."""
    UNAVAILABLE = "UNAVAILABLE"
    """On a pool that does not answer; an incident, not a missing file."""
    LOST = "LOST"
    """Registered and nowhere."""
    NONE = "NONE"
    """No file, a folder for example."""
