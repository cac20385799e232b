"""Words of release, DOIs and open data.

Part of the vocabulary: everybody imports them from `policies.vocabulary`.
"""

from enum import StrEnum


class ReleaseState(StrEnum):
    """Where a proposal, a run or a data group stands between embargo and open data.

    Whether it is *due* is no state: it is computed from the stored date whenever somebody asks.
    """

    EMBARGOED = "embargoed"
    """Closed to everybody without a responsibility, also when the date has passed."""
    OPENING = "opening"
    """The release works on it; nothing claims that it is open. Heads for open."""
    OPEN = "open"
    """Anonymous reading was verified."""
    RECLOSED = "reclosed"
    """Was open and was closed again after an accident."""
    RESTRICTED = "restricted"
    """Never opens by date: personal, sensitive or proprietary data."""
    WITHDRAWN = "withdrawn"
    """Gone for good; a tombstone answers."""


class ReleaseEvent(StrEnum):
    """What can be asked of a release."""

    BEGIN_OPENING = "begin-opening"
    """Start to open what is due, or what may open early."""
    CONFIRM_OPEN = "confirm-open"
    """Everything was opened and read back."""
    CLOSE_AGAIN = "close-again"
    """Opening failed before anonymous reading was verified; it is closed as before."""
    RECLOSE = "reclose"
    """Close what is open: an incident, with its reason."""
    RESTRICT = "restrict"
    """Never open by date, for a named reason."""
    LIFT_RESTRICTION = "lift-restriction"
    """Back under the embargo."""
    WITHDRAW = "withdraw"
    """A tombstone takes the place of the data."""


class RequestKind(StrEnum):
    """What somebody asks of a release date."""

    EXTENSION = "extension"
    """A later date."""
    EARLY = "early"
    """Opening before the date."""
    PARTIAL = "partial"
    """Opening some runs or data groups before the rest."""


class RequestState(StrEnum):
    """Where a request about a release date stands."""

    ASKED = "asked"
    """Waits for the approver, or for objections."""
    APPROVED = "approved"
    """Granted; its effect is recorded."""
    REFUSED = "refused"
    """Not granted, with a reason."""
    WITHDRAWN = "withdrawn"
    """Taken back by who asked."""
    EXPIRED = "expired"
    """Nobody decided in time; it blocks nothing any more."""


class RequestEvent(StrEnum):
    """What can happen to a request."""

    APPROVE = "approve"
    """The approver grants it."""
    REFUSE = "refuse"
    """The approver does not, with a reason."""
    TAKE_BACK = "take-back"
    """Who asked does not want it any more."""
    EXPIRE = "expire"
    """Its time is up."""


class ReleaseStep(StrEnum):
    """One step of a release, in order; each has its own record and its own proof."""

    PREFLIGHT = "preflight"
    """Closed, due, no hold, audited, metadata valid."""
    DIGESTS = "digests"
    """Every file read once: sha256 for the public, and the digest of the registration again."""
    RESERVE = "reserve"
    """The DOI resolves."""
    RIGHTS = "rights"
    """The covered folders are readable for everybody, read back."""
    ANONYMOUS = "anonymous"
    """Somebody without any right has read the files."""
    PUBLISH = "publish"
    """The DOI is findable with the date of issue, read back."""
    RECORD = "record"
    """The catalog says open."""
    TELL = "tell"
    """People know."""


class DoiSubject(StrEnum):
    """What a DOI names."""

    PROPOSAL = "proposal"
    """All data of a proposal."""
    RUN = "run"
    """One run."""
    DATA_GROUP = "data-group"
    """One data group, for example the corrected data of a run."""
    SELECTION = "selection"
    """Runs of a proposal that somebody put together."""
    INSTRUMENT = "instrument"
    """An instrument."""


class DoiState(StrEnum):
    """States of a DOI at DataCite, as wished and as seen.

    Source: DataCite's state model.
    """

    DRAFT = "draft"
    """Not public; can be deleted."""
    REGISTERED = "registered"
    """Resolves; is not found by searching; for ever."""
    FINDABLE = "findable"
    """Resolves and is found."""


class DoiSync(StrEnum):
    """How far the other side is known to agree with a DOI's row."""

    PLANNED = "planned"
    """Written here; not sent, or not proved."""
    VERIFIED = "verified"
    """State, address and metadata were read back and agree."""
    STUCK = "stuck"
    """Refused for good: a person or new metadata free it."""


class DoiEvent(StrEnum):
    """What happens to a DOI's row."""

    WISH = "wish"
    """Other metadata, or another state, are wanted."""
    PROVE = "prove"
    """The other side was read back and agrees."""
    STICK = "stick"
    """The other side refused for good."""


class PageState(StrEnum):
    """What a landing page shows; decided at read time from recorded facts."""

    UNKNOWN = "unknown"
    """No such DOI, or a draft: 404."""
    MINIMAL = "minimal"
    """Registered, metadata not public."""
    EMBARGOED = "embargoed"
    """Full metadata, closed data, the date in words."""
    DUE = "due"
    """The embargo is over, the data are not open yet."""
    PARTIAL = "partial"
    """Some runs are open, the rest is embargoed."""
    OPEN = "open"
    """Everything that the policy covers can be read."""
    RESTRICTED = "restricted"
    """Metadata only; opens on no date."""
    HIDDEN = "hidden"
    """Published once, temporarily not available."""
    TOMBSTONE = "tombstone"
    """Gone for good: 410 with the frozen citation."""


class AccessRight(StrEnum):
    """Who may read the data, as vocabularies of open science say it."""

    OPEN = "open"
    """Everybody."""
    EMBARGOED = "embargoed"
    """Everybody, from a date on."""
    RESTRICTED = "restricted"
    """On request."""
    METADATA_ONLY = "metadata-only"
    """Nobody any more."""
