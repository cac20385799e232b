"""Under which settings a detector took its data, and whether constants fit them.

Parameters have the names of the facility's calibration catalogue. What a data file says of the
detector's control device becomes values by parameter; constants whose condition contradicts them
are left aside and named.

Source: which property of which control device is which parameter, and which values the catalogue
leaves out, as the published library EXtra has it (`extra.calibration`, conditions of JUNGFRAU
and AGIPD). That fixed gain is one mode, and the tolerances, are ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from policies.constants import DEVIATIONS

Raw = Mapping[str, float | str]
"""Values of a control device at the begin of the run, by property."""

BIAS, CELLS = "Sensor Bias Voltage", "Memory cells"
INTEGRATION, SETTING, MODE = "Integration Time", "Gain Setting", "Gain mode"
TIMEOUT, RATE = "Exposure timeout", "Acquisition rate"

UNITS = {BIAS: "V", INTEGRATION: "µs", TIMEOUT: "µs", RATE: "MHz"}
"""Units that are shown to people; the others have none."""

CLOSE = 1e-3
"""Relative difference up to which two values without a deviation of their own are equal:
control devices say single-precision numbers."""

_DEFAULT_TIMEOUT_US = 25.0
_DEFAULT_INTEGRATION = 12.0
_MICRO = 1e6
_FIXED = frozenset({"fixg0", "fixg1", "fixg2", "fixgain1", "fixgain2"})
_HIGH = frozenset({"highgain0", "dynamichg0"})


@dataclass(frozen=True)
class ControlDevice:
    """Where a kind of detector says under which settings it works.

    Attributes:
        device: Name of the device; `{domain}` is the detector's control domain.
        keys: Properties that are read.
    """

    device: str
    keys: tuple[str, ...]


DEVICES: dict[str, tuple[ControlDevice, ...]] = {
    "JUNGFRAU": (
        ControlDevice(
            "{domain}/DET/CONTROL",
            (
                "highVoltage",
                "vHighVoltage",
                "storageCells",
                "exposureTime",
                "exposureTimeout",
                "settings",
                "gainMode",
            ),
        ),
    ),
    "AGIPD": (
        ControlDevice(
            "{domain}/MDL/FPGA_COMP",
            (
                "bunchStructure.nPulses",
                "bunchStructure.repetitionRate",
                "gain",
                "gainModeIndex",
                "integrationTime",
            ),
        ),
        ControlDevice(
            "{half}/PSC/HV", tuple(f"channels.U{module}.voltage" for module in range(16))
        ),
    ),
}
"""Control devices by kind of detector; `{half}` is the domain without its last letter."""


def device_name(device: ControlDevice, domain: str) -> str:
    """The device of a detector with this control domain."""
    return device.device.format(domain=domain, half=domain[:-1])


def condition_of_run(detector_type: str, raw: Raw) -> dict[str, float]:
    """The operating condition that control devices tell of.

    Args:
        detector_type: Our word for the kind of detector.
        raw: Values of all its control devices, by property.

    Returns:
        Values by parameter; what is not told is not in it. Empty where nothing is told.
    """
    read = {"JUNGFRAU": _jungfrau, "AGIPD": _agipd}.get(detector_type)
    return read(raw) if read and raw else {}


def _number(raw: Raw, key: str, convert: Callable[[float], float] = float) -> float | None:
    value = raw.get(key)
    return convert(float(value)) if isinstance(value, int | float) else None


def _told(values: Mapping[str, float | None], silent: Mapping[str, float]) -> dict[str, float]:
    """What is known, without the values that the catalogue leaves out."""
    return {
        name: round(value, 6)
        for name, value in values.items()
        if value is not None and silent.get(name) != value
    }


def _jungfrau(raw: Raw) -> dict[str, float]:
    bias = _number(raw, "highVoltage", lambda v: float(int(v)))
    word, setting = str(raw.get("gainMode", "")), str(raw.get("settings", ""))
    modes = {word or setting} - {""}
    values = {
        BIAS: _number(raw, "vHighVoltage", lambda v: float(int(v))) if bias is None else bias,
        CELLS: _number(raw, "storageCells", lambda v: v + 1),
        INTEGRATION: _number(raw, "exposureTime", lambda v: v * _MICRO),
        TIMEOUT: _number(raw, "exposureTimeout"),
        SETTING: float(setting in _HIGH) if setting else None,
        MODE: float(bool(modes & _FIXED)) if modes else None,
    }
    return _told(values, {TIMEOUT: _DEFAULT_TIMEOUT_US, MODE: 0.0})


def _agipd(raw: Raw) -> dict[str, float]:
    on = [v for k in raw if k.endswith(".voltage") if (v := _number(raw, k)) and v > 0]
    values = {
        BIAS: float(int(on[0])) if on else None,
        CELLS: _number(raw, "bunchStructure.nPulses"),
        RATE: _number(raw, "bunchStructure.repetitionRate", lambda v: round(v, 1)),
        SETTING: _number(raw, "gain"),
        MODE: _number(raw, "gainModeIndex"),
        "Integration time": _number(raw, "integrationTime"),
    }
    return _told(values, {MODE: 0.0, "Integration time": _DEFAULT_INTEGRATION})


def contradictions(held: Mapping[str, float], seen: Mapping[str, float]) -> list[str]:
    """Parameters in which constants and data differ, each in words.

    Args:
        held: Condition of the constants; empty: not known, nothing contradicts.
        seen: Operating condition of the data; empty: the files do not say it.

    Returns:
        Only parameters that both name are compared, with one exception: a gain mode that one
        side leaves out is the adaptive one.
    """
    if not held or not seen:
        return []
    sides = [dict(held), dict(seen)]
    if MODE in held or MODE in seen:
        sides = [{MODE: 0.0, **side} for side in sides]
    ours, theirs = sides
    return [
        f"{name} is {_said(name, theirs[name])} in the data, {_said(name, ours[name])} in them"
        for name in sorted(ours.keys() & theirs.keys())
        if not _equal(name, ours[name], theirs[name])
    ]


def _equal(name: str, held: float, seen: float) -> bool:
    below, above = DEVIATIONS.get(name, (0.0, 0.0))
    slack = CLOSE * max(abs(held), abs(seen))
    return held - below - slack <= seen <= held + above + slack


def _said(name: str, value: float) -> str:
    unit = UNITS.get(name, "")
    return f"{value:g} {unit}".strip()
