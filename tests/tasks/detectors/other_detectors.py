"""Runs of AGIPD, LPD and ePix100 modules with known darks, as small as the formats allow."""

from dataclasses import dataclass

import h5py
import numpy as np
from extra_data.tests.mockdata import write_file
from extra_data.tests.mockdata.base import DeviceBase

from deployments.demo_files import FIRST_TRAIN, RunRecipe, write_run

CELLS = 8
TRAINS = 6
DEAD = (3, 5)
SIGNAL = 200.0
NOISE = 4.0


class Epix(DeviceBase):
    output_channels = ("daqOutput/data",)
    instrument_keys = (("image/pixels", "u2", (704, 768)),)


@dataclass(frozen=True)
class Kind:
    """A kind of detector for the tests."""

    detector_type: str
    karabo_id: str
    place: str
    source: str
    size: tuple[int, int]
    stages: tuple[str, ...]
    cells: int = CELLS


AGIPD = Kind(
    "AGIPD",
    "MID_DET_AGIPD1M-1",
    "AGIPD03",
    "MID_DET_AGIPD1M-1/DET/3CH0:xtdf",
    (512, 128),
    ("HG", "MG", "LG"),
)
LPD = Kind(
    "LPD",
    "MID_DET_LPD1M-1",
    "LPD03",
    "MID_DET_LPD1M-1/DET/3CH0:xtdf",
    (256, 256),
    ("HG", "MG", "LG"),
)
EPIX = Kind(
    "EPIX100",
    "MID_EXP_EPX100-1",
    "EPIX01",
    "MID_EXP_EPX100-1/DET/RECEIVER:daqOutput",
    (704, 768),
    ("dark",),
    1,
)


def offset(kind, stage):
    """Offsets, cells x slow x fast: each cell its own, each pixel its own."""
    rng = np.random.default_rng(7 + stage)
    pixels = rng.normal(600 + 300 * stage, 8, kind.size)
    return (pixels + 10 * np.arange(kind.cells)[:, None, None]).astype(np.float32)


def pattern(kind, stage):
    """What falls on the illuminated run: a gradient, in the units of its stage."""
    return (np.linspace(0, SIGNAL, kind.size[0])[:, None] * np.ones(kind.size)).astype(np.float32)


def write(folder, kind, run, stage, *, light=False, seed=0):
    """One run in one gain stage."""
    if kind is EPIX:
        place = folder / f"r{run:04d}"
        place.mkdir()
        path = place / f"RAW-R{run:04d}-{kind.place}-S00000.h5"
        device = kind.source.partition(":")[0]
        write_file(str(path), [Epix(device)], TRAINS, FIRST_TRAIN, 1, format_version="1.2")
    else:
        written = write_run(
            folder,
            RunRecipe(
                proposal=900054, run=run, instrument="MID", aggregators=(kind.place,), trains=TRAINS
            ),
        )
        (path,) = written.folder.glob("*.h5")
    rng = np.random.default_rng(100 * run + seed)
    mean = np.tile(offset(kind, stage), (TRAINS, 1, 1)) + (pattern(kind, stage) if light else 0)
    values = np.rint(mean + rng.normal(0, NOISE, mean.shape))
    values[:, DEAD[0], DEAD[1]] = 4000
    with h5py.File(path, "r+") as file:
        _FILL[kind.detector_type](file, kind, values.astype(np.uint16), stage, rng)
    return path


def _epix(file, kind, values, _stage, _rng):
    file[f"INSTRUMENT/{kind.source}/data/image/pixels"][:] = values


def _lpd(file, kind, values, stage, _rng):
    file[f"INSTRUMENT/{kind.source}/image/data"][:, 0] = values | (stage << 12)


def _agipd(file, kind, values, stage, rng):
    data = file[f"INSTRUMENT/{kind.source}/image/data"]
    data[:, 0] = values
    data[:, 1] = np.rint(6000 + 2000 * stage + rng.normal(0, 50, values.shape))


_FILL = {"EPIX100": _epix, "LPD": _lpd, "AGIPD": _agipd}
