"""Job files: what a program on a node is told; and the jobs that run it."""

from collections.abc import Iterable, Sequence
from typing import Any

from flows.constants import constants_root
from policies import calibration_paths as paths
from policies import layout
from policies.detectors import DetectorSeen
from tasks import storage
from tasks.records.calibration import CalibrationView, JobShape, Known, PlannedJob


def planned_jobs(
    key: str, steps: Iterable[tuple[str, JobShape]], job: dict[str, Any], files: int
) -> tuple[PlannedJob, ...]:
    """The jobs of an execution; each waits for the one before.

    Args:
        key: Name of the first one.
        steps: Words and shapes, in order.
        job: The job file.
        files: Sequence files to work on.
    """
    values = {
        **{name: value for name, value in job.items() if isinstance(value, str | int)},
        "job_file": f"{job['out_folder']}/job.json",
        "run": job.get("run", ""),
        "karabo_da": " ".join(sorted({f["karabo_da"] for f in job.get("files", [])})),
    }
    return tuple(
        PlannedJob(
            key if index == 0 else paths.step_key(key, step),
            step,
            shape.filled(**values),
            shape.tasks(files),
            shape.minutes,
            shape.memory_mb,
        )
        for index, (step, shape) in enumerate(steps)
    )


def correction_file(
    view: CalibrationView,
    place: tuple[int, int],
    seen: DetectorSeen,
    key: str,
    folder: str,
    report: str,
    constants: dict[str, list[Known]],
    *,
    tells_results: bool = True,
) -> dict[str, Any]:
    """What the program on the node is told: paths of this machine, digests, constants."""
    number, run = place
    here = storage.offline()
    home = layout.home_of(view.path)
    return {
        "schema": 1,
        "action": "correct",
        "key": key,
        "proposal": number,
        "run": run,
        "karabo_id": seen.karabo_id,
        "detector_type": seen.detector_type,
        "in_folder": str(here.path(paths.raw_run(home, run))),
        "out_folder": str(here.path(folder)),
        "report_path": str(here.path(report)),
        "request_time": view.requested_at.isoformat(),
        "files": files_of(seen, view.raw_files),
        "constants": {place: _told(held) for place, held in sorted(constants.items()) if held},
        "constants_root": constants_root(),
        "tells_results": tells_results,
        "parameters": {},
    }


def files_of(seen: DetectorSeen, digests: dict[str, tuple[str, int]]) -> list[dict[str, Any]]:
    """A detector's files with what they must be, in order."""
    return [
        {
            "filename": file.filename,
            "karabo_da": module.karabo_da,
            "source": module.source,
            "sequence": file.sequence,
            "xxh3_128": digests.get(file.filename, ("", 0))[0],
            "byte_size": digests.get(file.filename, ("", 0))[1],
        }
        for module in seen.modules
        for file in module.files
    ]


def _told(held: Sequence[Known]) -> dict[str, Any]:
    return {
        "physical_name": held[0].physical_name,
        "constants": {
            c.calibration: {
                "ccv_id": c.ccv_id or 0,
                "creation_time": c.created_at.isoformat(),
                "path": c.path,
                "dataset": c.dataset,
                "xxh3_128": c.xxh3_128,
            }
            for c in held
        },
    }
