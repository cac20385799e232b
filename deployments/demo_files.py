"""Writes run files as the data acquisition would: for the demo facility and for tests.

Structure comes from EXtra-data's own writers, so every reader of the real files accepts
ours; it is a development dependency and nothing that runs in production imports this.
File names, train ids and payload follow from the arguments alone; only dates differ, unless
`begin_at` is given.
"""

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
from extra_data.tests.mockdata import write_file
from extra_data.tests.mockdata.detectors import AGIPDModule, LPDModule
from extra_data.tests.mockdata.jungfrau import JUNGFRAUModule
from extra_data.tests.mockdata.motor import Motor
from extra_data.tests.mockdata.xgm import XGM

from deployments.demo_images import Images, fill
from deployments.demo_operating import USUAL, JungfrauControl, Operating, fill_control
from policies.filenames import RunFileName, detector_module, run_folder

FIRST_TRAIN = 1_919_430_548
"""A train id of 2024."""

TRAIN = timedelta(milliseconds=100)
"""Distance of two trains."""

_PIECE = 8 * 1024 * 1024


@dataclass(frozen=True)
class RunRecipe:
    """What a run should look like.

    Attributes:
        proposal: Proposal number.
        run: Run number.
        instrument: First part of the device names.
        aggregators: `DA01` writes an X-ray gas monitor and a motor; `AGIPD00`, `LPD00` or
            `JNGFR01` write a detector module.
        sequences: Sequence files of each aggregator.
        trains: Trains of the run, spread evenly over the sequence files.
        first_train: First train id.
        run_type: As the DAQ would name it.
        sample: As the DAQ would name it.
        run_class: First part of the file names.
        format_version: `1.0`, `1.1` or `1.2`.
        payload_bytes: Random bytes of image data per file, on top of the structure.
        begin_at: Begin of the run, UTC; dates and timestamps in the files follow from it.
            None leaves the moment of writing.
        seed: Seed of the payload.
        images: What JUNGFRAU modules show; None leaves their images empty.
        detector: Name of the JUNGFRAU, after the instrument.
        operating: Settings of a JUNGFRAU that shows images; `DA01` tells them. None: nobody does.
    """

    proposal: int
    run: int
    instrument: str = "SPB"
    aggregators: Sequence[str] = ("DA01", "JNGFR01", "JNGFR02")
    sequences: int = 1
    trains: int = 20
    first_train: int = FIRST_TRAIN
    run_type: str = "Sample"
    sample: str = "lysozyme"
    run_class: str = "RAW"
    format_version: str = "1.2"
    payload_bytes: int = 0
    begin_at: datetime | None = None
    seed: int = 0
    images: Images | None = None
    detector: str = "IRDA_JF4M"
    operating: Operating | None = USUAL

    @property
    def control(self) -> str:
        """The JUNGFRAU's control device."""
        return f"{self.instrument}_{self.detector}/DET/CONTROL"

    @property
    def last_train(self) -> int:
        """Last train id."""
        return self.first_train + self.trains - 1

    @property
    def end_at(self) -> datetime | None:
        """End of the run; None when its begin is open."""
        return None if self.begin_at is None else self.begin_at + self.trains * TRAIN


@dataclass(frozen=True)
class WrittenFile:
    """A file as the data acquisition would report it.

    Attributes:
        filename: Name.
        size_bytes: Size.
        checksum: Adler-32, 8 hex digits.
    """

    filename: str
    size_bytes: int
    checksum: str


@dataclass(frozen=True)
class WrittenRun:
    """A run on disk.

    Attributes:
        folder: Where it is.
        recipe: What it was made from.
        files: Its files, by name.
    """

    folder: Path
    recipe: RunRecipe
    files: tuple[WrittenFile, ...] = field(default=())

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(f.size_bytes for f in self.files)


def write_run(
    raw_folder: Path, recipe: RunRecipe, on_file: Callable[[WrittenFile], None] | None = None
) -> WrittenRun:
    """Write a run below a proposal's `raw` folder.

    Args:
        raw_folder: Folder that holds the proposal's run folders; made when missing.
        recipe: What to write.
        on_file: Called after each file; None for nobody.

    Raises:
        FileExistsError: The run folder is there already.
    """
    folder = raw_folder / run_folder(recipe.run)
    folder.mkdir(parents=True)
    written = []
    for sequence, (first, trains) in enumerate(_parts(recipe)):
        for aggregator in recipe.aggregators:
            name = RunFileName(recipe.run_class, recipe.run, aggregator, sequence)
            _write_one(folder / name.filename, recipe, name, (first, trains))
            written.append(describe(folder / name.filename))
            if on_file is not None:
                on_file(written[-1])
    return WrittenRun(folder, recipe, tuple(sorted(written, key=lambda f: f.filename)))


