"""Images for the demo's JUNGFRAU modules, with a physics that a test can check.

Each module has its own offsets, noise and dead pixels per gain stage, the same in every run. A
dark run shows one gain stage; an illuminated one shows rings in the high gain stage.
"""

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH = 512, 1024
GAIN_BITS = (0, 1, 3)
"""How JUNGFRAU writes its three gain stages."""

BASE = (2500.0, 13200.0, 14100.0)
"""Mean offset of each gain stage, ADU."""

NOISE = (9.0, 6.0, 5.0)
"""Noise of each gain stage, ADU."""

DEAD_SHARE = 0.0005
"""Share of pixels that are dead."""


@dataclass(frozen=True)
class Images:
    """What the modules of a run show.

    Attributes:
        stage: Gain stage, 0 the highest.
        rings: Brightness of the rings, ADU; 0 for a dark run.
    """

    stage: int = 0
    rings: float = 0.0


def offsets(module: int) -> npt.NDArray[np.float32]:
    """Offsets of a module, stages × 512 × 1024."""
    rng = np.random.default_rng(1000 + module)
    columns = rng.normal(0, 25, (1, 1, WIDTH)) + rng.normal(0, 15, (1, HEIGHT, 1))
    pixels = rng.normal(0, 12, (3, HEIGHT, WIDTH))
    found: npt.NDArray[np.float32] = (np.array(BASE)[:, None, None] + columns + pixels).astype(
        np.float32
    )
    return found


def dead(module: int) -> npt.NDArray[np.bool_]:
    """Pixels of a module that show nothing sensible."""
    rng = np.random.default_rng(2000 + module)
    found: npt.NDArray[np.bool_] = rng.random((HEIGHT, WIDTH)) < DEAD_SHARE
    return found


def rings(brightness: float) -> npt.NDArray[np.float32]:
    """Powder rings around a corner of the module, ADU of high gain."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    radius = np.hypot(y - HEIGHT, x - WIDTH / 3)
    shape = sum(np.exp(-((radius - r) ** 2) / (2 * 9.0**2)) for r in (140, 260, 390))
    found: npt.NDArray[np.float32] = (brightness * np.asarray(shape)).astype(np.float32)
    return found


def fill(file: h5py.File, images: Images, module: int, trains: int, seed: int) -> None:
    """Put images of one memory cell into a JUNGFRAU file in place of its empty ones.

    Args:
        file: Open for writing; has one JUNGFRAU source.
        images: What to show.
        module: Number of the module.
        trains: Trains of the file.
        seed: Seed of the noise.
    """
    (group,) = _groups(file)
    rng = np.random.default_rng(seed)
    mean = offsets(module)[images.stage] + rings(images.rings)
    noise = rng.normal(0, NOISE[images.stage], (trains, HEIGHT, WIDTH)).astype(np.float32)
    adc = np.rint(mean + noise)
    adc[:, dead(module)] = rng.integers(0, 16383, (trains, int(dead(module).sum())))
    values: dict[str, Any] = {
        "adc": np.clip(adc, 0, 16383).astype(np.uint16)[:, None],
        "gain": np.full((trains, 1, HEIGHT, WIDTH), GAIN_BITS[images.stage], np.uint8),
        "memoryCell": np.full((trains, 1), 15, np.uint8),
        "frameNumber": np.arange(trains, dtype=np.uint64)[:, None],
        "timestamp": np.zeros((trains, 1)),
    }
    for name, array in values.items():
        del group[name]
        more = {"compression": "gzip", "compression_opts": 1} if name == "gain" else {}
        chunks = (1, *array.shape[1:])
        group.create_dataset(
            name, data=array, maxshape=(None, *array.shape[1:]), chunks=chunks, **more
        )


def _groups(file: h5py.File) -> list[h5py.Group]:
    found: list[h5py.Group] = []

    def see(path: str, item: object) -> None:
        if isinstance(item, h5py.Group) and path.endswith(":daqOutput/data"):
            found.append(item)

    file["INSTRUMENT"].visititems(see)
    return found
