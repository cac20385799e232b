"""The facility file: everything that makes beamkeeper this facility's and no other's."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import Field, ValidationError, model_validator

from policies.errors import Misconfigured
from settings.facility_detectors import DetectorRow
from settings.facility_parts import (
    CycleRow,
    CycleRule,
    Cycles,
    DefaultSample,
    FacilityRow,
    Groups,
    InstrumentRow,
    KindRow,
    Numbers,
    Part,
    RepositoryRow,
    RunType,
    SampleTypeRow,
    TechniqueRow,
    UserRow,
)

FOLDER = Path(__file__).parent / "facilities"
"""Where the files that come with beamkeeper are."""


class FacilityFile(Part):
    """A facility file.

    Attributes:
        timezone: IANA name; every wall clock in the file is read in it.
        run_types: Run types of a new proposal, in order of their numbers.
    """

    timezone: str
    facilities: tuple[FacilityRow, ...] = Field(min_length=1)
    data_group_types: tuple[KindRow, ...] = Field(min_length=1)
    experiment_types: tuple[KindRow, ...] = Field(min_length=1)
    sample_types: tuple[SampleTypeRow, ...] = Field(min_length=1)
    techniques: tuple[TechniqueRow, ...] = ()
    repositories: tuple[RepositoryRow, ...] = Field(min_length=1)
    users: tuple[UserRow, ...] = ()
    instruments: tuple[InstrumentRow, ...] = Field(min_length=1)
    detectors: tuple[DetectorRow, ...] = ()
    cycles: Cycles
    run_types: tuple[RunType, ...] = Field(min_length=1)
    sample: DefaultSample
    groups: Groups
    numbers: Numbers

    @property
    def zone(self) -> ZoneInfo:
        """The facility's time zone."""
        return ZoneInfo(self.timezone)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        faults = [*self._twice(), *self._dangling(), *self._odd()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _twice(self) -> Iterable[str]:
        lists: dict[str, list[object]] = {
            "facilities": [r.identifier for r in self.facilities],
            "data_group_types": [r.identifier for r in self.data_group_types],
            "experiment_types": [r.identifier for r in self.experiment_types],
            "sample_types": [r.identifier for r in self.sample_types],
            "techniques": [r.identifier for r in self.techniques],
            "repositories": [r.identifier for r in self.repositories],
            "users": [r.uid for r in self.users],
            "instruments": [r.identifier for r in self.instruments],
            "cycles.known": [(r.identifier, r.instrument) for r in self.cycles.known],
            "cycles.rules": [r.suffix for r in self.cycles.rules],
            "run_types": [r.name for r in self.run_types],
            "detectors": [r.identifier for r in self.detectors],
            "detectors.units": [u.physical_name for r in self.detectors for u in r.units],
        }
        for name, keys in lists.items():
            yield from (f"{name}: {key} twice" for key, n in Counter(keys).items() if n > 1)
        for name in ("repositories", "instruments", "users", "data_group_types"):
            ids = Counter(row.id for row in getattr(self, name) if row.id is not None)
            yield from (f"{name}: id {key} twice" for key, n in ids.items() if n > 1)

    def _dangling(self) -> Iterable[str]:
        uids = {r.uid for r in self.users}
        instruments = {r.identifier for r in self.instruments}
        for row in self.instruments:
            where = f"instrument {row.identifier}"
            yield from _unknown(where, "facility", [row.facility], self.facilities)
            yield from _unknown(where, "repository", [row.repository], self.repositories)
            leaders = [u for u in (row.instrument_leader, row.deputy_instrument_leader) if u]
            odd = sorted({*leaders, *row.experts, *row.support} - uids)
            yield from (f"{where}: no user {uid}" for uid in odd)
        for detector in self.detectors:
            where = f"detector {detector.identifier}"
            yield from _unknown(where, "instrument", [detector.instrument], self.instruments)
        for store in self.repositories:
            only = [store.data_group_type] if store.data_group_type else []
            yield from _unknown(store.identifier, "data_group_type", only, self.data_group_types)
        for run_type in self.run_types:
            kind = [run_type.experiment_type]
            yield from _unknown(run_type.name, "experiment_type", kind, self.experiment_types)
        kind = [self.sample.sample_type]
        yield from _unknown("sample", "sample_type", kind, self.sample_types)
        named = {i for rule in self.cycles.rules for i in rule.instruments}
        named |= {row.instrument for row in self.cycles.known}
        yield from (f"cycles: no instrument {name}" for name in sorted(named - instruments))

    def _odd(self) -> Iterable[str]:
        try:
            zone = self.zone
        except (KeyError, ValueError, OSError):
            yield f"timezone: {self.timezone!r} is not an IANA time zone"
            return
        if self.groups.gid_first > self.groups.gid_last:
            yield "groups: gid_first is after gid_last"
        if self.groups.participants == self.groups.data_managers:
            yield "groups: participants and data_managers have the same name"
        if self.cycles.first_year > self.cycles.last_year:
            yield "cycles: first_year is after last_year"
        for row in self.cycles.known:
            if _instant(row.end_at, zone) <= _instant(row.begin_at, zone):
                yield f"cycle {row.identifier} {row.instrument}: ends before it begins"

    def cycle_span(self, identifier: str) -> tuple[datetime, datetime] | None:
        """When a cycle begins and ends by the rules, UTC; None if no rule knows its suffix.

        Args:
            identifier: Year and suffix, `202401`.
        """
        year, suffix = int(identifier[:4]), identifier[4:]
        rule = next((r for r in self.cycles.rules if r.suffix == suffix), None)
        return _span(rule, year, self.zone) if rule else None

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Every reference row by table, links by identifier; instants in UTC."""
        own, *others = self.facilities
        return {
            "facilities": [
                own.columns() | {"reference": self.reference()},
                *(row.columns() for row in others),
            ],
            "data_group_types": [row.columns() for row in self.data_group_types],
            "experiment_types": [row.columns() for row in self.experiment_types],
            "sample_types": [row.columns() for row in self.sample_types],
            "techniques": [row.columns() for row in self.techniques],
            "repositories": [row.columns() for row in self.repositories],
            "users": [row.columns() for row in self.users],
            "instruments": [row.columns() for row in self.instruments],
            "detectors": [row.columns() for row in self.detectors],
            "physical_detector_units": [m for row in self.detectors for m in row.modules()],
            "instruments_users": [p for row in self.instruments for p in row.people()],
            "instrument_cycles": [_known(row, self.zone) for row in self.cycles.known],
            "cycles_by_rule": self._cycles_by_rule(),
        }

    def reference(self) -> dict[str, Any]:
        """What commands need to know of the facility, as kept on its own row."""
        return {
            "timezone": self.timezone,
            "run_types": [row.model_dump() for row in self.run_types],
            "sample": self.sample.model_dump(),
            "groups": self.groups.model_dump(),
            "numbers": self.numbers.model_dump(),
            "cycle_rules": [
                row.model_dump(mode="json", exclude={"instruments"}) for row in self.cycles.rules
            ],
        }

    def _cycles_by_rule(self) -> list[dict[str, Any]]:
        """One cycle per year for each rule and instrument, where no known one stands."""
        taken = {(row.identifier, row.instrument) for row in self.cycles.known}
        made: list[dict[str, Any]] = []
        for rule in self.cycles.rules:
            for year in range(self.cycles.first_year, self.cycles.last_year + 1):
                begin_at, end_at = _span(rule, year, self.zone)
                made += [
                    {
                        "identifier": f"{year}{rule.suffix}",
                        "instrument": instrument,
                        "begin_at": begin_at,
                        "end_at": end_at,
                        "flg_proposal_system": rule.flg_proposal_system,
                        "description": rule.description,
                    }
                    for instrument in rule.instruments
                    if (f"{year}{rule.suffix}", instrument) not in taken
                ]
        return made


def _unknown(where: str, field: str, names: list[str], rows: Iterable[Any]) -> list[str]:
    known = {row.identifier for row in rows}
    return [f"{where}: no {field} {name}" for name in names if name not in known]


def _instant(moment: datetime, zone: ZoneInfo) -> datetime:
    """An instant in UTC; without an offset it is the facility's wall clock."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return aware.astimezone(UTC)


def _known(row: CycleRow, zone: ZoneInfo) -> dict[str, Any]:
    return {
        name: _instant(value, zone) if isinstance(value, datetime) else value
        for name, value in row.columns().items()
    }


def _span(rule: CycleRule, year: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    begin, end = (date.fromisoformat(f"{year}-{day}") for day in (rule.begin, rule.end))
    if end < begin:
        end = end.replace(year=year + 1)
    return (
        datetime.combine(begin, time(0, 0), zone).astimezone(UTC),
        datetime.combine(end, time(23, 59, 59), zone).astimezone(UTC),
    )


def read_facility(file: Path | str) -> FacilityFile:
    """Read a facility file, or one that comes with beamkeeper by its name (`xfel`).

    Raises:
        Misconfigured: No such file, not YAML, or a field is wrong; names every field.
    """
    path = Path(file)
    if not path.suffix and (FOLDER / f"{path.name}.yaml").is_file():
        path = FOLDER / f"{path.name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return FacilityFile.model_validate(content)
    except OSError as error:
        raise Misconfigured(f"facility file {path}: {error.strerror}", file=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = str(error).replace("\n", " ")
        raise Misconfigured(f"facility file {path} is not YAML: {where}", file=str(path)) from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
        raise Misconfigured(
            f"facility file {path}: {'; '.join(faults)}", file=str(path), faults=faults
        ) from error