def describe(path: Path) -> WrittenFile:
    """Size and Adler-32 of a file, as the data acquisition computes them."""
    checksum, size = 1, 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            checksum, size = zlib.adler32(piece, checksum), size + len(piece)
    return WrittenFile(path.name, size, f"{checksum:08x}")


def _parts(recipe: RunRecipe) -> list[tuple[int, int]]:
    """First train and number of trains of each sequence."""
    edges = [recipe.trains * i // recipe.sequences for i in range(recipe.sequences + 1)]
    return [(recipe.first_train + low, high - low) for low, high in pairwise(edges)]


def _devices(recipe: RunRecipe, aggregator: str) -> list[object]:
    instrument, module = recipe.instrument, detector_module(aggregator)
    if module is None:
        told = []
        if recipe.images is not None and recipe.operating is not None:
            told = [JungfrauControl(recipe.control, recipe.operating, recipe.images.stage)]
        return [
            XGM(f"{instrument}_XTD9_XGM/DOOCS/MAIN"),
            Motor(f"{instrument}_XTD9/MOTOR/{aggregator}"),
            *told,
        ]
    detector, number = module
    if detector == "JNGFR":
        return [JUNGFRAUModule(f"{instrument}_{recipe.detector}/DET/JNGFR{number:02d}", raw=True)]
    if detector == "AGIPD":
        return [AGIPDModule(f"{instrument}_DET_AGIPD1M-1/DET/{number}CH0", frames_per_train=8)]
    return [LPDModule(f"{instrument}_DET_LPD1M-1/DET/{number}CH0", frames_per_train=8)]


def _write_one(path: Path, recipe: RunRecipe, name: RunFileName, part: tuple[int, int]) -> None:
    first, trains = part
    write_file(
        str(path),
        _devices(recipe, name.aggregator),
        ntrains=trains,
        firsttrain=first,
        chunksize=max(trains, 1),
        format_version=recipe.format_version,
    )
    with h5py.File(path, "r+") as file:
        _patch_identity(file, recipe)
        _fill_timestamps(file, recipe, part)
        if recipe.operating is not None and f"CONTROL/{recipe.control}" in file:
            fill_control(file, recipe.control, recipe.operating)
        if recipe.payload_bytes:
            _fill_payload(file, recipe, name)
        module = detector_module(name.aggregator)
        if recipe.images is not None and module is not None and module[0] == "JNGFR":
            fill(file, recipe.images, module[1], trains, recipe.seed + recipe.run + first)
    if recipe.end_at is not None:
        os.utime(path, (recipe.end_at.timestamp(),) * 2)


def _patch_identity(file: h5py.File, recipe: RunRecipe) -> None:
    """The writer knows one proposal only; put ours in its place."""
    file["METADATA/proposalNumber"][0] = recipe.proposal
    file["METADATA/runNumber"][0] = recipe.run
    texts = {"runType": recipe.run_type, "sample": recipe.sample}
    if recipe.begin_at is not None and recipe.end_at is not None:
        texts["creationDate"] = _stamp(recipe.begin_at)
        texts["updateDate"] = _stamp(recipe.end_at)
    for key, value in texts.items():
        del file[f"METADATA/{key}"]
        file[f"METADATA/{key}"] = [value.encode()]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _fill_timestamps(file: h5py.File, recipe: RunRecipe, part: tuple[int, int]) -> None:
    """Timestamps of trains and CONTROL values: the writer leaves the latter zero."""
    first, trains = part
    begin = recipe.begin_at
    start_ns = int(file["INDEX/timestamp"][0]) if trains else 0
    if begin is not None:
        start_ns = int(begin.timestamp()) * 10**9 + (first - recipe.first_train) * 10**8
    stamps = np.uint64(start_ns) + np.arange(trains, dtype=np.uint64) * np.uint64(10**8)
    file["INDEX/timestamp"][:trains] = stamps

    def fill(path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and path.endswith("/timestamp"):
            item[:trains] = stamps

    if "CONTROL" in file:
        file["CONTROL"].visititems(fill)


def _fill_payload(file: h5py.File, recipe: RunRecipe, name: RunFileName) -> None:
    """Random bytes, the same for the same recipe and file, in a dataset beside the data."""
    seed = (recipe.seed, recipe.proposal, recipe.run, zlib.crc32(name.filename.encode()))
    rng = np.random.default_rng(seed)
    sink = file.create_dataset("RUN/PAYLOAD/value", (recipe.payload_bytes,), "u1")
    for start in range(0, recipe.payload_bytes, _PIECE):
        length = min(_PIECE, recipe.payload_bytes - start)
        sink[start : start + length] = np.frombuffer(rng.bytes(length), dtype=np.uint8)
