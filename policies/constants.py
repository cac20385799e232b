"""Calibration constants: names, places, conditions, and which version applies at an instant.

Source: forms of names, paths and of `raw_data_location` as the facility's calibration catalogue
holds them; the meaning of "prior" and "closest" as its published client describes them. How
equal candidates are ordered is ours.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from policies.errors import Invalid

NAME_MAX = 60
"""Characters that the catalogue allows in the name of a version or a condition."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RAW = re.compile(r"proposal:p?(?P<proposal>\d+) runs:(?P<runs>\d+( \d+)*)", re.ASCII)
_UNFIT = re.compile(r"[^a-z0-9._-]+")

DETECTOR_TYPES = {
    "AGIPD": "AGIPD-Type",
    "DSSC": "DSSC-Type",
    "EPIX100": "ePix100-Type",
    "EPIX10K": "ePix10K-Type",
    "JUNGFRAU": "jungfrau-Type",
    "LPD": "LPD-Type",
}
"""Our words for kinds of detectors and the catalogue's."""

DEVIATIONS = {"Sensor Bias Voltage": (5.0, 5.0), "Sensor Temperature": (5.0, 5.0)}
"""How far a value may be below and above a parameter's; all others must be equal. Ours."""


class Strategy(StrEnum):
    """Which of several versions is taken."""

    PRIOR = "prior"
    """The one that came into force last before the instant and still holds."""
    CLOSEST = "closest"
    """The one whose begin is nearest, before or after."""


@dataclass(frozen=True)
class Parameter:
    """One operating parameter of a condition.

    Attributes:
        name: As the catalogue names it, for example `Sensor Bias Voltage`.
        value: In the parameter's unit.
        lower: How far a value may be below, same unit, not negative.
        upper: How far it may be above.
    """

    name: str
    value: float
    lower: float = 0.0
    upper: float = 0.0


Condition = tuple[Parameter, ...]
"""Under which parameters a constant holds, by name."""


def condition_of(
    values: Mapping[str, float], deviations: Mapping[str, tuple[float, float]] = DEVIATIONS
) -> Condition:
    """A condition from values by parameter name.

    Raises:
        Invalid: There is none, or a value is no finite number.
    """
    if not values:
        raise Invalid("a condition has no parameter", fields={"condition": "is empty"})
    wrong = {n: "is no number" for n, v in values.items() if not float("-inf") < v < float("inf")}
    if wrong:
        raise Invalid("a condition's value is no number: " + ", ".join(wrong), fields=wrong)
    return tuple(
        Parameter(name, float(value), *deviations.get(name, (0.0, 0.0)))
        for name, value in sorted(values.items())
    )


def fits(condition: Condition, values: Mapping[str, float]) -> bool:
    """Whether values lie within a condition: the same parameters, each inside its deviations."""
    return {p.name for p in condition} == set(values) and all(
        p.value - p.lower <= values[p.name] <= p.value + p.upper for p in condition
    )


def condition_name(detector_type: str, condition: Condition) -> str:
    """A name of its own for every condition, the same whenever it is asked for."""
    words = (
        f"{p.name}={p.value!r}-{p.lower!r}+{p.upper!r}"
        for p in sorted(condition, key=lambda p: p.name)
    )
    digest = hashlib.blake2b(";".join(words).encode(), digest_size=8).hexdigest()
    return f"{calcat_type(detector_type)[:40]}_{digest}"


def calcat_type(detector_type: str) -> str:
    """The catalogue's word for a kind of detector; one that is not ours is taken as it is."""
    return DETECTOR_TYPES.get(detector_type.upper(), detector_type)


def version_name(at: datetime, start_idx: int = 0) -> str:
    """Name of a version, for example `20230729_175636_sIdx=0`; the time is UTC."""
    return f"{_utc(at):%Y%m%d_%H%M%S}_sIdx={start_idx}"


def begin_of(first_run_at: datetime, repetition: int) -> datetime:
    """From when the constants of a characterisation hold.

    Characterised again from the same runs, a module would have two versions that begin at the
    same instant, and neither the catalogue nor a reader of it could tell which is newer. So each
    repetition begins a second later; dark runs last longer.

    Args:
        first_run_at: Begin of the first run, aware.
        repetition: Earlier characterisations from the same first run; 0 for the first.
    """
    return first_run_at + timedelta(seconds=repetition)


