"""Between the catalogue's rows and ours: what is sent, read and compared."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from policies import constants as rules
from policies.constants import Strategy, Version
from policies.errors import Invalid
from tasks.constants.port import Found, Injection, Unit

Row = dict[str, Any]

_INSTANTS = ("begin_validity_at", "end_validity_at", "begin_at")
_SAME = (
    "name",
    "file_name",
    "path_to_file",
    "data_set_name",
    "raw_data_location",
    "start_idx",
    "end_idx",
    "report_id",
)


def wire_instant(at: datetime) -> str:
    """An instant as it is sent: UTC, with its offset."""
    return at.astimezone(UTC).isoformat()


def instant(value: object) -> datetime | None:
    """An instant of an answer; None for nothing.

    Raises:
        Invalid: It is none, or has no offset.
    """
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(str(value))
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    text = str(value)[:40]
    raise Invalid(f"the catalogue's time {text!r} does not read", fields={"at": text})


def as_row(answer: object) -> Row:
    """An answer that must be one row.

    Raises:
        Invalid: It is none.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
        raise Invalid("the constants catalogue answers no row", fields={"id": "is missing"})
    return answer


def as_rows(answer: object) -> list[Row]:
    """An answer that must be a list of rows.

    Raises:
        Invalid: It is none.
    """
    if not isinstance(answer, list):
        raise Invalid("the constants catalogue answers no list", fields={"answer": "is no list"})
    return [as_row(row) for row in answer]


def id_in(answer: object, what: str) -> int:
    """The id in an answer.

    Raises:
        Invalid: There is none.
    """
    try:
        return int(as_row(answer)["id"])
    except Invalid:
        raise Invalid(f"the answer for the {what} has no id", fields={what: "no id"}) from None


def condition_wire(injection: Injection, ids: Mapping[str, int]) -> Row:
    """Body that sets a condition."""
    parameters = [
        {
            "parameter_id": ids[p.name],
            "value": p.value,
            "lower_deviation_value": p.lower,
            "upper_deviation_value": p.upper,
            "flg_available": True,
            "description": "",
        }
        for p in injection.condition
    ]
    name = rules.condition_name(injection.detector_type, injection.condition)
    return {
        "condition": {
            "name": name,
            "flg_available": True,
            "event_at": wire_instant(injection.begin_at),
            "parameters_conditions_attributes": parameters,
            "description": "",
        }
    }


def constant_wire(injection: Injection, key: tuple[int, int, int]) -> Row:
    """A constant: kind, detector type and condition."""
    calibration, kind, condition = key
    words = f"{rules.calcat_type(injection.detector_type)}_{injection.calibration}"
    name = rules.condition_name(injection.detector_type, injection.condition)
    return {
        "name": f"{words[:40]}_{name}",
        "calibration_id": calibration,
        "detector_type_id": kind,
        "condition_id": condition,
        "flg_auto_approve": True,
        "flg_available": True,
        "description": "",
    }


def version_wire(injection: Injection, constant: int, unit: int, report: int | None) -> Row:
    """A version, not in use."""
    folder, _, name = injection.path.rpartition("/")
    end = injection.end_validity_at
    return {
        "name": injection.name,
        "file_name": name,
        "path_to_file": f"{folder}/" if folder else "",
        "data_set_name": injection.dataset,
        "calibration_constant_id": constant,
        "physical_detector_unit_id": unit,
        "flg_deployed": False,
        "flg_good_quality": injection.good,
        "begin_validity_at": wire_instant(injection.begin_validity_at or injection.begin_at),
        "end_validity_at": "" if end is None else wire_instant(end),
        "begin_at": wire_instant(injection.begin_at),
        "start_idx": injection.start_idx,
        "end_idx": injection.end_idx,
        "raw_data_location": injection.raw_data_location,
        "report_id": report,
        "description": injection.description,
    }


def scope(row: Row) -> tuple[object, object]:
    """Rows of the constant and the module that a version is of."""
    return _nested(row, "calibration_constant"), _nested(row, "physical_detector_unit")


