"""Spans of the calendar as data policies write them: `P3Y`, `P12M`, `P90D`, `PT72H`, `forever`.

Source: ISO 8601 durations; `forever` is ours.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from policies.errors import Invalid
from policies.release import add_civil

_FORM = re.compile(r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?)?", re.ASCII)
_UNITS = ("year", "month", "day", "hour")


@dataclass(frozen=True)
class Span:
    """A span of the calendar; calendar units keep the wall clock, hours are hours.

    Attributes:
        years: Calendar years.
        months: Calendar months.
        days: Calendar days.
        hours: Hours.
        forever: It never ends; the others are 0.
    """

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0
    forever: bool = False

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """Years, months, days, hours."""
        return self.years, self.months, self.days, self.hours

    def after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        """The instant that lies this span later; None: never.

        Args:
            instant: Aware.
            zone: Whose calendar counts.
        """
        return None if self.forever else self._moved(instant, zone, 1)

    def before(self, instant: datetime, zone: tzinfo) -> datetime:
        """The instant that lies this span earlier.

        Raises:
            ValueError: It is forever.
        """
        if self.forever:
            raise ValueError("nothing lies forever before")
        return self._moved(instant, zone, -1)

    def _moved(self, instant: datetime, zone: tzinfo, sign: int) -> datetime:
        years, months, days, hours = (sign * n for n in self.parts)
        moved = add_civil(instant, zone, years=years, months=months, days=days)
        return moved + timedelta(hours=hours)

    def times(self, count: int) -> "Span":
        """So many of it, one after the other."""
        years, months, days, hours = (count * n for n in self.parts)
        return Span(years, months, days, hours, self.forever)

    @property
    def roughly_days(self) -> int:
        """For comparing two spans with each other, nothing else."""
        years, months, days, hours = self.parts
        return years * 365 + months * 30 + days + hours // 24 + self.forever * 10**9

    def __str__(self) -> str:
        """In words."""
        if self.forever:
            return "for ever"
        said = [
            f"{n} {unit}{'s' if n != 1 else ''}"
            for n, unit in zip(self.parts, _UNITS, strict=True)
            if n
        ]
        return " ".join(said) or "no time"


def parse_span(text: str, where: str) -> Span:
    """A span as it is written.

    Args:
        text: For example `P3Y`.
        where: The field, for the error.

    Raises:
        Invalid: It is written otherwise; names the field and the rule.
    """
    if text == "forever":
        return Span(forever=True)
    found = _FORM.fullmatch(text)
    if found is None:
        rule = f"{text!r} is no span: write P3Y, P12M, P90D, PT72H or forever"
        raise Invalid(f"{where}: {rule}", fields={where: rule})
    years, months, days, hours = (int(part or 0) for part in found.groups())
    return Span(years, months, days, hours)
