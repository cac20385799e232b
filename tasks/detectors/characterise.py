"""Dark characterisation: offset, noise and bad pixels of each memory cell and gain stage."""

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
from tasks.detectors.frames import chunks, group_of, layout_of, rows_of
from tasks.detectors.model import InputFile, Job, Module, write_result
from tasks.detectors.sums import Dark, Stage

SIGMAS = 8.0
"""A pixel whose offset or noise lies so many robust sigmas from the median is bad."""

WRONG_GAIN = 0.01
"""A pixel that is in another gain stage in a larger share of the frames is bad."""

WRONG_SHARE = 0.5
"""A run of which more pixels are in another gain stage was named in the wrong place."""


def characterise(job: Job, task: int, of: int) -> None:
    """Characterise this task's share of the modules and leave files and result.

    Raises:
        Fault: See `policies.batch.EXITS`.
    """
    content: dict[str, Any] = {"files": [], "constants": [], "warnings": [], "numbers": {}}
    for module in job.modules[task::of]:
        stages = [_stage(job, number, module.karabo_da) for number in range(len(job.runs))]
        _check_order(job, stages)
        made = _constants(job, module, stages)
        path = job.out_folder / f"constants-{module.karabo_da}.h5"
        _write(job, module, path, made)
        content["files"].append({"filename": path.name, **vars(digest(path))})
        content["constants"] += _listed(job, module, path, made)
        content["numbers"][module.karabo_da] = _numbers(job, made, stages)
    write_result(job, task, of, content)


def _stage(job: Job, number: int, place: str) -> Stage:
    run = job.runs[number]
    stage = Stage(number if len(job.runs) > 1 else None)
    files = [f for f in run.files if f.karabo_da == place]
    if not files:
        raise Fault(4, f"{run_folder(run.run)} holds no data of {place}")
    for file in sorted(files, key=lambda f: f.sequence):
        _read(job, run.in_folder / file.filename, file, stage)
    if stage.trains < job.min_trains:
        label = f"{run_folder(run.run)} has {stage.trains} trains of {place}"
        raise Fault(6, f"{label}, {job.min_trains} are needed")
    stage.finish()
    if not stage.cells:
        raise Fault(4, f"{run_folder(run.run)} holds no frames of {place}")
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
    signals = [_level(stage) for stage in stages if stage.signal]
    if len(signals) == len(stages) > 1 and list(signals) != sorted(signals):
        names = ", ".join(run_folder(run.run) for run in job.runs)
        raise Fault(6, f"the gain signal does not rise over {names}: name the runs in gain order")


def _level(stage: Stage) -> float:
    """Mean gain signal of a run."""
    return float(np.mean([dark.mean.mean() for dark in stage.signal.values()]))


def _constants(job: Job, module: Module, stages: list[Stage]) -> dict[str, tuple[Any, str]]:
    cells = 1 + max(max(stage.cells) for stage in stages)
    height, width = next(iter(stages[0].cells.values())).mean.shape
    shape = (height, width, cells, len(stages))
    offset, noise = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    bad = np.full(shape, BAD_PIXELS["NO_DARK_DATA"], np.uint32)
    for index, stage in enumerate(stages):
        for cell, dark in stage.cells.items():
            offset[:, :, cell, index], noise[:, :, cell, index] = dark.mean, dark.deviation
            bad[:, :, cell, index] = _bad(job, dark)
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


def _bad(job: Job, dark: Dark) -> npt.NDArray[np.uint32]:
    """Bad pixels of one memory cell in one stage."""
    unknown = ~np.isfinite(dark.mean)
    mask = np.zeros(dark.mean.shape, np.uint32)
    for values, limit, bit in (
        (dark.mean, job.number("offset_sigmas", SIGMAS), "OFFSET_OUT_OF_THRESHOLD"),
        (dark.deviation, job.number("noise_sigmas", SIGMAS), "NOISE_OUT_OF_THRESHOLD"),
    ):
        mask[_far(values, ~unknown, limit)] |= BAD_PIXELS[bit]
    mask[unknown] |= BAD_PIXELS["NO_DARK_DATA"]
    mask[dark.deviation == 0] |= BAD_PIXELS["DATA_STD_IS_ZERO"]
    mask[dark.wrong > job.number("wrong_gain_share", WRONG_GAIN)] |= BAD_PIXELS["WRONG_GAIN_VALUE"]
    return mask


def _far(
    values: npt.NDArray[np.float32], good: npt.NDArray[np.bool_], limit: float
) -> npt.NDArray[np.bool_]:
    """Values further from the median than so many robust sigmas."""
    known = values[good]
    middle = float(np.median(known)) if known.size else 0.0
    sigma = 1.4826 * float(np.median(np.abs(known - middle))) if known.size else 0.0
    with np.errstate(invalid="ignore"):
        far: npt.NDArray[np.bool_] = np.abs(values - middle) > limit * max(sigma, 1e-6)
    return far & good


def _thresholds(stages: list[Stage], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Half way between the gain signals of neighbouring stages."""
    found = np.zeros((*shape[:3], len(stages) - 1), np.float32)
    for index, (low, high) in enumerate(pairwise(stages)):
        for cell in low.signal.keys() & high.signal.keys():
            found[:, :, cell, index] = (low.signal[cell].mean + high.signal[cell].mean) / 2
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
    condition = {"Memory cells": float(cells), **job.condition}
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
