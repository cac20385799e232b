"""What the public may see: decided from recorded facts whenever somebody asks.

The same rules stand in SQL in `catalog.queries.visible`; a test holds both against each other.
A schedule that did not run can keep data closed; it can never open them.

Source: page states and access rights follow the practice of DataCite, COAR and OpenAIRE; the
two locks on "open" (recorded *and* due) are ours.
"""

from dataclasses import dataclass
from datetime import datetime

from policies.vocabulary import AccessRight, DoiState, PageState, ReleaseState

VERSION = "openness-1"
"""Written into journal rows that these rules decided."""


@dataclass(frozen=True)
class Openness:
    """What is recorded about the release of a proposal, a run or a data group.

    Attributes:
        state: Where its release stands.
        release_at: End of the embargo, aware; None: no date yet.
        opens_early_at: From when it may open before; None: only by date.
        openly_released_at: When anonymous reading was verified; None: never.
    """

    state: ReleaseState
    release_at: datetime | None = None
    opens_early_at: datetime | None = None
    openly_released_at: datetime | None = None

    @property
    def opens_at(self) -> datetime | None:
        """The earliest instant at which it may be open; None: none is known."""
        known = [at for at in (self.release_at, self.opens_early_at) if at is not None]
        return min(known, default=None)

    def due(self, now: datetime) -> bool:
        """Whether the embargo is over, whatever was done about it."""
        may = self.state not in {ReleaseState.RESTRICTED, ReleaseState.WITHDRAWN}
        return may and self.opens_at is not None and self.opens_at <= now

    def is_open(self, now: datetime) -> bool:
        """Whether everybody may read it: recorded as open, verified, and due."""
        return (
            self.state is ReleaseState.OPEN
            and self.openly_released_at is not None
            and self.openly_released_at <= now
            and self.due(now)
        )


@dataclass(frozen=True)
class DoiFacts:
    """What is recorded about a DOI.

    Attributes:
        wanted: The state that we want.
        remote: The state that was read back; None: nothing was.
        published_at: First seen findable; None: never.
        hidden: Whether it is hidden after it had been published.
        withdrawn: Whether a tombstone stands.
    """

    wanted: DoiState
    remote: DoiState | None = None
    published_at: datetime | None = None
    hidden: bool = False
    withdrawn: bool = False

    @property
    def metadata_public(self) -> bool:
        """Whether its metadata may be shown and harvested."""
        return self.published_at is not None and not self.hidden and not self.withdrawn


def page_state(
    doi: DoiFacts, openness: Openness, now: datetime, *, parts_open: bool = False
) -> PageState:
    """What the landing page of a DOI shows.

    Args:
        doi: Facts about the DOI.
        openness: Facts about the data behind it.
        now: The instant of asking, aware.
        parts_open: Whether some of its runs are open by themselves.
    """
    state = openness.state
    rows = (
        (doi.withdrawn and doi.published_at is not None, PageState.TOMBSTONE),
        (doi.remote in {None, DoiState.DRAFT}, PageState.UNKNOWN),
        (doi.published_at is None, PageState.MINIMAL),
        (doi.hidden or state is ReleaseState.RECLOSED, PageState.HIDDEN),
        (openness.is_open(now), PageState.OPEN),
        (parts_open, PageState.PARTIAL),
        (state is ReleaseState.RESTRICTED, PageState.RESTRICTED),
        (openness.due(now), PageState.DUE),
    )
    return next((page for applies, page in rows if applies), PageState.EMBARGOED)


def access_right(state: PageState) -> AccessRight:
    """Who may read the data behind a page."""
    return {
        PageState.OPEN: AccessRight.OPEN,
        PageState.EMBARGOED: AccessRight.EMBARGOED,
        PageState.DUE: AccessRight.RESTRICTED,
        PageState.PARTIAL: AccessRight.EMBARGOED,
        PageState.RESTRICTED: AccessRight.RESTRICTED,
    }.get(state, AccessRight.METADATA_ONLY)
