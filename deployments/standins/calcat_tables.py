"""What the calibration catalogue stand-in keeps: rows, and the refusals of its rules."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from deployments.standins.calcat_resources import (
    BLANK,
    MUST_EXIST,
    RESOURCES,
    TAKEN,
    Refusal,
    Resource,
    Row,
    coerced,
    not_found,
    wire_instant,
)


class Tables:
    """The rows, by resource and id.

    Args:
        seed: Rows to begin with, by resource.
        file: JSON file that keeps them from start to start; None: they live as long as this.

    Attributes:
        rows: By resource, then id; instants are aware texts.
        scoped_names: Whether a version's name is unique only with its constant and unit.
    """

    def __init__(self, seed: Mapping[str, list[Row]], file: Path | None = None) -> None:
        self.scoped_names = False
        self._file = file
        self.reset(json.loads(file.read_text()) if file is not None and file.exists() else seed)

    def reset(self, seed: Mapping[str, list[Row]]) -> None:
        """Begin again with these rows."""
        self.rows: dict[str, dict[int, Row]] = {name: {} for name in RESOURCES}
        for name, rows in seed.items():
            self.rows[name] = {int(row["id"]): dict(row) for row in rows}

    def save(self) -> None:
        """Write the file, if there is one."""
        if self._file is not None:
            text = json.dumps({name: list(rows.values()) for name, rows in self.rows.items()})
            part = self._file.with_suffix(".part")
            part.write_text(text)
            part.replace(self._file)

    def get(self, name: str, key: int) -> Row:
        """One row.

        Raises:
            Refusal: 404.
        """
        found = self.rows[name].get(key)
        if found is None:
            raise not_found()
        return found

    def all(self, name: str) -> list[Row]:
        """Every row, by id."""
        return [row for _, row in sorted(self.rows[name].items())]

    def create(self, name: str, body: Mapping[str, Any], now: datetime) -> Row:
        """Add a row.

        Raises:
            Refusal: 422 with the messages by field.
        """
        spec = RESOURCES[name]
        row: Row = dict.fromkeys(spec.kinds) | coerced(spec, body)
        if row.get("flg_available", 0) is None:
            row["flg_available"] = True
        self._check(name, row)
        row |= {"id": max(self.rows[name], default=0) + 1, "created_at": wire_instant(now)}
        self.rows[name][row["id"]] = row
        return row

    def update(self, name: str, key: int, body: Mapping[str, Any], now: datetime) -> Row:
        """Change some fields of a row; a unit that moves leaves its former place on record.

        Raises:
            Refusal: 404, or 422 with the messages by field.
        """
        spec, old = RESOURCES[name], self.get(name, key)
        new = old | coerced(spec, body)
        fixed = [f for f in spec.immutable if new[f] != old[f]]
        if fixed:
            raise Refusal(422, {f: ["cannot be updated"] for f in sorted(fixed)})
        self._check(name, new)
        places = ("detector_id", "karabo_da", "virtual_device_name", "module_number")
        if name == "physical_detector_units" and any(old[p] != new[p] for p in places):
            past = {p: old[p] for p in places} | {"until": wire_instant(now)}
            new["_places"] = [*old.get("_places", []), past]
        self.rows[name][key] = new
        return new

    def delete(self, name: str, key: int) -> None:
        """Remove a row that nothing leans on.

        Raises:
            Refusal: 404; 405 where rows are never removed; 422 when others lean on it.
        """
        if not RESOURCES[name].may_delete:
            raise Refusal(405, f"{name} cannot be deleted")
        self.get(name, key)
        for other, spec in RESOURCES.items():
            for column in (c for c, target in spec.belongs.items() if target == name):
                if any(row[column] == key for row in self.rows[other].values()):
                    raise Refusal(422, {"base": [f"Cannot delete record because of {other}"]})
        del self.rows[name][key]

    def _check(self, name: str, row: Row) -> None:
        spec, faults = RESOURCES[name], dict[str, list[str]]()
        for column, text in [*_shape_faults(spec, row), *self._link_faults(spec, row)]:
            faults.setdefault(column, []).append(text)
        for group in spec.unique:
            for column in self._taken(name, row, group):
                faults.setdefault(spec.errors.get(column, column), []).append(TAKEN)
        if faults:
            raise Refusal(422, faults)

    def _link_faults(self, spec: Resource, row: Row) -> Iterator[tuple[str, str]]:
        for column, target in spec.belongs.items():
            absent = row[column] not in self.rows[target]
            if absent and (row[column] is not None or column in MUST_EXIST):
                yield column.removesuffix("_id"), "must exist"

    def _taken(self, name: str, row: Row, group: tuple[str, ...]) -> tuple[str, ...]:
        """The fields to complain about when another row has the same values."""
        key = group
        if name == "calibration_constant_versions" and group == ("name",) and self.scoped_names:
            key = ("name", "calibration_constant_id", "physical_detector_unit_id")
        if any(row[c] in (None, "") for c in key):
            return ()
        others = (r for r in self.rows[name].values() if r["id"] != row.get("id"))
        return group if any(all(o[c] == row[c] for c in key) for o in others) else ()


def _shape_faults(spec: Resource, row: Row) -> Iterator[tuple[str, str]]:
    for column in spec.required:
        if row.get(column) in (None, ""):
            yield column, BLANK
    for column, kind in spec.kinds.items():
        if kind[1:] and len(str(row[column] or "")) > int(kind[1:]):
            yield column, f"is too long (maximum is {kind[1:]} characters)"
