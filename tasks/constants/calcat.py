"""The constants catalogue CalCat: inject, deploy, look up.

Source: requests and their order as the published client `calibration_client` 11.4.0 makes them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

from policies import constants as rules
from policies.constants import Strategy
from policies.errors import Invalid, Mismatch, Missing, Refused
from settings.constants import CalcatSettings
from tasks.constants import rows
from tasks.constants.connection import Connection, Row
from tasks.constants.lookups import Lookups
from tasks.constants.port import Found, Injection, Unit

_VERSIONS = "calibration_constant_versions"
_TAKEN = "has already been taken"


class Calcat:
    """A `ConstantsCatalog` over HTTP; for one thread.

    Nothing is written before it was looked for, so a lost answer is found again instead of
    being written twice.

    Args:
        settings: Address, application and patience.
        connection: Another connection, for tests.
    """

    def __init__(self, settings: CalcatSettings, connection: Connection | None = None) -> None:
        self._connection = connection or Connection(settings)
        self._lookups = Lookups(self._connection)

    def inject(self, injection: Injection) -> int:
        """Name a version: condition, constant, report, module, version; see `ConstantsCatalog`."""
        known = self._lookups
        kind = known.id_of("detector_types", rules.calcat_type(injection.detector_type))
        unit = known.id_of("physical_detector_units", injection.physical_name)
        calibration = known.id_of("calibrations", injection.calibration)
        condition = self._condition(injection)
        constant = self._constant(injection, (calibration, kind, condition))
        report = self._report(injection) if injection.report_name else None
        wire = rows.version_wire(injection, constant, unit, report)
        found = self._connection.again(lambda: self._version(wire))
        there = self._read_back(int(found["id"]))
        wrong = rows.differences(wire | {"name": found["name"]}, there)
        if wrong:
            words = ", ".join(f"{k} is {b!r}, not {a!r}" for k, (a, b) in wrong.items())
            raise Mismatch(
                f"version {found['id']} in the constants catalogue: {words}", fields=sorted(wrong)
            )
        return int(there["id"])

    def deploy(self, ccv_ids: Sequence[int]) -> None:
        """Put versions into use; see `ConstantsCatalog`."""
        bad = [i for i in ccv_ids if not self._read_back(i)["flg_good_quality"]]
        if bad:
            words = ", ".join(map(str, bad))
            raise Refused(f"versions of bad quality are not put into use: {words}")
        for ccv_id in ccv_ids:
            self._connection.again(partial(self._deploy, ccv_id))

    def versions_for(
        self,
        detector: str,
        calibrations: Sequence[str],
        at: datetime,
        condition: Mapping[str, float],
        strategy: Strategy = Strategy.PRIOR,
    ) -> tuple[Found, ...]:
        """The versions that apply at an instant; see `ConstantsCatalog`."""
        units = {unit.unit_id: unit for unit in self.units_of(detector, at)}
        names = {self._lookups.id_of("calibrations", name): name for name in calibrations}
        if not units or not names:
            return ()
        query = {
            "detector_identifier": detector,
            "calibration_id": str(list(names)),
            "karabo_da": "",
            "event_at": rows.wire_instant(at),
            "pdu_snapshot_at": rows.wire_instant(at),
            # the published client and EXtra name it differently
            "begin_strategy_at": strategy.value,
            "begin_at_strategy": strategy.value,
        }
        asked = [{"parameter_name": n, "value": v} for n, v in sorted(condition.items())]
        body = {"parameters_conditions_attributes": asked}
        try:
            answer = self._connection.get(f"{_VERSIONS}/get_by_detector_conditions", query, body)
        except Missing:
            return ()
        return rows.applying(rows.as_rows(answer), units, names, at, strategy)

    def units_of(self, detector: str, at: datetime | None = None) -> tuple[Unit, ...]:
        """Modules of a detector; see `ConstantsCatalog`."""
        known = self._lookups.id_of("detectors", detector)
        snapshot = "" if at is None else rows.wire_instant(at)
        query = {"detector_id": str(known), "pdu_snapshot_at": snapshot}
        try:
            answer = self._connection.get("physical_detector_units/get_all_by_detector", query)
        except Missing:
            return ()
        return tuple(rows.unit(row) for row in rows.as_rows(answer))

    def reachable(self) -> str:
        """Whom the catalogue takes us for; see `ConstantsCatalog`."""
        answer = self._connection.get("me")
        email = answer.get("email") if isinstance(answer, dict) else None
        return f"{self._connection.address} knows us as {str(email)[:80]}"

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def _condition(self, injection: Injection) -> int:
        """The row of a condition; setting one that is there answers the one that is there."""
        ids = {p.name: self._lookups.id_of("parameters", p.name) for p in injection.condition}
        body = rows.condition_wire(injection, ids)
        send = self._connection.send
        found = self._connection.again(
            lambda: send("POST", "conditions/set_expected_condition", body)
        )
        return rows.id_in(found, "condition")

    def _constant(self, injection: Injection, key: tuple[int, int, int]) -> int:
        """The row of a constant: kind, detector type, condition."""
        wire = rows.constant_wire(injection, key)
        query = {k: str(wire[k]) for k in ("calibration_id", "detector_type_id", "condition_id")}
        path = f"calibrations/{key[0]}/get_calibration_constant"

        def step() -> Any:  # noqa: ANN401 - JSON
            try:
                return self._connection.get(path, query)
            except Missing:
                body = {"calibration_constant": wire}
            try:
                return self._connection.send("POST", "calibration_constants/", body)
            except Invalid as error:
                if not _is_taken(error):
                    raise
            # somebody made the same one in between
            return self._connection.get(path, query)

        return rows.id_in(self._connection.again(step), "constant")

    def _report(self, injection: Injection) -> int:
        """The row of a report: by name and path, else a new one."""
        wire = {"name": injection.report_name, "file_path": injection.report_path}

        def step() -> Any:  # noqa: ANN401 - JSON
            for row in self._connection.rows("reports/", wire):
                if all(row.get(k) == v for k, v in wire.items()):
                    return row
            body = {"report": wire | {"flg_available": True, "description": ""}}
            return self._connection.send("POST", "reports/set", body)

        found = rows.id_in(self._connection.again(step), "report")
        there = self._connection.get(f"reports/{found}")
        if any(there.get(k) != v for k, v in wire.items()):
            raise Mismatch(f"report {found} in the constants catalogue is another one", **wire)
        return found

    def _version(self, wire: Row) -> Row:
        """The version that is there, else a new one; may be repeated.

        Where a name may be used only once in the whole catalogue and is taken, the name gets the
        rows of constant and module as an ending, so that it is still the same each time.
        """
        ending = f"_c{wire['calibration_constant_id']}_u{wire['physical_detector_unit_id']}"
        names = (wire["name"], wire["name"][: rules.NAME_MAX - len(ending)] + ending)
        for name in names:
            found = self._find(wire, name)
            if found is not None:
                return found
        for name in names:
            try:
                body = {"calibration_constant_version": wire | {"name": name}}
                return rows.as_row(self._connection.send("POST", f"{_VERSIONS}/", body))
            except Invalid as error:
                if not _is_taken(error):
                    raise
                found = self._find(wire, name)
                if found is not None:
                    return found
                only_name = set(_fields(error)) == {"name"}
                if name == names[-1] or not only_name:
                    raise
        raise AssertionError("unreachable")

    def _find(self, wire: Row, name: str) -> Row | None:
        """The version of this name, constant and module."""
        key = {k: wire[k] for k in ("calibration_constant_id", "physical_detector_unit_id")}
        query = {"name": name} | {k: str(v) for k, v in key.items()}
        for row in self._connection.rows(f"{_VERSIONS}/", query):
            if row.get("name") == name and rows.scope(row) == tuple(key.values()):
                return row
        return None

    def _read_back(self, ccv_id: int) -> Row:
        try:
            return rows.as_row(self._connection.get(f"{_VERSIONS}/{ccv_id}"))
        except Missing as error:
            raise Mismatch(
                f"the constants catalogue named version {ccv_id} and does not know it"
            ) from error

    def _deploy(self, ccv_id: int) -> None:
        if self._read_back(ccv_id)["flg_deployed"]:
            return
        body = {"calibration_constant_version": {"flg_deployed": True}}
        self._connection.send("PUT", f"{_VERSIONS}/{ccv_id}", body)
        if not self._read_back(ccv_id)["flg_deployed"]:
            raise Mismatch(f"the constants catalogue did not put version {ccv_id} into use")


def _fields(error: Invalid) -> dict[str, str]:
    found = error.context.get("fields")
    return found if isinstance(found, dict) else {}


def _is_taken(error: Invalid) -> bool:
    return any(_TAKEN in str(text) for text in _fields(error).values())
