"""What a value of the portal's export may look like: one reader per kind.

Names become folders, groups and lines of history, so what could break out of any of these is
refused here, before anything else looks at it.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

MAX_NUMBER = 999_999
MAX_SHIFTS = 200
_YEARS = range(1990, 2200)
_INVISIBLE = frozenset(range(0x202A, 0x202F)) | frozenset(range(0x2066, 0x206A))
"""Characters that make the following text read in another order."""


class Broken(ValueError):
    """A value breaks its rule; the text is the rule."""


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        rule: What it must look like, for people.
        read: The value as the catalog keeps it; raises `Broken`.
    """

    rule: str
    read: Callable[[object], Any]


def _matching(pattern: str, rule: str) -> Kind:
    compiled = re.compile(pattern, re.ASCII)

    def read(value: object) -> str:
        # fullmatch: `$` would let a newline at the end pass
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise Broken(rule)
        return value

    return Kind(rule, read)


def _whole(low: int, high: int) -> Kind:
    rule = f"must be an integer between {low} and {high}"

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Broken(rule)
        return value

    return Kind(rule, read)


def _words(limit: int, *, lines: bool = False, key: bool = False, empty: bool = True) -> Kind:
    what = "text" if lines else "one line of text"
    least = "" if empty else ", not empty"
    rule = f"must be {what} of at most {limit} characters{least}, without control characters"

    def read(value: object) -> str:
        if not isinstance(value, str) or any(_odd(c, lines, key) for c in value):
            raise Broken(rule)
        # one form for what looks the same, so that a name is found again
        clean = unicodedata.normalize("NFC", value).strip()
        if len(clean) > limit or not (clean or empty):
            raise Broken(rule)
        return clean

    return Kind(rule, read)


def _odd(character: str, lines: bool, key: bool) -> bool:
    if lines and character in "\n\r\t":
        return False
    category = unicodedata.category(character)
    if category in {"Cc", "Cs", "Zl", "Zp"} or ord(character) in _INVISIBLE:
        return True
    return key and category == "Cf"


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Broken(FLAG.rule)
    return value


def _instant(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise Broken(INSTANT.rule) from None
    if moment.tzinfo is None or moment.year not in _YEARS:
        raise Broken(INSTANT.rule)
    return moment.astimezone(UTC)


def _address(value: object) -> str:
    text = URL_TEXT.read(value)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise Broken(URL.rule) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in text:
        raise Broken(URL.rule)
    return str(text)


def _portal_id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return str(_ID_TEXT.read(value))


NUMBER = _whole(1, MAX_NUMBER)
ROLE = _whole(1, 2)
SHIFTS = _whole(0, MAX_SHIFTS)
SYSTEM = _matching("[UL]", "must be U (user portal) or L (local)")
UID = _matching(
    "[a-z_][a-z0-9_.-]{0,31}",
    "must be an account name: lower-case ASCII letters, digits, `_`, `.`, `-`, at most 32",
)
INSTRUMENT = _matching(
    "[A-Za-z0-9][A-Za-z0-9_-]{0,39}",
    "must be an instrument's identifier (SPB), not its display name: ASCII letters, digits, `_`,"
    " `-`",
)
CYCLE = _matching("[0-9]{6}", "must be six digits, a year and a suffix")
EMAIL = _matching(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}", "must be one mail address"
)
_ID_TEXT = _matching(
    "[A-Za-z0-9][A-Za-z0-9._:-]{0,59}",
    "must be a number or at most 60 ASCII letters, digits, `.`, `_`, `:`, `-`",
)
ID = Kind(_ID_TEXT.rule, _portal_id)
TITLE = _words(1000, empty=False)
PERSON = _words(200)
RUN_TYPE = _words(60, key=True, empty=False)
SAMPLE = _words(127, key=True, empty=False)
WORD = _words(60, key=True, empty=False)
REMARK = _words(200)
TEXT = _words(20_000, lines=True)
URL_TEXT = _words(500, key=True)
URL = Kind("must be an http or https address of at most 500 characters", _address)
FLAG = Kind("must be true or false", _flag)
INSTANT = Kind(
    f"must be an ISO 8601 date and time with a UTC offset, in {_YEARS[0]} to {_YEARS[-1]}", _instant
)
