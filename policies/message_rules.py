"""What a field of a DAQ message may hold: one rule per kind of value.

A rule never raises, whatever JSON it meets; it names what is wrong in words.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

MAX_TRAIN = 2**63 - 1
YEARS = range(2000, 2200)
"""Years that an instant of a run can lie in; others are a broken clock."""

BLANK = "can't be blank"
_LINES = "\n\t"
_SEPARATORS = frozenset({"Zl", "Zp"})
_DIRECTION = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Marks that make a text look like another one: `gpj.<mark>exe`."""


class Rule(Protocol):
    """What a value must be.

    Attributes:
        type: Kind of JSON value.
        words: The rule, for people.
    """

    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def words(self) -> str: ...  # noqa: D102

    def faults(self, value: object) -> dict[str, str]:
        """What is wrong: part of the field (empty for all of it) → rule; empty when nothing."""
        ...

    def take(self, value: Any) -> Any:  # noqa: ANN401
        """The value as the catalog's commands want it; only for one without faults."""
        ...


@dataclass(frozen=True)
class Field:
    """A field of a message.

    Attributes:
        name: Its key.
        rule: What it may hold.
        meaning: What it says, with its unit.
        needed: Whether it must be there; null is as good as absent.
        absent: What an absent value is taken as.
    """

    name: str
    rule: Rule
    meaning: str
    needed: bool = False
    absent: str | None = None

    def faults(self, body: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with this field of a body."""
        value = body.get(self.name)
        if value is None:
            return {self.name: BLANK} if self.needed else {}
        return {f"{self.name}{part}": rule for part, rule in self.rule.faults(value).items()}

    def take(self, body: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Its value; only for a body without faults."""
        value = body.get(self.name)
        return self.absent if value is None else self.rule.take(value)


def as_is(value: Any) -> Any:  # noqa: ANN401
    """The value itself, for a rule that changes nothing."""
    return value


def one(fault: str) -> dict[str, str]:
    """A fault of the whole field, none for an empty text."""
    return {"": fault} if fault else {}


@dataclass(frozen=True)
class Integer:
    """A whole number between two limits, both included."""

    low: int
    high: int
    type = "integer"
    take = staticmethod(as_is)

    @property
    def words(self) -> str:
        """The limits."""
        high = "2⁶³ - 1" if self.high == MAX_TRAIN else str(self.high)
        return f"{self.low} to {high}"

    def faults(self, value: object) -> dict[str, str]:
        """Wrong type, or out of range."""
        if isinstance(value, bool) or not isinstance(value, int):
            return one("must be an integer")
        good = self.low <= value <= self.high
        return one("" if good else f"must be between {self.low} and {self.high}")


@dataclass(frozen=True)
class Instant:
    """A date and time with its offset from UTC."""

    type = "text"
    words = (
        f"ISO 8601 date and time with its UTC offset (`Z` or `+01:00`), years {YEARS[0]} to"
        f" {YEARS[-1]}"
    )

    def faults(self, value: object) -> dict[str, str]:
        """No instant, no offset, or a year of a broken clock."""
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None:
            return one("must be an ISO 8601 date and time")
        if moment.tzinfo is None:
            return one("must carry a UTC offset")
        good = moment.year in YEARS
        return one("" if good else f"must lie between {YEARS[0]} and {YEARS[-1]}")

    def take(self, value: Any) -> datetime:  # noqa: ANN401
        """The instant in UTC."""
        return datetime.fromisoformat(value).astimezone(UTC)


def strange(text: str, allowed: str = "") -> str:
    """Which kind of letter a text must not hold, empty when there is none."""
    for letter in text:
        if letter.isprintable() or letter in allowed:
            continue
        if letter in _DIRECTION:
            return "must not contain marks that change the direction of writing"
        if unicodedata.category(letter) == "Cs":
            return "must not contain half a surrogate pair"
        if unicodedata.category(letter) == "Cc" or unicodedata.category(letter) in _SEPARATORS:
            return "must not contain control characters"
    return ""


@dataclass(frozen=True)
class Text:
    """Text of a limited length.

    Attributes:
        limit: Characters at the most.
        lines: Whether it may have several lines.
    """

    limit: int
    lines: bool = False
    type = "text"
    take = staticmethod(as_is)

    @property
    def words(self) -> str:
        """The limit, and whether lines may end."""
        more = ", line feeds and tabs allowed" if self.lines else ", one line"
        return f"at most {self.limit} characters{more}"

    def faults(self, value: object) -> dict[str, str]:
        """No text, too long, or letters that are none."""
        if not isinstance(value, str):
            return one("must be text")
        if len(value) > self.limit:
            return one(f"is longer than {self.limit} characters")
        return one(strange(value, _LINES if self.lines else ""))
