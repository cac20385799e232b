"""Correcting a module's data, against reading the same file.

    python benchmarks/correction_bench.py [trains]

One core, one JUNGFRAU module of one memory cell with images and noise; the ways take turns,
five rounds, files in the page cache. Plain read: every image dataset of the file through h5py.
Read and digest: what any checked reader pays. Correct: all of that, offset, gain, mask, writing
the CORR file with compressed mask and gain, reading it back for its digests. Writes
benchmarks/results/correction.md.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import h5py  # noqa: E402
import numpy as np  # noqa: E402

from deployments.demo_files import RunRecipe, write_run  # noqa: E402
from deployments.demo_images import Images  # noqa: E402
from flows.job_files import files_of  # noqa: E402
from policies.detectors import DetectorSeen  # noqa: E402
from tasks.detectors import find_detectors  # noqa: E402
from tasks.detectors.characterise import characterise  # noqa: E402
from tasks.detectors.correct import correct  # noqa: E402
from tasks.detectors.digests import digest  # noqa: E402
from tasks.detectors.model import Job, read_job  # noqa: E402

RESULT = Path(__file__).parent / "results" / "correction.md"
ROUNDS = 5
PLACE = "JNGFR01"
AT = "2026-01-01T00:00:00+00:00"


def seen(folder: Path) -> DetectorSeen:
    """The one detector of a run."""
    (found,) = find_detectors(folder)
    return found


def job_of(folder: Path, action: str, run: int, **more: object) -> Job:
    """A job file, read back as the program would."""
    out = folder / f"out-{action}"
    out.mkdir(exist_ok=True)
    content = {
        "schema": 1,
        "action": action,
        "key": action,
        "proposal": 2012,
        "run": run,
        "karabo_id": "SPB_IRDA_JF4M",
        "detector_type": "JUNGFRAU",
        "in_folder": str(folder / f"r{run:04d}"),
        "out_folder": str(out),
        "request_time": AT,
        **more,
    }
    (out / "job.json").write_text(json.dumps(content))
    return read_job(out / "job.json")


def prepare(folder: Path, trains: int) -> Job:
    """Darks, constants and an illuminated run; the job that corrects it."""
    recipe = RunRecipe(proposal=2012, run=1, aggregators=(PLACE,), trains=8)
    runs = []
    for stage in range(3):
        written = write_run(
            folder, RunRecipe(**{**vars(recipe), "run": 1 + stage, "images": Images(stage)})
        )
        listed = files_of(seen(written.folder), {})
        place = {"run": 1 + stage, "stage": f"G{stage}", "begin_at": AT}
        runs.append({**place, "in_folder": str(written.folder), "files": listed})
    modules = [{"karabo_da": PLACE, "physical_name": "M1"}]
    dark = job_of(folder, "characterise", 1, runs=runs, modules=modules)
    characterise(dark, 0, 1)
    told = json.loads((dark.out_folder / "result-0.json").read_text())
    whole = digest(dark.out_folder / f"constants-{PLACE}.h5").xxh3_128
    constants = {
        c["constant"]: {
            "creation_time": AT,
            "path": c["path"],
            "dataset": c["dataset"],
            "xxh3_128": whole,
        }
        for c in told["constants"]
    }
    light = replace(recipe, run=4, trains=trains, images=Images(0, 300.0))
    written = write_run(folder, light)
    digests = {p.name: (digest(p).xxh3_128, p.stat().st_size) for p in written.folder.glob("*.h5")}
    return job_of(
        folder,
        "correct",
        4,
        files=files_of(seen(written.folder), digests),
        constants={PLACE: {"physical_name": "M1", "constants": constants}},
        constants_root=str(dark.out_folder),
    )


def plain_read(job: Job) -> int:
    """Read every image dataset; answers bytes."""
    size = 0
    with h5py.File(job.in_folder / job.files[0].filename) as file:
        group = file[f"INSTRUMENT/{job.files[0].source}/data"]
        for name in ("adc", "gain"):
            for train in range(len(group[name])):
                size += np.asarray(group[name][train]).nbytes
    return size


def read_and_digest(job: Job) -> int:
    """The same, and the digests of the file."""
    digest(job.in_folder / job.files[0].filename)
    return plain_read(job)


def corrected(job: Job) -> int:
    """The whole correction; answers bytes of images that went in."""
    correct(job, 0, 1)
    return 0


def measure(way: Callable[[Job], int], job: Job) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    way(job)
    return time.perf_counter() - wall, time.process_time() - cpu


def main(trains: int) -> None:
    """Measure and write the page."""
    ways: dict[str, Callable[[Job], int]] = {
        "plain h5py read": plain_read,
        "read and digest": read_and_digest,
        "correct, write, read back": corrected,
    }
    seen_times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as name:
        job = prepare(Path(name), trains)
        size = plain_read(job) / 1e6
        for round_number in range(ROUNDS):
            order = list(ways)[round_number % 3 :] + list(ways)[: round_number % 3]
            for way in order:
                seen_times[way].append(measure(ways[way], job))
                sys.stdout.write(f"{way}: {seen_times[way][-1][0]:.2f} s\n")
        made = (
            sum(
                f["byte_size"]
                for f in json.loads((job.out_folder / "result-0.json").read_text())["files"]
            )
            / 1e6
        )
    base = statistics.median(wall for wall, _ in seen_times["plain h5py read"])
    lines = [
        "# Correction against reading the same file",
        "",
        f"Written by `benchmarks/correction_bench.py {trains}`. {os.cpu_count()} cores,"
        f" {platform.machine()}, Python {platform.python_version()},"
        f" load {os.getloadavg()[0]:.1f}.",
        f"One JUNGFRAU module, {trains} trains, {size:.0f} MB of raw images in, {made:.0f} MB"
        " corrected file out; one process, files in the page cache.",
        "",
        "| way | s, median (min to max) | MB/s per core, of raw images | CPU s | times plain |",
        "|---|---|---|---|---|",
    ]
    for name, times in seen_times.items():
        walls = [wall for wall, _ in times]
        middle = statistics.median(walls)
        cpu = statistics.median(c for _, c in times)
        lines.append(
            f"| {name} | {middle:.2f} ({min(walls):.2f} to {max(walls):.2f}) | {size / middle:.0f}"
            f" | {cpu:.2f} | {middle / base:.1f} |"
        )
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"written: {RESULT}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
