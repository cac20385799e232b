"""Rows that are named and never change their id: detectors, modules, kinds, parameters."""

from policies.errors import Missing
from tasks.constants.connection import Connection

_COLUMNS = {"detectors": "identifier", "physical_detector_units": "physical_name"}
_WORDS = {
    "calibrations": "calibration",
    "detector_types": "detector type",
    "detectors": "detector",
    "parameters": "parameter",
    "physical_detector_units": "module",
}


class Lookups:
    """Ids by name, each asked for once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ids: dict[tuple[str, str], int] = {}

    def id_of(self, resource: str, name: str) -> int:
        """The row of this name.

        Raises:
            Missing: The catalogue has none; somebody must enter it there.
        """
        key = (resource, name)
        if key not in self._ids:
            column = _COLUMNS.get(resource, "name")
            found = self._connection.rows(f"{resource}/", {column: name})
            ids = [int(row["id"]) for row in found if row.get(column) == name and "id" in row]
            if not ids:
                what = f"{_WORDS[resource]} {name!r}"
                raise Missing(f"the constants catalogue has no {what}", **{column: name})
            self._ids[key] = ids[0]
        return self._ids[key]
