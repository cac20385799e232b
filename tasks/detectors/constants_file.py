"""A module's constants in one HDF5 file, as the facility's readers expect them.

`/{physical name}/{constant}/0/data`: arrays of slow × fast × memory cells × gain stages.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from policies.detectors import constant_name
from tasks.detectors.digests import demand
from tasks.detectors.faults import Fault
from tasks.detectors.model import Constant, ModuleConstants
from tasks.detectors.sink import new_file

Array = npt.NDArray[Any]

AXES = 4
"""Axes of a constant with memory cells and gain stages."""


def dataset_of(physical_name: str, constant: str) -> str:
    """Where a constant stands in its file; `/data` follows."""
    return f"/{physical_name}/{constant}/0"


def write_constants(
    path: Path, physical_name: str, arrays: dict[str, tuple[Array, str]], attributes: dict[str, Any]
) -> None:
    """Write a module's constants: the file is there as a whole or not at all.

    Args:
        path: The file.
        physical_name: The module.
        arrays: Array and unit by name of the constant.
        attributes: What every constant says of itself.

    Raises:
        Fault: No right, or the disk is full; exit 5.
    """
    with new_file(path) as (file, _):
        for name, (array, unit) in arrays.items():
            group = file.create_group(dataset_of(physical_name, name))
            chunked = {"compression": "gzip", "compression_opts": 1} if array.ndim > 1 else {}
            data = group.create_dataset("data", data=array, **chunked)
            data.attrs["unit"] = unit
            for key, value in attributes.items():
                group.attrs[key] = value.isoformat() if isinstance(value, datetime) else value


class ModuleSet:
    """The constants of a module, read and checked, in the order in which frames need them.

    Attributes:
        offset: Cells × stages × slow × fast, ADU.
        bad: Bad pixels, the same shape, or None.
        gain: Factor of each stage.
        thresholds: AGIPD's gain thresholds, cells × 2 × slow × fast, or None.

    Raises:
        Fault: A constant is missing, damaged or of another shape; exit 3.
    """

    def __init__(self, root: str, detector_type: str, module: ModuleConstants, place: str) -> None:
        self._root, self._place = root, place
        self._checked: set[Path] = set()

        def read(name: str) -> Array | None:
            spelled = constant_name(detector_type, name)
            constant = module.constants.get(spelled)
            return self._read(spelled, constant) if constant is not None else None

        offset = read("Offset")
        if offset is None:
            raise Fault(3, f"there is no Offset of {place} ({module.physical_name})")
        self.offset = self._turned("Offset", offset).astype(np.float32)
        stages = self.offset.shape[1]
        bad, gain, thresholds = read("BadPixelsDark"), read("RelativeGain"), read("ThresholdsDark")
        self.bad = None if bad is None else self._turned("BadPixelsDark", bad, self.offset.shape)
        self.gain = np.ones(stages, np.float32) if gain is None else gain.astype(np.float32)
        self.thresholds = None if thresholds is None else self._turned("ThresholdsDark", thresholds)
        if self.gain.shape != (stages,):
            raise Fault(3, f"RelativeGain of {place} has the shape {self.gain.shape}, not {stages}")

    def _turned(self, name: str, array: Array, shape: tuple[int, ...] | None = None) -> Array:
        """From slow × fast × cells × stages to cells × stages × slow × fast."""
        if array.ndim != AXES:
            raise Fault(3, f"{name} of {self._place} has {array.ndim} axes, not {AXES}")
        turned = np.ascontiguousarray(array.transpose(2, 3, 0, 1))
        if shape is not None and turned.shape != shape:
            raise Fault(3, f"{name} of {self._place} has another shape than its Offset")
        return turned

    def _read(self, name: str, constant: Constant) -> Array:
        path = Path(self._root) / constant.path
        if path not in self._checked:
            demand(path, constant.xxh3_128, f"constants of {self._place}", 3)
            self._checked.add(path)
        try:
            with h5py.File(path, "r") as file:
                return np.asarray(file[f"{constant.dataset}/data"][()])
        except (OSError, KeyError) as error:
            raise Fault(
                3, f"{name} of {self._place} in {path.name} does not read: {error}"
            ) from error
