"""Dark characterisation: offset, noise and bad pixels of each memory cell and gain stage."""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from policies.detectors import BAD_PIXELS, RELATIVE_GAIN, constant_name, shape_of
from policies.layout import run_folder
from tasks.detectors.constants_file import dataset_of, write_constants
from tasks.detectors.digests import demand, digest
from tasks.detectors.faults import Fault
from tasks.detectors.frames import Chunk, chunks, group_of, layout_of, rows_of
from tasks.detectors.model import DarkRun, InputFile, Job, Module, write_result

Doubles = npt.NDArray[np.float64]

SIGMAS = 8.0
"""A pixel whose offset or noise lies so many robust sigmas from the median is bad."""

WRONG_SHARE = 0.5
"""A run of which more pixels are in another gain stage was named in the wrong place."""


@dataclass
class Sums:
    """Sums of one memory cell in one gain stage, shifted by its first frame against rounding."""

    shift: Doubles
    count: int = 0
    total: Doubles = field(init=False)
    square: Doubles = field(init=False)

    def __post_init__(self) -> None:
        self.total = np.zeros_like(self.shift)
        self.square = np.zeros_like(self.shift)

    def add(self, frames: npt.NDArray[np.float32]) -> None:
        """Take further frames in."""
        moved = frames - self.shift
        self.count += len(frames)
        self.total += moved.sum(axis=0)
        self.square += (moved * moved).sum(axis=0)

    def mean(self) -> Doubles:
        """Mean of the frames."""
        mean: Doubles = self.shift + self.total / max(self.count, 1)
        return mean

    def deviation(self) -> Doubles:
        """Standard deviation of the frames."""
        mean = self.total / max(self.count, 1)
        spread: Doubles = np.sqrt(np.maximum(self.square / max(self.count, 1) - mean**2, 0))
        return spread


@dataclass
class Stage:
    """What one run says of a module.

    Attributes:
        sums: By memory cell.
        signal: AGIPD's gain signal, by memory cell.
        trains: Trains with data.
        seen: Pixels counted in each gain stage, as the data say; zeros where they do not.
    """

    sums: dict[int, Sums] = field(default_factory=dict)
    signal: dict[int, Sums] = field(default_factory=dict)
    trains: int = 0
    seen: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))

    def take(self, chunk: Chunk) -> None:
        """Take further frames in."""
        for cell in np.unique(chunk.cell):
            mine = chunk.cell == cell
            _add(self.sums, int(cell), chunk.raw[mine])
            if chunk.analog_gain is not None:
                _add(self.signal, int(cell), chunk.analog_gain[mine])
        if chunk.stage is not None:
            self.seen += np.bincount(chunk.stage.reshape(-1), minlength=3)[:3]


def _add(sums: dict[int, Sums], cell: int, frames: npt.NDArray[np.float32]) -> None:
    if cell not in sums:
        sums[cell] = Sums(frames[0].astype(np.float64))
    sums[cell].add(frames)


def characterise(job: Job, task: int, of: int) -> None:
    """Characterise this task's share of the modules and leave files and result.

    Raises:
        Fault: See `policies.batch.EXITS`.
    """
    content: dict[str, Any] = {"files": [], "constants": [], "warnings": [], "numbers": {}}
    for module in job.modules[task::of]:
        stages = [_stage(job, run, module.karabo_da) for run in job.runs]
        _check_order(job, stages)
        made = _constants(job, module, stages)
        path = job.out_folder / f"constants-{module.karabo_da}.h5"
        _write(job, module, path, made)
        content["files"].append({"filename": path.name, **vars(digest(path))})
        content["constants"] += _listed(job, module, path, made)
        content["numbers"][module.karabo_da] = _numbers(job, made, stages)
    write_result(job, task, of, content)


def _stage(job: Job, run: DarkRun, place: str) -> Stage:
    stage = Stage()
    files = [f for f in run.files if f.karabo_da == place]
    if not files:
        raise Fault(4, f"{run_folder(run.run)} holds no data of {place}")
    for file in sorted(files, key=lambda f: f.sequence):
        _read(job, run.in_folder / file.filename, file, stage)
    if stage.trains < job.min_trains:
        label = f"{run_folder(run.run)} has {stage.trains} trains of {place}"
        raise Fault(6, f"{label}, {job.min_trains} are needed")
    return stage


def _read(job: Job, path: Path, wanted: InputFile, stage: Stage) -> None:
    demand(path, wanted.xxh3_128, "raw file", 4)
    layout = layout_of(job.detector_type)
    try:
        with h5py.File(path, "r") as file:
            rows, trains = rows_of(file, wanted.source, layout)
            stage.trains += trains
            for chunk in chunks(group_of(file, wanted.source, layout), job.detector_type, rows):
                stage.take(chunk)
    except (OSError, KeyError) as error:
        raise Fault(4, f"{path.name} does not read: {error}") from error


