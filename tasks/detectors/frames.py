"""A module's frames, whatever the kind of detector: values, gain stage, memory cell."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from tasks.detectors.faults import Fault

BYTES = 96 * 1024 * 1024
"""Raw bytes that are held at a time."""

EMPTY = -1
"""Stands for the memory cell of a frame that holds no data."""

Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint8]


@dataclass
class Chunk:
    """Some frames of one module.

    Attributes:
        where: Which rows of the file's datasets they are.
        raw: Analog values, frames × slow × fast, float32.
        stage: Gain stage of each pixel, 0 the highest; the same shape. None: the data do not say.
        cell: Memory cell of each frame, `EMPTY` for one that holds no data.
        analog_gain: AGIPD's gain signal, None for others.
    """

    where: slice
    raw: Floats
    stage: Words | None
    cell: npt.NDArray[np.intp]
    analog_gain: Floats | None = None


@dataclass(frozen=True)
class Layout:
    """Where a kind of detector keeps its frames.

    Attributes:
        group: Group below the source.
        data: Dataset of the values.
        per_train: Whether the first axis counts trains and the second memory cells; otherwise
            the first counts frames.
    """

    group: str
    data: str
    per_train: bool


LAYOUTS: dict[str, Layout] = {
    "JUNGFRAU": Layout("data", "adc", True),
    "AGIPD": Layout("image", "data", False),
    "LPD": Layout("image", "data", False),
    "EPIX100": Layout("data/image", "pixels", False),
}
"""Kinds that can be corrected."""

_JUNGFRAU_STAGES = np.array([0, 1, 2, 2], dtype=np.uint8)
"""Gain bits 0, 1, 3 of JUNGFRAU are its stages; 2 never occurs."""


def layout_of(detector_type: str) -> Layout:
    """Where a kind of detector keeps its frames.

    Raises:
        Fault: It is not known here; exit 2.
    """
    if detector_type not in LAYOUTS:
        raise Fault(2, f"{detector_type} cannot be corrected here: {', '.join(LAYOUTS)} can")
    return LAYOUTS[detector_type]


def group_of(file: h5py.File, source: str, layout: Layout) -> h5py.Group:
    """The group with a module's frames.

    Raises:
        Fault: The file has no such source; exit 4.
    """
    path = f"INSTRUMENT/{source}/{layout.group}"
    if path not in file or layout.data not in file[path]:
        raise Fault(4, f"{file.filename} holds no {path}/{layout.data}")
    return file[path]


def chunks(group: h5py.Group, detector_type: str, rows: int) -> Iterator[Chunk]:
    """A module's frames in bounded memory.

    Args:
        group: The group with the frames.
        detector_type: Kind of the detector.
        rows: Rows of the datasets that belong to trains; padding is left out.
    """
    data = group[layout_of(detector_type).data]
    rows = min(rows, data.shape[0])
    row_bytes = max(1, int(np.prod(data.shape[1:])) * data.dtype.itemsize)
    step = max(1, BYTES // (4 * row_bytes))
    for start in range(0, rows, step):
        where = slice(start, min(start + step, rows))
        yield _READ.get(detector_type, _plain)(group, where)


def _jungfrau(group: h5py.Group, where: slice) -> Chunk:
    adc = group["adc"][where]
    flat = adc.reshape(-1, *adc.shape[2:])
    gain = group["gain"][where].reshape(flat.shape)
    cell = group["memoryCell"][where].reshape(-1).astype(np.intp)
    # A single memory cell is written as 15; 255 among several says that a frame was lost.
    cell[cell >= adc.shape[1]] = 0 if adc.shape[1] == 1 else EMPTY
    return Chunk(where, flat.astype(np.float32), _JUNGFRAU_STAGES[gain & 3], cell)


def _cells(group: h5py.Group, where: slice, frames: int) -> npt.NDArray[np.intp]:
    if "cellId" not in group:
        return np.zeros(frames, dtype=np.intp)
    return np.asarray(group["cellId"][where]).reshape(-1).astype(np.intp)


def _agipd(group: h5py.Group, where: slice) -> Chunk:
    data = group["data"][where]
    raw = data[:, 0].astype(np.float32)
    signal = data[:, 1].astype(np.float32)
    return Chunk(where, raw, None, _cells(group, where, len(raw)), signal)


def _lpd(group: h5py.Group, where: slice) -> Chunk:
    data = group["data"][where][:, 0]
    stage = np.minimum((data >> 12) & 3, 2).astype(np.uint8)
    raw = (data & 0xFFF).astype(np.float32)
    return Chunk(where, raw, stage, _cells(group, where, len(raw)))


def _plain(group: h5py.Group, where: slice) -> Chunk:
    data = group[next(name for name in ("pixels", "data") if name in group)][where]
    raw = data.reshape(-1, *data.shape[-2:]).astype(np.float32)
    return Chunk(where, raw, np.zeros(raw.shape, np.uint8), np.zeros(len(raw), np.intp))


_READ: dict[str, Any] = {"JUNGFRAU": _jungfrau, "AGIPD": _agipd, "LPD": _lpd, "EPIX100": _plain}


def rows_of(file: h5py.File, source: str, layout: Layout) -> tuple[int, int]:
    """Rows of a module's datasets that belong to trains, and the number of such trains.

    Raises:
        Fault: The file's index does not know the source; exit 4.
    """
    top = layout.group.split("/")[0]
    path = f"INDEX/{source}/{top}"
    if path not in file:
        raise Fault(4, f"{file.filename}: its index does not know {source}")
    first, count = file[f"{path}/first"][:], file[f"{path}/count"][:]
    valid = file["INDEX/trainId"][:] > 0
    length = min(len(first), len(count), len(valid))
    first, count, valid = first[:length], count[:length], valid[:length]
    held = (count > 0) & valid
    rows = int((first[held] + count[held]).max()) if held.any() else 0
    return rows, int(held.sum())
