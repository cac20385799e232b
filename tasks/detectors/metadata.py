"""What a correction says of itself, in the form that the facility's readers know.

Source: `calibration_metadata_{karabo_id}.yml` as published with its keys; a reader needs the
karabo id, each module's physical name and each constant's path, dataset, id and creation time.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

VERSION = "beamkeeper 0.1.0"


def metadata_yaml(
    job: Mapping[str, Any], results: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> str:
    """The metadata file of a correction.

    Args:
        job: The job file.
        results: What every task left.
        rows: Its batch jobs: `job_id`, `state`, `begin_at`, `end_at`, `elapsed_seconds`.
    """
    places = sorted({file["karabo_da"] for file in job["files"]})
    begins = [row["begin_at"] for row in rows if row.get("begin_at")]
    content = {
        "calibration-configurations": {
            "karabo-id": job["karabo_id"],
            "karabo-da": places,
            # The facility names the folder of all raw runs here, and the place of the result,
            # which is the folder above the one that the job wrote into.
            "in-folder": job["in_folder"].rpartition("/")[0],
            "out-folder": job["out_folder"].rpartition("/")[0],
            "run": job["run"],
            "sequences": [-1],
        },
        "concurrency": {"default": [-1], "parameter": "sequences"},
        "notebook": {"author": "beamkeeper", "title": f"{job['detector_type']} offline correction"},
        "pycalibration-version": VERSION,
        "report-path": job["report_path"],
        "reproducible": True,
        "retrieved-constants": {
            place: {
                "physical-name": module["physical_name"],
                "constants": {
                    name: {
                        "ccv_id": constant["ccv_id"],
                        "creation-time": constant["creation_time"],
                        "dataset": constant["dataset"],
                        "path": f"{job['constants_root'].rstrip('/')}/{constant['path']}",
                    }
                    for name, constant in sorted(module["constants"].items())
                },
            }
            for place, module in sorted(job["constants"].items())
        },
        "runtime-summary": {
            "calibration-jobs": [_row(row) for row in rows],
            "pipeline-steps": {
                "request-time": _utc(datetime.fromisoformat(job["request_time"])),
                **({"submission-time": _utc(min(begins))} if begins else {}),
            },
            "files": sum(len(result["files"]) for result in results),
        },
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A job in the columns of SLURM's accounting; times are local there, ours are UTC."""
    found: dict[str, Any] = {"JobID": str(row["job_id"]), "State": _word(str(row["state"]))}
    for name, key in (("Start", "begin_at"), ("End", "end_at")):
        if row.get(key):
            found[name] = row[key].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if row.get("elapsed_seconds") is not None:
        minutes, seconds = divmod(int(row["elapsed_seconds"]), 60)
        found["Elapsed"] = f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return found


def _word(state: str) -> str:
    return {"succeeded": "COMPLETED"}.get(state, state.upper())


def _utc(at: datetime) -> str:
    return str(at.astimezone(UTC))
