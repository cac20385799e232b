"""What a field of a DAQ message may hold: one rule per kind of value.

A rule never raises, whatever JSON it meets; it names what is wrong in words.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

MAX_FILES = 20_000
MAX_AGGREGATORS = 1_000
MAX_TRAIN = 2**63 - 1
MAX_FILENAME = 255
YEARS = range(2000, 2200)
"""Years that an instant of a run can lie in; others are a broken clock."""

BLANK = "can't be blank"
_CHECKSUM = 8
_LINES = "\n\t"
_AGGREGATOR = 40
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


def _as_is(value: Any) -> Any:  # noqa: ANN401
    return value


def _one(fault: str) -> dict[str, str]:
    return {"": fault} if fault else {}


@dataclass(frozen=True)
class Integer:
    """A whole number between two limits, both included."""

    low: int
    high: int
    type = "integer"
    take = staticmethod(_as_is)

    @property
    def words(self) -> str:
        """The limits."""
        high = "2⁶³ - 1" if self.high == MAX_TRAIN else str(self.high)
        return f"{self.low} to {high}"

    def faults(self, value: object) -> dict[str, str]:
        """Wrong type, or out of range."""
        if isinstance(value, bool) or not isinstance(value, int):
            return _one("must be an integer")
        good = self.low <= value <= self.high
        return _one("" if good else f"must be between {self.low} and {self.high}")


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
            return _one("must be an ISO 8601 date and time")
        if moment.tzinfo is None:
            return _one("must carry a UTC offset")
        good = moment.year in YEARS
        return _one("" if good else f"must lie between {YEARS[0]} and {YEARS[-1]}")

    def take(self, value: Any) -> datetime:  # noqa: ANN401
        """The instant in UTC."""
        return datetime.fromisoformat(value).astimezone(UTC)


def _strange(text: str, allowed: str = "") -> str:
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
    take = staticmethod(_as_is)

    @property
    def words(self) -> str:
        """The limit, and whether lines may end."""
        more = ", line feeds and tabs allowed" if self.lines else ", one line"
        return f"at most {self.limit} characters{more}"

    def faults(self, value: object) -> dict[str, str]:
        """No text, too long, or letters that are none."""
        if not isinstance(value, str):
            return _one("must be text")
        if len(value) > self.limit:
            return _one(f"is longer than {self.limit} characters")
        return _one(_strange(value, _LINES if self.lines else ""))


def _is_plain(name: object) -> bool:
    """Whether it is the name of a file and nothing else."""
    return (
        isinstance(name, str)
        and name not in {"", ".", ".."}
        and "/" not in name
        and not _strange(name)
        and len(name.encode()) <= MAX_FILENAME
    )


@dataclass(frozen=True)
class PlainName:
    """A file's name without a folder."""

    type = "text"
    words = f"a plain file name of at most {MAX_FILENAME} bytes: no `/`, no control characters"
    take = staticmethod(_as_is)

    def faults(self, value: object) -> dict[str, str]:
        """Something that names another place, or nothing."""
        return _one("" if _is_plain(value) else "must be a plain file name")


@dataclass(frozen=True)
class PathBelow:
    """A path of plain names below the run's folder, or nothing.

    Source: the catalog's clients send `r0020/`, older ones `0020/`.
    """

    type = "text"
    words = "plain names with `/` between them, with or without one at the end; never absolute"
    take = staticmethod(_as_is)

    def faults(self, value: object) -> dict[str, str]:
        """A path that leads elsewhere."""
        plain = value == "" or (
            isinstance(value, str) and all(map(_is_plain, value.removesuffix("/").split("/")))
        )
        return _one("" if plain else "must be a path below the run folder")


@dataclass(frozen=True)
class Size:
    """A number of bytes."""

    type = "integer"
    words = "0 to 2⁶³ - 1"
    take = staticmethod(_as_is)

    def faults(self, value: object) -> dict[str, str]:
        """No such number."""
        count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TRAIN
        return _one("" if count else "must be a number of bytes")


@dataclass(frozen=True)
class Checksum:
    """An Adler-32."""

    type = "text"
    words = f"{_CHECKSUM} hexadecimal digits"

    def faults(self, value: object) -> dict[str, str]:
        """Something else than hexadecimal digits."""
        digits = isinstance(value, str) and all(c in "0123456789abcdefABCDEF" for c in value)
        good = digits and len(str(value)) == _CHECKSUM
        return _one("" if good else f"should be {_CHECKSUM} hex characters")

    def take(self, value: Any) -> str:  # noqa: ANN401
        """In small letters."""
        return str(value).lower()


@dataclass(frozen=True)
class Aggregators:
    """Names of the parts of the data acquisition that were to write, each once."""

    type = "list of text"
    words = (
        f"at most {MAX_AGGREGATORS} names of ASCII letters, digits and `_`, at most"
        f" {_AGGREGATOR} characters each, none twice"
    )
    take = staticmethod(_as_is)

    def faults(self, value: object) -> dict[str, str]:
        """No list, or names that no file can carry."""
        if not isinstance(value, list) or len(value) > MAX_AGGREGATORS:
            return _one(f"must be a list of at most {MAX_AGGREGATORS} aggregators")
        found = {f"[{i}]": "must be an aggregator's name" for i, v in enumerate(value) if _odd(v)}
        names = [v for v in value if isinstance(v, str)]
        return found or _one("" if len(set(names)) == len(names) else "names one twice")


def _odd(name: object) -> bool:
    if not isinstance(name, str) or not 0 < len(name) <= _AGGREGATOR:
        return True
    return not (name.isascii() and name.replace("_", "a").isalnum())


@dataclass(frozen=True)
class Files:
    """A list of objects, one per file.

    Attributes:
        fields: What each object may hold.
    """

    fields: tuple[Field, ...]
    type = "list of objects"
    words = f"at most {MAX_FILES} files, each as below"

    def faults(self, value: object) -> dict[str, str]:
        """No list, or what is wrong with each file."""
        if not isinstance(value, list) or len(value) > MAX_FILES:
            return _one(f"must be a list of at most {MAX_FILES} files")
        found: dict[str, str] = {}
        for index, item in enumerate(value):
            if not isinstance(item, dict) or not isinstance(item.get("filename"), str):
                found[f"[{index}]"] = "must be an object with a filename"
                continue
            for field in self.fields:
                for part, rule in field.faults(item).items():
                    found[f"[{index}].{part}"] = rule
        return found

    def take(self, value: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Every file with all its fields, None where nothing was said."""
        return [{field.name: field.take(item) for field in self.fields} for item in value]
