"""When the data of a proposal become open: civil years after its last beamtime.

Source: European XFEL scientific data policy (three years of embargo). Counting from the last
beamtime at the facility's wall clock reproduces six published proposals exactly.
"""

from calendar import monthrange
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

VERSION = "release-1"
"""Written into every journal row that these rules decided."""

EMBARGO_YEARS = 3
"""Calendar years between the end of the last beamtime and open data."""


class OnAnchorChange(StrEnum):
    """What becomes of a stored release date when the last beamtime moves."""

    EXTEND_ONLY = "extend_only"
    """Later dates are taken over, earlier ones are only reported."""
    RECOMPUTE = "recompute"
    """The computed date always wins."""
    KEEP = "keep"
    """The first stored date stays."""


def resolve(local: datetime, zone: tzinfo) -> datetime:
    """Civil time to an instant, never early.

    Args:
        local: Naive civil time.
        zone: The facility's time zone.

    Returns:
        The instant in UTC. A time that does not exist (spring) is shifted forward; of a time
        that comes twice (autumn) the later one is meant.

    Raises:
        ValueError: `local` carries a zone.
    """
    if local.tzinfo is not None:
        raise ValueError("civil time carries no zone")
    # In UTC, because Python calls an ambiguous local time unequal to the same instant elsewhere.
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def add_civil(
    instant: datetime, zone: tzinfo, *, years: int = 0, months: int = 0, days: int = 0
) -> datetime:
    """Move an instant by calendar units, keeping the wall clock.

    Args:
        instant: Aware.
        zone: Whose wall clock and calendar count.
        years: Calendar years; 29 February becomes the 28th where there is none.
        months: Calendar months; a day past the end of the month becomes its last day.
        days: Calendar days, added last; a day may have 23 or 25 hours.

    Returns:
        The instant in UTC.

    Raises:
        ValueError: `instant` carries no zone.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant carries a zone")
    local = instant.astimezone(zone).replace(tzinfo=None, fold=0)
    year, month0 = divmod(local.year * 12 + local.month - 1 + 12 * years + months, 12)
    day = min(local.day, monthrange(year, month0 + 1)[1])
    return resolve(local.replace(year=year, month=month0 + 1, day=day) + timedelta(days=days), zone)


def release_at(
    beamtime_ends: Collection[datetime],
    zone: tzinfo,
    *,
    years: int = EMBARGO_YEARS,
    end_of_year: bool = False,
) -> datetime:
    """When the embargo ends.

    Args:
        beamtime_ends: Ends of the available beamtimes, aware; the last one counts. Without
            beamtimes give the proposal's own end: the result is provisional.
        zone: The facility's time zone.
        years: Calendar years of embargo.
        end_of_year: Count from 31 December of the last beamtime's year, at its time of day.

    Returns:
        The instant in UTC.

    Raises:
        ValueError: No end is given, or one carries no zone.

    Source: reproduces p002012, p900184, p006996, p900000, p900001 and p900549.
    """
    if not beamtime_ends:
        raise ValueError("a release date needs at least one end")
    if any(end.tzinfo is None for end in beamtime_ends):
        raise ValueError("an instant carries a zone")
    last = max(beamtime_ends).astimezone(zone)
    if end_of_year:
        last = last.replace(month=12, day=31)
    return add_civil(last, zone, years=years)


def keep_or_extend(
    stored: datetime | None,
    computed: datetime | None,
    rule: OnAnchorChange = OnAnchorChange.EXTEND_ONLY,
) -> datetime | None:
    """The release date to store.

    Args:
        stored: What the catalog holds, aware; None before the first.
        computed: What `release_at` says now; None when nothing can be computed.
        rule: What a difference means.

    Returns:
        One of the two; None only when both are.

    Source: published proposals keep a later date after their beamtime was shortened, so an
    embargo is never shortened automatically.
    """
    if stored is None or computed is None:
        return computed if stored is None else stored
    if rule is OnAnchorChange.KEEP:
        return stored
    if rule is OnAnchorChange.EXTEND_ONLY:
        return max(stored, computed, key=lambda moment: moment.astimezone(UTC))
    return computed


def drift(stored: datetime | None, computed: datetime | None) -> timedelta | None:
    """How much later the stored date is than the computed one; None when they agree.

    Negative: data would open before the rule says so.
    """
    if stored is None or computed is None:
        return None
    return (stored.astimezone(UTC) - computed.astimezone(UTC)) or None


def first_open_day(instant: datetime, zone: tzinfo) -> date:
    """The first local day that is open from midnight on: what people are told.

    Args:
        instant: End of the embargo, aware.
        zone: The facility's time zone.
    """
    local = instant.astimezone(zone)
    midnight = (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    return local.date() if midnight else local.date() + timedelta(days=1)
