"""Whose clock may open data: the database's own has the last word.

An embargo ends by a clock. A machine whose clock runs ahead, or one that pretends another date,
would open data early; so what opens or deletes also asks the database for its time.
"""

from datetime import UTC, datetime, timedelta

from policies.errors import Refused

VERSION = "clocks-1"
"""Written into journal rows that these rules decided."""

TOLERANCE = timedelta(minutes=2)
"""How far the asking machine's clock may be ahead: machines that keep time by NTP differ by less
than a second, a slow transaction by less than this."""


def demand_true(now: datetime, database_now: datetime, *, rehearsal: bool) -> None:
    """Refuse to act on a clock that runs ahead of the database's.

    Args:
        now: What the asking machine's clock says, aware.
        database_now: What the database's clock says, aware.
        rehearsal: Whether the catalog was declared one to rehearse on while it was empty.

    Raises:
        Refused: The asking clock is ahead by more than `TOLERANCE`, and the catalog is real.
    """
    ahead = now.astimezone(UTC) - database_now.astimezone(UTC)
    if rehearsal or ahead <= TOLERANCE:
        return
    raise Refused(
        f"the clock that asks is ahead of the database's by {_words(ahead)}; "
        "nothing opens or goes away on a clock that may be wrong",
        guard="clock",
    )


def _words(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{span.seconds // 60} minutes"
