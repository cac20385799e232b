"""Kinds of rows of the calibration catalogue: fields, rules, and how values travel.

Source: field names, unique keys and texts as the published client `calibration_client` 11.4.0
and its tests show them; what they do not show is ours and says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]

TAKEN = "has already been taken"
BLANK = "can't be blank"
ZONE = ZoneInfo("Europe/Berlin")


class Refusal(Exception):
    """An answer that is no success.

    Args:
        status: HTTP status.
        info: Text, or messages by field.
    """

    def __init__(self, status: int, info: object) -> None:
        super().__init__(str(info))
        self.status, self.info = status, info


def not_found() -> Refusal:
    """The answer for what does not exist."""
    return Refusal(404, "Resource not found!")


@dataclass(frozen=True)
class Resource:
    """One kind of row.

    Attributes:
        singular: Key that bodies are wrapped in.
        kinds: Field to kind: `s` text, `sN` text of at most N, `i`, `f`, `b`, `d` instant.
        required: Fields that must have a value.
        unique: Groups of fields that are unique together.
        immutable: Fields that keep their first value.
        belongs: Reference field to the resource that it names.
        errors: Name of a field in messages where it is another.
        may_delete: Whether DELETE exists.
    """

    singular: str
    kinds: Mapping[str, str]
    required: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    immutable: frozenset[str] = frozenset()
    belongs: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    may_delete: bool = True


_COMMON = {"flg_available": "b", "description": "s"}

RESOURCES: dict[str, Resource] = {
    "calibrations": Resource(
        "calibration",
        {"name": "s60", "unit_id": "i", "max_value": "f", "min_value": "f"}
        | {"allowed_deviation": "f"}
        | _COMMON,
        ("name",),
        (("name",),),
        frozenset({"name"}),
    ),
    "detector_types": Resource("detector_type", {"name": "s60"} | _COMMON, ("name",), (("name",),)),
    "detectors": Resource(
        "detector",
        {"name": "s64", "identifier": "s", "karabo_name": "s", "karabo_id_control": "s"}
        | {"source_name_pattern": "s", "number_of_modules": "i", "first_module_index": "i"}
        | _COMMON,
        ("name", "identifier"),
        (("name",), ("identifier",), ("karabo_name",)),
        frozenset({"identifier"}),
    ),
    "parameters": Resource(
        "parameter",
        {"name": "s60", "unit_id": "i", "flg_logarithmic": "b", "flg_text": "b"}
        | {"def_lower_deviation_value": "f", "def_upper_deviation_value": "f"}
        | _COMMON,
        ("name",),
        (("name",),),
        frozenset({"name"}),
    ),
    "physical_detector_units": Resource(
        "physical_detector_unit",
        {"physical_name": "s64", "karabo_da": "s", "virtual_device_name": "s", "uuid": "i"}
        | {"detector_type_id": "i", "detector_id": "i", "module_number": "i"}
        | _COMMON,
        ("physical_name", "detector_type_id"),
        (("physical_name",), ("karabo_da", "detector_id"), ("uuid",)),
        frozenset({"physical_name"}),
        {"detector_type_id": "detector_types", "detector_id": "detectors"},
    ),
    "conditions": Resource(
        "condition", {"name": "s60", "event_at": "d"} | _COMMON, ("name",), (("name",),)
    ),
    "calibration_constants": Resource(
        "calibration_constant",
        {"name": "s255", "calibration_id": "i", "detector_type_id": "i", "condition_id": "i"}
        | {"flg_auto_approve": "b"}
        | _COMMON,
        ("name",),
        (("name",), ("calibration_id", "detector_type_id", "condition_id")),
        frozenset(),
        {"calibration_id": "calibrations", "detector_type_id": "detector_types"}
        | {"condition_id": "conditions"},
        {"detector_type_id": "detector_type", "calibration_id": "calibration"}
        | {"condition_id": "condition"},
    ),
    "reports": Resource(
        "report", {"name": "s64", "file_path": "s"} | _COMMON, ("name",), (("file_path",),)
    ),
    "calibration_constant_versions": Resource(
        "calibration_constant_version",
        {"name": "s60", "file_name": "s", "path_to_file": "s", "data_set_name": "s"}
        | {"calibration_constant_id": "i", "physical_detector_unit_id": "i"}
        | {"flg_deployed": "b", "flg_good_quality": "b", "begin_validity_at": "d"}
        | {"end_validity_at": "d", "begin_at": "d", "start_idx": "i", "end_idx": "i"}
        | {"raw_data_location": "s", "report_id": "i", "description": "s"},
        ("name", "file_name", "path_to_file", "data_set_name", "begin_at"),
        (("name",), ("calibration_constant_id", "physical_detector_unit_id", "begin_at")),
        frozenset(),
        {"calibration_constant_id": "calibration_constants", "report_id": "reports"}
        | {"physical_detector_unit_id": "physical_detector_units"},
        may_delete=False,
    ),
}
"""Every kind of row; the order is the one in which they lean on each other."""

MUST_EXIST = {"calibration_constant_id", "physical_detector_unit_id"} | {
    "calibration_id",
    "detector_type_id",
    "condition_id",
}
"""References that must name a row."""
_NUMBER = re.compile(r"[+-]?\d+")
_TRUE = {"true", "1"}


def instant(value: object) -> datetime | None:
    """An instant from a wire text; None for nothing. Without an offset it is local time.

    Raises:
        ValueError: No instant.
    """
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    found = datetime.fromisoformat(text.replace(" +", "+"))
    return (found if found.tzinfo else found.replace(tzinfo=ZONE)).astimezone(UTC)


def wire_instant(value: datetime) -> str:
    """As the catalogue writes it: local time, milliseconds, offset."""
    return value.astimezone(ZONE).isoformat(timespec="milliseconds")


def coerced(spec: Resource, body: Mapping[str, Any]) -> Row:
    """The known fields of a body in their kinds; unknown keys are ignored."""
    row: Row = {}
    for column, kind in spec.kinds.items():
        if column in body:
            try:
                row[column] = coerce(kind, body[column])
            except ValueError:
                text = "is not a number" if kind in "if" else "is invalid"
                raise Refusal(422, {column: [text]}) from None
    return row


def coerce(kind: str, value: object) -> Any:  # noqa: ANN401 - a JSON value
    """A wire value in its kind; an empty text is nothing for all but texts.

    Raises:
        ValueError: It is none of that kind.
    """
    if kind[0] == "s":
        return None if value is None else str(value)
    if value is None or value == "":
        return None
    if kind == "b":
        return str(value).lower() in _TRUE
    if kind == "d":
        found = instant(value)
        return None if found is None else wire_instant(found)
    if kind == "f":
        return float(str(value))
    if not _NUMBER.fullmatch(str(value)):
        raise ValueError(value)
    return int(str(value))
