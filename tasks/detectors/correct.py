"""Correction: offset, relative gain and bad pixels of every frame; CORR files like RAW ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from policies.detectors import BAD_PIXELS
from policies.filenames import parse_run_file
from tasks.detectors.constants_file import ModuleSet
from tasks.detectors.digests import demand, digest
from tasks.detectors.faults import Fault
from tasks.detectors.frames import (
    EMPTY,
    Chunk,
    Layout,
    chunks,
    group_of,
    layout_of,
    rows_of,
)
from tasks.detectors.model import InputFile, Job, write_result
from tasks.detectors.sink import Sink, new_file

Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Corrected:
    """Some frames, corrected.

    Attributes:
        values: Corrected values; bad pixels keep a number, the mask says what they are worth.
        mask: Bad pixel bits.
        stage: Gain stage of each pixel.
    """

    values: Floats
    mask: Mask
    stage: Words


def apply(chunk: Chunk, known: ModuleSet) -> Corrected:
    """Correct some frames: `(raw - offset[cell, stage]) * gain[stage]`.

    Args:
        chunk: The frames.
        known: The module's constants.

    Raises:
        Fault: Constants of other frames: too few memory cells, another size; exit 3.
    """
    cells, stages, *size = known.offset.shape
    if chunk.cell.size and int(chunk.cell.max()) >= cells:
        raise Fault(3, f"memory cell {int(chunk.cell.max())} has no constants, there are {cells}")
    if list(chunk.raw.shape[1:]) != size:
        shapes = " and ".join(" x ".join(map(str, s)) for s in (chunk.raw.shape[1:], size))
        raise Fault(3, f"frames and constants do not fit: {shapes} pixels")
    stage = chunk.stage if chunk.stage is not None else _stages(chunk, known)
    stage = np.minimum(stage, stages - 1)
    done = Corrected(
        np.empty(chunk.raw.shape, np.float32), np.zeros(chunk.raw.shape, np.uint32), stage
    )
    for number, cell in enumerate(chunk.cell):
        if cell == EMPTY:
            done.values[number], done.mask[number] = np.nan, BAD_PIXELS["VALUE_IS_NAN"]
        else:
            _frame(chunk.raw[number], int(cell), known, done, number)
    return done


def _frame(raw: Floats, cell: int, known: ModuleSet, done: Corrected, number: int) -> None:
    """One frame, in place: the stage that most pixels are in at once, the few others singly."""
    stage, values, mask = done.stage[number], done.values[number], done.mask[number]
    counts = [np.count_nonzero(stage == s) for s in range(known.offset.shape[1])]
    most = int(np.argmax(counts))
    np.subtract(raw, known.offset[cell, most], out=values)
    values *= known.gain[most]
    if known.bad is not None:
        mask[...] = known.bad[cell, most]
    for other in (s for s, count in enumerate(counts) if count and s != most):
        where = np.nonzero(stage == other)
        values[where] = (raw[where] - known.offset[cell, other][where]) * known.gain[other]
        if known.bad is not None:
            mask[where] = known.bad[cell, other][where]


def _stages(chunk: Chunk, known: ModuleSet) -> Words:
    """AGIPD: the gain signal of a pixel lies between the thresholds of its stage."""
    if known.thresholds is None or chunk.analog_gain is None:
        raise Fault(3, "there are no ThresholdsDark: the gain stage of a pixel is not known")
    stage = np.zeros(chunk.raw.shape, np.uint8)
    for number, cell in enumerate(chunk.cell):
        for limit in known.thresholds[cell]:
            stage[number] += chunk.analog_gain[number] > limit
    return stage


def correct(job: Job, task: int, of: int) -> None:
    """Correct this task's share of the files and leave them with a result.

    Raises:
        Fault: See `policies.batch.EXITS`.
    """
    content: dict[str, Any] = {"files": [], "warnings": [], "numbers": {}}
    sets: dict[str, ModuleSet] = {}
    for wanted in job.files[task::of]:
        if wanted.karabo_da not in job.constants:
            raise Fault(3, f"there are no constants of {wanted.karabo_da}")
        if wanted.karabo_da not in sets:
            module = job.constants[wanted.karabo_da]
            sets = {wanted.karabo_da: _known(job, wanted, module)}
        told = _one(job, wanted, sets[wanted.karabo_da])
        content["files"].append(told)
    write_result(job, task, of, content)


def _known(job: Job, wanted: InputFile, module: Any) -> ModuleSet:  # noqa: ANN401
    return ModuleSet(job.constants_root, job.detector_type, module, wanted.karabo_da)


def corrected_name(filename: str) -> str:
    """`CORR-R0002-JNGFR01-S00000.h5` for its raw file."""
    name = parse_run_file(filename)
    if name is None:
        raise Fault(2, f"{filename} is no run file")
    return f"CORR{filename.removeprefix(name.run_class)}"


def corrected_source(source: str) -> str:
    """The source of corrected data: `…/CORR/…` for `…/DET/…`."""
    return source.replace("/DET/", "/CORR/", 1)


def _one(job: Job, wanted: InputFile, known: ModuleSet) -> dict[str, Any]:
    raw = job.in_folder / wanted.filename
    demand(raw, wanted.xxh3_128, "raw file", 4)
    place = job.out_folder / corrected_name(wanted.filename)
    try:
        with h5py.File(raw, "r") as source, new_file(place) as (target, sink):
            trains = _file(job, source, target, wanted, known, sink)
    except (OSError, KeyError) as error:
        raise Fault(4, f"{wanted.filename} does not read: {error}") from error
    return {
        "filename": place.name,
        "karabo_da": wanted.karabo_da,
        "sequence": wanted.sequence,
        **vars(digest(place)),
        **trains,
    }


def _file(
    job: Job, source: h5py.File, target: h5py.File, wanted: InputFile, known: ModuleSet, sink: Sink
) -> dict[str, int | None]:
    """Write one corrected file; answers its trains."""
    layout = layout_of(job.detector_type)
    rows, trains = rows_of(source, wanted.source, layout)
    group = group_of(source, wanted.source, layout)
    name = corrected_source(wanted.source)
    _frame_of(source, target, wanted.source, name, layout)
    place = target.create_group(f"INSTRUMENT/{name}/{layout.group}")
    for key in group:
        if key not in {layout.data, "gain", "mask"} and isinstance(group[key], h5py.Dataset):
            _copy(group[key], place, key, flat=not layout.per_train)
    # Where the images have a group of their own the trains stand one level above.
    if place.parent != target[f"INSTRUMENT/{name}"] and "trainId" in group.parent:
        source.copy(group.parent["trainId"], place.parent, name="trainId")
    for _ in _images(job, group, place, layout, rows, known):
        sink.check()
    ids = source["INDEX/trainId"][:]
    ids = ids[ids > 0]
    return {
        "num_trains": trains,
        "first_train": int(ids.min()) if len(ids) else None,
        "last_train": int(ids.max()) if len(ids) else None,
    }


def _copy(data: h5py.Dataset, place: h5py.Group, key: str, *, flat: bool) -> None:
    """A dataset beside the images; corrected data have no axis of length 1 after the frames."""
    if flat and data.shape[1:] == (1,):
        place.create_dataset(key, data=data[:, 0])
    else:
        data.file.copy(data, place, name=key)


def _frame_of(
    source: h5py.File, target: h5py.File, raw_name: str, name: str, layout: Layout
) -> None:
    """What every run file has: METADATA, trains, the index of its one source."""
    source.copy("METADATA", target)
    # Reductions and errata stay with the raw file that lists them.
    target["METADATA"].pop("auxiliarySources", None)
    root = (
        target["METADATA/dataSources"]
        if "dataSources" in target["METADATA"]
        else target["METADATA"]
    )
    channel = f"{name}/{layout.group.split('/')[0]}"
    for key, text in (
        ("dataSourceId", f"INSTRUMENT/{channel}"),
        ("root", "INSTRUMENT"),
        ("deviceId", channel),
    ):
        del root[key]
        root[key] = [text.encode()]
    index = target.create_group("INDEX")
    for key in ("trainId", "timestamp", "flag", "origin"):
        if key in source["INDEX"]:
            source.copy(source[f"INDEX/{key}"], index, name=key)
    source.copy(source[f"INDEX/{raw_name}"], index, name=name)
    for key in list(index[name]):
        if key != layout.group.split("/")[0]:
            del index[name][key]


def _images(
    job: Job, group: h5py.Group, place: h5py.Group, layout: Layout, rows: int, known: ModuleSet
) -> Iterator[None]:
    """Write the corrected images; stops after each piece."""
    data = group[layout.data]
    shape = data.shape if layout.per_train or data.ndim == 3 else (data.shape[0], *data.shape[2:])  # noqa: PLR2004
    chunk = (1, *shape[1:])
    values = place.create_dataset(layout.data, shape, "f4", chunks=chunk)
    packed = {"chunks": chunk, "compression": "gzip", "compression_opts": 1, "shuffle": True}
    mask = place.create_dataset("mask", shape, "u4", **packed)
    gain = place.create_dataset("gain", shape, "u1", **packed)
    for piece in chunks(group, job.detector_type, rows):
        done = apply(piece, known)
        part = (piece.where.stop - piece.where.start, *shape[1:])
        values[piece.where] = done.values.reshape(part)
        mask[piece.where] = done.mask.reshape(part)
        gain[piece.where] = done.stage.reshape(part)
        yield


def overview(job: Job, path: Path, source: str) -> tuple[Floats, Mask]:
    """A corrected module for pictures: mean of its first frames, mask of the very first.

    Bad pixels are left out of the mean; one that is bad in every frame is NaN.
    """
    layout = layout_of(job.detector_type)
    with h5py.File(path, "r") as file:
        group = group_of(file, corrected_source(source), layout)
        count = min(32, group[layout.data].shape[0])
        frames = group[layout.data][:count]
        mask = group["mask"][:count].reshape(-1, *frames.shape[-2:])
    good = mask == 0
    flat = np.where(good, frames.reshape(good.shape), 0)
    counts = good.sum(axis=0)
    mean: Floats = np.where(counts > 0, flat.sum(axis=0) / np.maximum(counts, 1), np.nan)
    return mean, mask[0]
