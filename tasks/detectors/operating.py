"""What a run's files say of a detector's settings: first values of its control devices."""

from collections.abc import Iterator
from pathlib import Path

import h5py

from policies.conditions import DEVICES, ControlDevice, condition_of_run, device_name
from policies.errors import Mismatch, Unavailable


def operating_condition(folder: Path, detector_type: str, domain: str) -> dict[str, float]:
    """The operating condition of a detector, by parameter.

    Args:
        folder: The run's folder.
        detector_type: Our word for the kind of detector.
        domain: Its control domain, for example `SPB_IRDA_JF4M`.

    Returns:
        Empty where no file holds its control devices.

    Raises:
        Mismatch: A file is no HDF5 file.
        Unavailable: The storage does not answer.
    """
    wanted = list(DEVICES.get(detector_type, ()))
    raw: dict[str, float | str] = {}
    for path in sorted(folder.glob("*-S00000.h5")) if wanted else ():
        found = dict(_read(path, wanted, domain))
        raw |= {key: value for values in found.values() for key, value in values.items()}
        wanted = [device for device in wanted if device not in found]
        if not wanted:
            break
    return condition_of_run(detector_type, raw)


def _read(
    path: Path, wanted: list[ControlDevice], domain: str
) -> Iterator[tuple[ControlDevice, dict[str, float | str]]]:
    try:
        with h5py.File(path, "r") as file:
            for device in wanted:
                place = f"RUN/{device_name(device, domain)}"
                if place in file:
                    yield device, _values(file[place], device.keys)
    except OSError as error:
        if error.errno:
            raise Unavailable(f"{path}: {error.strerror}") from error
        raise Mismatch(f"{path.name} is no HDF5 file: {error}") from error


def _values(group: h5py.Group, keys: tuple[str, ...]) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for key in keys:
        place = f"{key.replace('.', '/')}/value"
        if place not in group or not group[place].size:
            continue
        first = group[place][()].ravel()[0]
        found[key] = first.decode() if isinstance(first, bytes) else _plain(first)
    return found


def _plain(value: object) -> float | str:
    return value if isinstance(value, str) else float(value)  # type: ignore[arg-type]