def raw_data_location(proposal: int, runs: Iterable[int]) -> str:
    """Which runs a version was made from, last run first.

    Raises:
        Invalid: No run.
    """
    numbers = sorted(set(runs), reverse=True)
    if not numbers:
        raise Invalid("constants come from at least one run", fields={"runs": "is empty"})
    return f"proposal:{proposal} runs:{' '.join(map(str, numbers))}"


def parse_raw_data_location(text: str) -> tuple[int, tuple[int, ...]] | None:
    """Proposal and runs, in the order that was written; None when it says something else."""
    found = _RAW.fullmatch(text.strip())
    if found is None:
        return None
    return int(found["proposal"]), tuple(map(int, found["runs"].split()))


def file_name(at: datetime) -> str:
    """Name of a constants file: seconds since 1970 and their fraction, microseconds."""
    seconds, rest = divmod((_utc(at) - _EPOCH) // _MICROSECOND, 1_000_000)
    return f"cal.{seconds}.{rest:06d}.h5"


def store_folder(detector_type: str, physical_name: str) -> str:
    """Folder of a module below the store, for example `xfel/cal/jungfrau-type/jungfrau_m530/`.

    Raises:
        Invalid: A name that leaves nothing for a folder.
    """
    parts = [
        _UNFIT.sub("_", word.lower()).strip("._")
        for word in (calcat_type(detector_type), physical_name)
    ]
    if not all(parts):
        fields = {"physical_name": f"{physical_name!r} makes no folder"}
        raise Invalid("a detector or a module has no name", fields=fields)
    return f"xfel/cal/{parts[0]}/{parts[1]}/"


def store_path(detector_type: str, physical_name: str, at: datetime) -> str:
    """Path of a constants file below the store."""
    return store_folder(detector_type, physical_name) + file_name(at)


@dataclass(frozen=True)
class Version:
    """What decides whether a version of one module's constant applies.

    Attributes:
        key: Its row; of two that are otherwise equal the greater one is newer.
        begin_at: When its data were taken, aware.
        begin_validity_at: From when it may be used, aware.
        end_validity_at: Until when, aware and not included; None: no end.
        deployed: Whether somebody put it to use.
        good: Whether its quality is good.
    """

    key: int
    begin_at: datetime
    begin_validity_at: datetime
    end_validity_at: datetime | None = None
    deployed: bool = True
    good: bool = True

    @property
    def since(self) -> datetime:
        """When it comes into force."""
        return max(self.begin_at, self.begin_validity_at)

    def holds(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return self.since <= at and (self.end_validity_at is None or at < self.end_validity_at)


def choose(
    versions: Iterable[Version],
    at: datetime,
    strategy: Strategy = Strategy.PRIOR,
    *,
    undeployed: bool = False,
    bad: bool = False,
) -> Version | None:
    """The version of one module's constant that applies at an instant.

    Args:
        versions: All of this module and constant, in any order.
        at: For example the begin of the run, aware.
        strategy: Which of several.
        undeployed: Whether one that nobody put to use may be taken.
        bad: Whether one of bad quality may be taken.

    Returns:
        None when none applies. Of equal ones, the greater key; of one before and one after
        at the same distance, the one before.
    """
    usable = [v for v in versions if (v.deployed or undeployed) and (v.good or bad)]
    if strategy is Strategy.PRIOR:
        held = [v for v in usable if v.holds(at)]
        return max(held, key=lambda v: (v.since, v.key), default=None)
    return min(usable, key=lambda v: (abs(v.since - at), v.since > at, -v.key), default=None)


@dataclass(frozen=True)
class Interval:
    """A stretch of time in which one version applies.

    Attributes:
        begin: First instant, aware.
        end: First instant after it; None: no end.
        version: What applies.
    """

    begin: datetime
    end: datetime | None
    version: Version


def timeline(versions: Sequence[Version]) -> list[Interval]:
    """When which version of one module's constant applies, gaps left out.

    Returns:
        Intervals in order that do not overlap; neighbours differ or a gap lies between them.
    """
    usable = [v for v in versions if v.deployed and v.good]
    ends = {v.end_validity_at for v in usable if v.end_validity_at is not None}
    moments: list[datetime | None] = [*sorted(ends | {v.since for v in usable}), None]
    found: list[Interval] = []
    for begin, end in pairwise(moments):
        version = choose(usable, begin) if begin is not None else None
        if begin is None or version is None:
            continue
        if found and (found[-1].version, found[-1].end) == (version, begin):
            found[-1] = Interval(found[-1].begin, end, version)
        else:
            found.append(Interval(begin, end, version))
    return found


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise Invalid("a time has no offset", fields={"at": "must be aware"})
    return at.astimezone(UTC)
