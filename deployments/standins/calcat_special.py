"""The calibration catalogue's special requests: conditions, and which version applies.

Source: request forms and the meaning of "closest" and "prior" as the published client
`calibration_client` 11.4.0 and its tests show them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from deployments.standins.calcat_resources import Refusal, Row, instant, not_found
from deployments.standins.calcat_tables import Tables

Query = Mapping[str, str]
UUID_PARAMETER = "Detector UUID"
"""A condition with this parameter holds for one unit only."""

_EPSILON = 1e-9


def condition_body(tables: Tables, body: Mapping[str, Any]) -> list[Row]:
    """The parameters that a body asks for, each with its id and its values as numbers.

    Raises:
        Refusal: 422 for an unknown parameter or a value that is no number.
    """
    whole = body.get("condition", body)
    ids = {row["name"]: row["id"] for row in tables.all("parameters")}
    found = []
    for given in whole.get("parameters_conditions_attributes") or []:
        key = given.get("parameter_id", ids.get(given.get("parameter_name")))
        try:
            known = tables.get("parameters", int(key))
            numbers = {
                "value": float(given["value"]),
                "lower_deviation_value": float(given.get("lower_deviation_value") or 0),
                "upper_deviation_value": float(given.get("upper_deviation_value") or 0),
            }
        except (Refusal, TypeError, ValueError, KeyError):
            raise Refusal(422, {"parameters_conditions": ["is invalid"]}) from None
        found.append({"parameter_id": known["id"], "parameter_name": known["name"], **numbers})
    return sorted(found, key=lambda p: int(p["parameter_id"]))


def _expected(tables: Tables, wanted: list[Row]) -> Row | None:
    same = (row for row in tables.all("conditions") if row["parameters_conditions"] == wanted)
    return next(same, None)


def _possible(tables: Tables, wanted: list[Row], uuid: object = None) -> list[Row]:
    """Conditions within whose deviations the wanted values lie."""
    values = {p["parameter_name"]: p["value"] for p in wanted}
    return [row for row in tables.all("conditions") if _fits(row, values, uuid)]


def _fits(row: Row, values: dict[str, float], uuid: object) -> bool:
    stored = {p["parameter_name"]: p for p in row["parameters_conditions"]}
    if UUID_PARAMETER in stored and UUID_PARAMETER not in values and uuid is not None:
        values = values | {UUID_PARAMETER: float(str(uuid))}
    if set(stored) != set(values):
        return False
    return all(
        p["value"] - p["lower_deviation_value"] - _EPSILON
        <= values[name]
        <= p["value"] + p["upper_deviation_value"] + _EPSILON
        for name, p in stored.items()
    )


def _at(query: Query, name: str, now: datetime) -> datetime:
    try:
        return instant(query.get(name)) or now
    except ValueError:
        raise Refusal(422, {name: ["is invalid"]}) from None


def _when(value: object) -> datetime:
    found = instant(value)
    assert found is not None
    return found


def get_possible(tables: Tables, body: Mapping[str, Any], now: datetime) -> list[Row]:
    """Conditions that fit, the one made closest to `event_at` first.

    Raises:
        Refusal: 404 when none fits.
    """
    event = _at(
        {"event_at": str(body.get("condition", body).get("event_at") or "")}, "event_at", now
    )
    found = _possible(tables, condition_body(tables, body))
    if not found:
        raise not_found()
    return sorted(found, key=lambda r: (abs(_when(r["created_at"]) - event), -r["id"]))


def get_expected(tables: Tables, body: Mapping[str, Any]) -> Row:
    """The condition with exactly these parameters, values and deviations.

    Raises:
        Refusal: 404 when there is none.
    """
    found = _expected(tables, condition_body(tables, body))
    if found is None:
        raise not_found()
    return found


def set_expected(tables: Tables, body: Mapping[str, Any], now: datetime) -> tuple[int, Row]:
    """The condition as with `get_expected`, made when there is none.

    Returns:
        200 or 201, and the condition.
    """
    wanted = condition_body(tables, body)
    found = _expected(tables, wanted)
    if found is not None:
        return 200, found
    row = tables.create("conditions", body.get("condition", body), now)
    row |= {"parameters_conditions": wanted, "num_parameters": len(wanted)}
    return 201, row


def _ids(text: str | None) -> list[int]:
    try:
        given = json.loads(text or "[]")
        return [int(i) for i in (given if isinstance(given, list) else [given])]
    except (ValueError, TypeError):
        raise Refusal(422, {"ids": ["is invalid"]}) from None


def constants_of(tables: Tables, query: Query, conditions: str) -> list[Row]:
    """Constants of a calibration, a detector type and some conditions.

    Raises:
        Refusal: 404 when there is none.
    """
    wanted = (query.get("calibration_id"), query.get("detector_type_id"))
    among = _ids(query.get(conditions))
    found = [
        row
        for row in tables.all("calibration_constants")
        if (str(row["calibration_id"]), str(row["detector_type_id"])) == wanted
        and row["condition_id"] in among
    ]
    if not found:
        raise not_found()
    return found


def _usable(tables: Tables, constants: Iterable[int], unit: int, snapshot: datetime) -> list[Row]:
    among = set(constants)
    return [
        row
        for row in tables.all("calibration_constant_versions")
        if row["calibration_constant_id"] in among
        and row["physical_detector_unit_id"] == unit
        and row["flg_deployed"]
        and row["flg_good_quality"]
        and _when(row["created_at"]) <= snapshot
    ]


def closest(versions: Iterable[Row], event: datetime) -> list[Row]:
    """Sorted by how far their begin is from an event."""
    return sorted(versions, key=lambda v: (abs(_when(v["begin_at"]) - event), -v["id"]))


def prior(versions: Iterable[Row], event: datetime) -> list[Row]:
    """Those in force at an event, latest begin first."""
    held = [
        v
        for v in versions
        if _when(v["begin_at"]) <= event
        and (v["end_validity_at"] is None or event < _when(v["end_validity_at"]))
    ]
    return sorted(held, key=lambda v: (_when(v["begin_at"]), v["id"]), reverse=True)


def versions(tables: Tables, constant: int, action: str, query: Query, now: datetime) -> Any:  # noqa: ANN401
    """`calibration_constants/{id}/get_…`.

    Raises:
        Refusal: 404 when no version applies; 501 for another action.
    """
    event, snapshot = _at(query, "event_at", now), _at(query, "snapshot_at", now)
    constants = _ids(query.get("calibration_constant_ids")) or [constant]
    if action == "get_closest_version_by_detector":
        units = [
            row["id"]
            for row in units_at(tables, int(query.get("detector_id") or 0), snapshot)
            if query.get("karabo_da") in (None, "", row["karabo_da"])
        ]
    else:
        units = [int(query.get("physical_detector_unit_id") or 0)]
    order = _ORDERS.get(action)
    if order is None:
        raise Refusal(501, f"the stand-in does not implement {action}")
    found = [order(_usable(tables, constants, unit, snapshot), event) for unit in units]
    if not any(found):
        raise not_found()
    if action == "get_all_versions":
        return found[0]
    best = [rows[0] for rows in found if rows]
    return best if action == "get_closest_version_by_detector" else best[0]


_ORDERS: dict[str, Callable[[Iterable[Row], datetime], list[Row]]] = {
    "get_version": prior,
    "get_prior_in_time_version": prior,
    "get_closest_version": closest,
    "get_closest_version_by_detector": closest,
    "get_all_versions": closest,
}


def units_at(tables: Tables, detector: int, at: datetime) -> list[Row]:
    """Units that stood in a detector at an instant, as they stood there."""
    found = [place_at(row, at) for row in tables.all("physical_detector_units")]
    return [row for row in found if row["detector_id"] == detector]


def place_at(unit: Row, at: datetime) -> Row:
    """A unit with its place of an instant."""
    for past in unit.get("_places", []):
        if at < _when(past["until"]):
            return unit | {k: v for k, v in past.items() if k != "until"}
    return unit


def by_detector_conditions(
    tables: Tables, query: Query, body: Mapping[str, Any], now: datetime
) -> list[Row]:
    """The best version of each calibration and unit of a detector; may be empty.

    Raises:
        Refusal: 404 for an unknown detector, 422 for an unknown strategy.
    """
    name = query.get("detector_identifier")
    detectors = [row for row in tables.all("detectors") if row["identifier"] == name]
    if not detectors:
        raise not_found()
    word = query.get("begin_strategy_at") or query.get("begin_at_strategy") or "closest"
    if word not in {"closest", "prior"}:
        raise Refusal(422, {"begin_at_strategy": ["is invalid"]})
    order = prior if word == "prior" else closest
    event, snapshot = _at(query, "event_at", now), _at(query, "pdu_snapshot_at", now)
    wanted = condition_body(tables, body)
    found = []
    for unit in units_at(tables, detectors[0]["id"], snapshot):
        if query.get("karabo_da") not in (None, "", unit["karabo_da"]):
            continue
        conditions = {row["id"] for row in _possible(tables, wanted, unit["uuid"])}
        for calibration in _ids(query.get("calibration_id")):
            constants = _matching(tables, calibration, unit["detector_type_id"], conditions)
            found += order(_usable(tables, constants, unit["id"], now), event)[:1]
    return found


def _matching(tables: Tables, calibration: int, kind: int, conditions: set[int]) -> list[int]:
    return [
        row["id"]
        for row in tables.all("calibration_constants")
        if (row["calibration_id"], row["detector_type_id"]) == (calibration, kind)
        and row["condition_id"] in conditions
    ]


def shown(tables: Tables, name: str, row: Row, now: datetime) -> Row:
    """A row as it is answered: with the rows that it names."""
    row = {k: v for k, v in row.items() if not k.startswith("_")}
    if name == "physical_detector_units":
        for key, target in (("detector", "detectors"), ("detector_type", "detector_types")):
            row[key] = tables.rows[target].get(row[f"{key}_id"])
    if name == "calibration_constant_versions":
        constant = tables.get("calibration_constants", row.pop("calibration_constant_id"))
        unit = tables.get("physical_detector_units", row.pop("physical_detector_unit_id"))
        then = place_at(unit, instant(row["begin_at"]) or now)
        places = ("karabo_da", "detector_id", "virtual_device_name", "module_number")
        row["calibration_constant"] = constant
        row["physical_detector_unit"] = {k: v for k, v in unit.items() if not k.startswith("_")} | {
            f"{p}_at_ccv_begin_at": then[p] for p in places
        }
        row["view_url"] = f"/calibration_constant_versions/{row['id']}"
    return row


def report_versions(tables: Tables, report: Row, now: datetime) -> Row:
    """A report with its versions."""
    name = "calibration_constant_versions"
    rows = [r for r in tables.all(name) if r["report_id"] == report["id"]]
    return report | {name: [shown(tables, name, r, now) for r in rows]}
