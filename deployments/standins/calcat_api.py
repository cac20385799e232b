"""What the calibration catalogue stand-in answers below `api/`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from deployments.standins import calcat_special as special
from deployments.standins.calcat_resources import RESOURCES, Refusal, Row, instant, not_found
from deployments.standins.calcat_tables import Tables

Query = dict[str, str]
Body = dict[str, Any]
Special = Callable[["CatalogueApi", Query, Body], tuple[int, Any]]

_MAX_PAGE = 500
_VERSIONS = "calibration_constant_versions"


class CatalogueApi:
    """Resources with filters and pages, and the special requests.

    Args:
        tables: The rows.
        clock: Gives the present instant.
        user: Gives the e-mail of whom a request is made for.
    """

    def __init__(
        self, tables: Tables, clock: Callable[[], datetime], user: Callable[[], str]
    ) -> None:
        self._tables, self._clock, self._user = tables, clock, user

    def answer(
        self, method: str, parts: list[str], query: Query, body: Body
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, document and headers.

        Raises:
            Refusal: Any answer that is no success.
        """
        words = " ".join([method, *parts])
        if words in _SPECIAL:
            return *_SPECIAL[words](self, query, body), {}
        name, number = [*parts, "", ""][:2]
        known = name in RESOURCES and name != "conditions" and len(parts) <= 3  # noqa: PLR2004
        if known and len(parts) == 1:
            return self._collection(method, name, query, body)
        if not known or not number.removeprefix("-").isdigit():
            raise Refusal(501, f"the stand-in does not implement {words}")
        if len(parts) == 2:  # noqa: PLR2004
            return *self._member(method, name, int(number), body), {}
        if method == "GET" and name == "calibrations":
            return 200, self._constants(parts[2], query), {}
        if method == "GET" and name == "calibration_constants":
            return 200, self._versions(int(number), parts[2], query), {}
        raise Refusal(501, f"the stand-in does not implement {words}")

    def me(self, _query: Query, _body: Body) -> tuple[int, Any]:
        """Whom a request is made for."""
        words = {"first_name": "Calibration", "last_name": "Service", "nickname": "cal"}
        more = {"name": "Calibration Service", "provider": "ldap", "uid": "cal"}
        return 200, {"id": 1, "email": self._user(), **words, **more, "roles": ["Detector Expert"]}

    def possible(self, _query: Query, body: Body) -> tuple[int, Any]:
        """Conditions that fit."""
        return 200, special.get_possible(self._tables, body, self._clock())

    def expected(self, _query: Query, body: Body) -> tuple[int, Any]:
        """The condition that is the same."""
        return 200, special.get_expected(self._tables, body)

    def set_expected(self, _query: Query, body: Body) -> tuple[int, Any]:
        """The condition that is the same, or a new one."""
        return special.set_expected(self._tables, body, self._clock())

    def set_report(self, _query: Query, body: Body) -> tuple[int, Any]:
        """The report of this name and path, or a new one."""
        given = body.get("report", body)
        for row in self._tables.all("reports"):
            if (row["name"], row["file_path"]) == (given.get("name"), given.get("file_path")):
                return 200, row
        return 201, self._tables.create("reports", given, self._clock())

    def units(self, query: Query, _body: Body) -> tuple[int, Any]:
        """Units of a detector."""
        try:
            at = instant(query.get("pdu_snapshot_at")) or self._clock()
        except ValueError:
            raise Refusal(422, {"pdu_snapshot_at": ["is invalid"]}) from None
        found = special.units_at(self._tables, int(query.get("detector_id") or 0), at)
        if not found:
            raise not_found()
        return 200, [self._shown("physical_detector_units", row) for row in found]

    def by_detector_conditions(self, query: Query, body: Body) -> tuple[int, Any]:
        """The best version of each calibration and unit."""
        rows = special.by_detector_conditions(self._tables, query, body, self._clock())
        return 200, [self._shown(_VERSIONS, row) for row in rows]

    def _constants(self, action: str, query: Query) -> Any:  # noqa: ANN401 - a row or rows
        if action == "get_calibration_constant":
            return special.constants_of(self._tables, query, "condition_id")[0]
        if action == "get_all_calibration_constants":
            return special.constants_of(self._tables, query, "condition_ids")
        raise Refusal(501, f"the stand-in does not implement {action}")

    def _versions(self, number: int, action: str, query: Query) -> Any:  # noqa: ANN401 - a row or rows
        found = special.versions(self._tables, number, action, query, self._clock())
        if isinstance(found, list):
            return [self._shown(_VERSIONS, row) for row in found]
        return self._shown(_VERSIONS, found)

    def _shown(self, name: str, row: Row) -> Row:
        return special.shown(self._tables, name, row, self._clock())

    def _collection(
        self, method: str, name: str, query: Query, body: Body
    ) -> tuple[int, Any, dict[str, str]]:
        if method == "POST":
            given = body.get(RESOURCES[name].singular, body)
            return 201, self._shown(name, self._tables.create(name, given, self._clock())), {}
        if method != "GET":
            raise Refusal(405, "Method Not Allowed")
        rows = [row for row in self._tables.all(name) if self._passes(row, name, query)]
        size = min(max(int(query.get("page_size", "100")), 1), _MAX_PAGE)
        page = max(int(query.get("page", "1")), 1)
        headers = {
            "X-Total-Pages": str(max(1, -(-len(rows) // size))),
            "X-Count-Per-Page": str(size),
            "X-Current-Page": str(page),
            "X-Total-Count": str(len(rows)),
        }
        part = rows[(page - 1) * size : page * size]
        return 200, [self._shown(name, row) for row in part], headers

    def _passes(self, row: Row, name: str, query: Query) -> bool:
        report = self._tables.rows["reports"].get(row.get("report_id") or 0, {})
        flat = row | {f"report.{k}": v for k, v in report.items()}
        known = [*RESOURCES[name].kinds, "id", "report.file_path", "report.name"]
        asked = {k: v for k, v in query.items() if k in known and v != ""}
        return all(str(flat.get(k)) == v for k, v in asked.items())

    def _member(self, method: str, name: str, key: int, body: Body) -> tuple[int, Any]:
        if method in {"PUT", "PATCH"}:
            given = body.get(RESOURCES[name].singular, body)
            return 200, self._shown(name, self._tables.update(name, key, given, self._clock()))
        if method == "DELETE":
            self._tables.delete(name, key)
            return 204, None
        if method != "GET":
            raise Refusal(405, "Method Not Allowed")
        row = self._shown(name, self._tables.get(name, key))
        if name == "reports":
            return 200, special.report_versions(self._tables, row, self._clock())
        return 200, row


_SPECIAL: dict[str, Special] = {
    "GET me": CatalogueApi.me,
    "GET conditions get_possible_conditions": CatalogueApi.possible,
    "GET conditions get_expected_condition": CatalogueApi.expected,
    "POST conditions set_expected_condition": CatalogueApi.set_expected,
    "POST reports set": CatalogueApi.set_report,
    "GET physical_detector_units get_all_by_detector": CatalogueApi.units,
    f"GET {_VERSIONS} get_by_detector_conditions": CatalogueApi.by_detector_conditions,
}
