"""Choices of data policies."""

from enum import StrEnum


class Anchor(StrEnum):
    """From when an embargo counts."""

    LAST_BEAMTIME_END = "last_beamtime_end"
    """The end of the proposal's last beamtime."""
    EXPERIMENT_END = "experiment_end"
    """The end of the experiment, which is the last beamtime's where a proposal has several."""
    DATA_CREATED = "data_created"
    """The last data that were taken."""
    DATASET_CREATED = "dataset_created"
    """The registration of the last data set."""
    PROPOSAL_END = "proposal_end"
    """The proposal's own end."""


class Consent(StrEnum):
    """What early opening waits for, besides who asks."""

    NONE = "none"
    """Nothing."""
    NO_OBJECTION = "no_objection"
    """Nobody of the team objects within a period."""
    ON_DOI_CREATION = "on_doi_creation"
    """Making a DOI opens the data behind it."""
    ON_PUBLICATION = "on_publication"
    """Publishing the results opens the data."""


class AccessMode(StrEnum):
    """Who gets open data, and how."""

    ON_REQUEST = "on_request"
    """Whoever asks."""
    REGISTERED = "registered"
    """Whoever has an account."""
    PUBLIC = "public"
    """Everybody."""

    @property
    def words(self) -> str:
        """To whom, in words."""
        return {
            AccessMode.ON_REQUEST: "to whoever asks",
            AccessMode.REGISTERED: "to whoever has an account",
        }.get(self, "to everybody")


class PublicAt(StrEnum):
    """From when metadata are public."""

    ALWAYS = "always"
    """At once."""
    DOI_PUBLICATION = "doi_publication"
    """When somebody publishes the DOI."""
    EXPERIMENT_END = "experiment_end"
    """After the experiment."""
    RELEASE = "release"
    """With the data."""


class MintAt(StrEnum):
    """When a DOI is reserved."""

    PROPOSAL_CREATED = "proposal_created"
    """With the proposal."""
    PROPOSAL_READY = "proposal_ready"
    """When its beamtime is prepared."""
    EXPERIMENT_END = "experiment_end"
    """After the experiment."""


class Publish(StrEnum):
    """Who makes a DOI findable before the data are open."""

    MANUAL = "manual"
    """A person."""
    AUTO = "auto"
    """The system, as soon as it exists."""


class AtEnd(StrEnum):
    """What becomes of a copy at the end of its time; nothing is deleted without a person."""

    REVIEW = "review"
    """A person looks at it again."""
    DELETE = "delete"
    """Deletion may be asked for."""
    DELETE_IF_REPRODUCIBLE = "delete_if_reproducible"
    """The same, while what it was made of is there."""
    FREEZE = "freeze"
    """It becomes read-only."""