def _nested(row: Row, name: str) -> object:
    inner = row.get(name)
    return inner.get("id") if isinstance(inner, dict) else row.get(f"{name}_id")


def differences(wire: Row, there: Row) -> dict[str, tuple[object, object]]:
    """Fields of a version that are not what was sent: ours and theirs.

    Whether it is in use, its quality and its words may have been changed by a person since.
    """
    ours = {k: wire[k] for k in _SAME} | {k: _stored(instant(wire[k])) for k in _INSTANTS}
    theirs = {k: there.get(k) for k in _SAME} | {
        k: _stored(instant(there.get(k))) for k in _INSTANTS
    }
    ours["scope"] = (wire["calibration_constant_id"], wire["physical_detector_unit_id"])
    theirs["scope"] = scope(there)
    return {k: (ours[k], theirs[k]) for k in ours if ours[k] != theirs[k]}


def _stored(at: datetime | None) -> str | None:
    """An instant as precisely as the catalogue keeps it: milliseconds."""
    return None if at is None else at.isoformat(timespec="milliseconds")


def unit(row: Row) -> Unit:
    """A module."""
    kind = row.get("detector_type")
    return Unit(
        unit_id=int(row["id"]),
        physical_name=str(row.get("physical_name") or ""),
        karabo_da=str(row.get("karabo_da") or ""),
        virtual_device_name=str(row.get("virtual_device_name") or ""),
        uuid=row.get("uuid"),
        module_number=row.get("module_number"),
        detector_type=str(kind.get("name") or "") if isinstance(kind, dict) else "",
    )


def applying(
    answer: Iterable[Row],
    units: Mapping[int, Unit],
    names: Mapping[int, str],
    at: datetime,
    strategy: Strategy,
) -> tuple[Found, ...]:
    """Of the versions that the catalogue answers the ones that apply by our own rule.

    Args:
        answer: Versions.
        units: The detector's modules at the instant, by row.
        names: The constants that were asked for, by row.
        at: The instant, aware.
        strategy: Which of several.
    """
    groups: dict[tuple[int, int], dict[int, Found]] = {}
    for row in answer:
        unit_id = _nested(row, "physical_detector_unit")
        constant = row.get("calibration_constant")
        kind = constant.get("calibration_id") if isinstance(constant, dict) else None
        if (
            isinstance(unit_id, int)
            and unit_id in units
            and isinstance(kind, int)
            and kind in names
        ):
            version = _found(row, units[unit_id], kind, names[kind])
            groups.setdefault((unit_id, kind), {})[version.ccv_id] = version
    chosen = []
    for held in groups.values():
        best = rules.choose([_version(v) for v in held.values()], at, strategy)
        chosen += [] if best is None else [held[best.key]]
    return tuple(sorted(chosen, key=lambda v: (v.karabo_da, v.calibration)))


def _version(found: Found) -> Version:
    since = found.begin_validity_at or found.begin_at
    end = found.end_validity_at
    return Version(found.ccv_id, found.begin_at, since, end, found.deployed, found.good)


def _found(row: Row, place: Unit, kind: int, name: str) -> Found:
    begin = instant(row.get("begin_at"))
    if begin is None:
        raise Invalid(f"version {row['id']} has no begin", fields={"begin_at": "is missing"})
    folder = str(row.get("path_to_file") or "")
    slash = "" if folder.endswith("/") or not folder else "/"
    return Found(
        ccv_id=int(row["id"]),
        name=str(row.get("name") or ""),
        karabo_da=place.karabo_da,
        physical_name=place.physical_name,
        calibration_id=kind,
        calibration=name,
        path=f"{folder}{slash}{row.get('file_name') or ''}",
        dataset=str(row.get("data_set_name") or ""),
        begin_at=begin,
        begin_validity_at=instant(row.get("begin_validity_at")),
        end_validity_at=instant(row.get("end_validity_at")),
        deployed=bool(row.get("flg_deployed")),
        good=bool(row.get("flg_good_quality")),
        raw_data_location=str(row.get("raw_data_location") or ""),
        report_id=row.get("report_id"),
    )
