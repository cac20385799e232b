"""What the DAQ may say, and how it is read: bodies in, facts or field errors out."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from policies.errors import Invalid

MAX_NAME = 127
MAX_TEXT = 4000
MAX_FILES = 20_000
MAX_TRAIN = 2**63 - 1
MAX_NUMBER = 999_999
MAX_RUN = 99_999
MAX_FILENAME = 255
YEARS = range(2000, 2200)
"""Years that an instant of a run can lie in; others are a broken clock."""
_CHECKSUM = 8


class MessageKind(StrEnum):
    """Webhooks of the DAQ; the value is the last part of the address."""

    RUN_OPENED = "run-opened"
    """A run begins."""
    RUN_UPDATED = "run-updated"
    """Run type, sample or description was corrected."""
    RUN_CLOSED = "run-closed"
    """A run ended."""


class _Reader:
    """Collects what is wrong with every field before anything is refused."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.faults: dict[str, str] = {}

    def integer(self, name: str, low: int, high: int, *, needed: bool = True) -> int | None:
        value = self.body.get(name)
        if value is None:
            if needed:
                self.faults[name] = "can't be blank"
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.faults[name] = "must be an integer"
        elif not low <= value <= high:
            self.faults[name] = f"must be between {low} and {high}"
        else:
            return value
        return None

    def instant(self, name: str, *, needed: bool = True) -> datetime | None:
        value = self.body.get(name)
        if value is None:
            if needed:
                self.faults[name] = "can't be blank"
            return None
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            self.faults[name] = "must be an ISO 8601 date and time"
            return None
        if moment.tzinfo is None:
            self.faults[name] = "must carry a UTC offset"
            return None
        if moment.year not in YEARS:
            self.faults[name] = f"must lie between {YEARS[0]} and {YEARS[-1]}"
            return None
        return moment.astimezone(UTC)

    def words(self, name: str, limit: int) -> str | None:
        value = self.body.get(name)
        if value is None:
            return None
        rule = _text_rule(value, limit)
        if rule:
            self.faults[name] = rule
            return None
        return str(value)

    def files(self) -> list[dict[str, Any]]:
        value = self.body.get("files")
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MAX_FILES:
            self.faults["files"] = f"must be a list of at most {MAX_FILES} files"
            return []
        return [row for i, item in enumerate(value) if (row := self._file(i, item))]

    def _file(self, index: int, item: object) -> dict[str, Any] | None:
        name = f"files[{index}]"
        if not isinstance(item, dict) or not isinstance(item.get("filename"), str):
            self.faults[name] = "must be an object with a filename"
            return None
        rules = {
            "filename": "" if _is_plain(item["filename"]) else "must be a plain file name",
            "relative_path": _path_rule(item.get("relative_path")),
            "checksum": _checksum_rule(item.get("checksum")),
            "size": _size_rule(item.get("size")),
        }
        self.faults |= {f"{name}.{part}": rule for part, rule in rules.items() if rule}
        checksum = item.get("checksum")
        return {
            "filename": item["filename"],
            "relative_path": item.get("relative_path") or "",
            "size": item.get("size"),
            "checksum": str(checksum).lower() if checksum else None,
        }

    def done(self) -> None:
        if self.faults:
            text = "; ".join(f"{name} {rule}" for name, rule in sorted(self.faults.items()))
            raise Invalid(text, fields=dict(self.faults))


def _text_rule(value: object, limit: int) -> str:
    """The rule that a text breaks, empty when none."""
    if not isinstance(value, str):
        return "must be text"
    if len(value) > limit:
        return f"is longer than {limit} characters"
    allowed = "\n\t" if limit == MAX_TEXT else ""
    if any((ord(c) < ord(" ") or c == "\x7f") and c not in allowed for c in value):
        return "must not contain control characters"
    return ""


def _is_plain(filename: str) -> bool:
    return (
        filename not in {"", ".", ".."}
        and len(filename.encode()) <= MAX_FILENAME
        and not any(c == "/" or ord(c) < ord(" ") for c in filename)
    )


def _path_rule(path: object) -> str:
    """A path of plain names, with or without a slash at its end, or nothing.

    Source: the catalog's clients send `r0020/`, older ones `0020/`.
    """
    if path is None or path == "":
        return ""
    plain = isinstance(path, str) and all(
        _is_plain(part) for part in path.removesuffix("/").split("/")
    )
    return "" if plain else "must be a path below the run folder"


def _size_rule(size: object) -> str:
    if size is None:
        return ""
    count = isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= MAX_TRAIN
    return "" if count else "must be a number of bytes"


def _checksum_rule(value: object) -> str:
    if value is None:
        return ""
    hexadecimal = (
        isinstance(value, str)
        and len(value) == _CHECKSUM
        and all(c in "0123456789abcdefABCDEF" for c in value)
    )
    return "" if hexadecimal else "should be 8 hex characters"


def _opened(reader: _Reader) -> dict[str, Any]:
    return {
        "begin_at": reader.instant("begin_at"),
        "first_train": reader.integer("first_train", 0, MAX_TRAIN),
        "run_type": reader.words("run_type", 60),
        "sample": reader.words("sample", MAX_NAME),
        "description": reader.words("description", MAX_TEXT),
    }


def _updated(reader: _Reader) -> dict[str, Any]:
    return {
        "run_type": reader.words("run_type", 60),
        "sample": reader.words("sample", MAX_NAME),
        "description": reader.words("description", MAX_TEXT),
        "alias": reader.words("alias", MAX_NAME),
    }


def _closed(reader: _Reader) -> dict[str, Any]:
    return {
        "end_at": reader.instant("end_at"),
        "last_train": reader.integer("last_train", 0, MAX_TRAIN),
        "files": reader.files(),
    }


_READERS: dict[MessageKind, Callable[[_Reader], dict[str, Any]]] = {
    MessageKind.RUN_OPENED: _opened,
    MessageKind.RUN_UPDATED: _updated,
    MessageKind.RUN_CLOSED: _closed,
}


def read(kind: MessageKind, body: Mapping[str, Any]) -> tuple[int, int, dict[str, Any]]:
    """Read a DAQ message.

    Args:
        kind: Which webhook it came to.
        body: The JSON object.

    Returns:
        Proposal number, run number and the facts that `catalog.commands.runs` takes;
        instants are aware, in UTC.

    Raises:
        Invalid: `context["fields"]` names every field that breaks a rule.
    """
    reader = _Reader(body)
    proposal = reader.integer("proposal", 1, MAX_NUMBER)
    run = reader.integer("run", 0, MAX_RUN)
    facts = _READERS[kind](reader)
    reader.done()
    return proposal or 0, run or 0, facts