def _check_order(job: Job, stages: list[Stage]) -> None:
    """The data themselves say in which gain stage they were taken.

    Raises:
        Fault: A run was named in the wrong place; exit 6.
    """
    for index, (run, stage) in enumerate(zip(job.runs, stages, strict=True)):
        counted = int(stage.seen.sum())
        if counted and len(stages) > 1 and stage.seen[index] / counted < WRONG_SHARE:
            found = job.runs[min(int(stage.seen.argmax()), len(job.runs) - 1)].stage
            label = f"{run_folder(run.run)} was named as {run.stage}"
            raise Fault(6, f"{label} and its data are in {found}: name the runs in gain order")
    signals = [np.mean([s.mean().mean() for s in st.signal.values()]) for st in stages if st.signal]
    if len(signals) == len(stages) > 1 and list(signals) != sorted(signals):
        names = ", ".join(run_folder(run.run) for run in job.runs)
        raise Fault(6, f"the gain signal does not rise over {names}: name the runs in gain order")


def _constants(job: Job, module: Module, stages: list[Stage]) -> dict[str, tuple[Any, str]]:
    cells = 1 + max(max(stage.sums, default=0) for stage in stages)
    height, width = next(iter(stages[0].sums.values())).shift.shape
    shape = (height, width, cells, len(stages))
    offset, noise = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    bad = np.full(shape, BAD_PIXELS["NO_DARK_DATA"], np.uint32)
    for index, stage in enumerate(stages):
        for cell, sums in stage.sums.items():
            offset[:, :, cell, index], noise[:, :, cell, index] = sums.mean(), sums.deviation()
            bad[:, :, cell, index] = _bad(job, sums)
    found: dict[str, tuple[Any, str]] = {
        "Offset": (np.nan_to_num(offset), "ADU"),
        "Noise": (np.nan_to_num(noise), "ADU"),
        "BadPixelsDark": (bad, ""),
    }
    if len(stages) == shape_of(job.detector_type).stages > 1:
        found["RelativeGain"] = (np.array(RELATIVE_GAIN[job.detector_type], np.float32), "")
    if all(stage.signal for stage in stages) and len(stages) > 1:
        found["ThresholdsDark"] = (_thresholds(stages, shape), "ADU")
    return {constant_name(job.detector_type, name): value for name, value in found.items()}


def _bad(job: Job, sums: Sums) -> npt.NDArray[np.uint32]:
    """Bad pixels of one memory cell in one stage, by their distance from the median."""
    mask = np.zeros(sums.shift.shape, np.uint32)
    for values, limit, bit in (
        (sums.mean(), job.number("offset_sigmas", SIGMAS), "OFFSET_OUT_OF_THRESHOLD"),
        (sums.deviation(), job.number("noise_sigmas", SIGMAS), "NOISE_OUT_OF_THRESHOLD"),
    ):
        middle = np.median(values)
        sigma = 1.4826 * np.median(np.abs(values - middle))
        mask[np.abs(values - middle) > limit * max(float(sigma), 1e-6)] |= BAD_PIXELS[bit]
        mask[~np.isfinite(values)] |= BAD_PIXELS["OFFSET_NOISE_EVAL_ERROR"]
    return mask


def _thresholds(stages: list[Stage], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Half way between the gain signals of neighbouring stages."""
    found = np.zeros((*shape[:3], len(stages) - 1), np.float32)
    for index, (low, high) in enumerate(pairwise(stages)):
        for cell in low.signal.keys() & high.signal.keys():
            found[:, :, cell, index] = (low.signal[cell].mean() + high.signal[cell].mean()) / 2
    return found


def _write(job: Job, module: Module, path: Path, made: dict[str, tuple[Any, str]]) -> None:
    attributes = {
        "detector": job.karabo_id,
        "detector_type": job.detector_type,
        "karabo_da": module.karabo_da,
        "physical_name": module.physical_name,
        "operation_mode": job.operation_mode,
        "runs": " ".join(str(run.run) for run in job.runs),
        "stages": " ".join(run.stage for run in job.runs),
        "proposal": job.proposal,
        "begin_at": job.runs[0].begin_at,
        "relative_gain": "nominal",
        "dims": "slow_scan fast_scan memory_cell gain_stage",
    }
    write_constants(path, module.physical_name, made, attributes)


def _listed(
    job: Job, module: Module, path: Path, made: dict[str, tuple[Any, str]]
) -> list[dict[str, Any]]:
    cells = next(iter(made.values()))[0].shape[2]
    condition = {"Memory cells": float(cells)}
    return [
        {
            "karabo_da": module.karabo_da,
            "physical_name": module.physical_name,
            "constant": name,
            "path": path.name,
            "dataset": dataset_of(module.physical_name, name),
            "begin_validity_at": job.runs[0].begin_at,
            "condition": condition,
        }
        for name in made
    ]


def _numbers(
    job: Job, made: dict[str, tuple[Any, str]], stages: list[Stage]
) -> list[dict[str, Any]]:
    """What the report's table shows of each gain stage."""
    offset = made[constant_name(job.detector_type, "Offset")][0]
    noise = made[constant_name(job.detector_type, "Noise")][0]
    bad = made[constant_name(job.detector_type, "BadPixelsDark")][0]
    return [
        {
            "stage": run.stage,
            "run": run.run,
            "trains": stage.trains,
            "offset": float(np.median(offset[..., i])),
            "noise": float(np.median(noise[..., i])),
            "bad_share": float((bad[..., i] != 0).mean()),
        }
        for i, (run, stage) in enumerate(zip(job.runs, stages, strict=True))
    ]
