"""Job files for the program on the nodes, as the flows write them."""

import json

from deployments.demo_files import RunRecipe
from tasks.detectors import find_detectors
from tasks.detectors.digests import digest

TRAINS = 6
DARK = RunRecipe(
    proposal=900054, run=1, instrument="MID", aggregators=("DA01", "JNGFR01"), trains=TRAINS
)
STAGES = ("G0", "G1", "G2")


def files(folder):
    (seen,) = find_detectors(folder)
    return [
        {
            "filename": file.filename,
            "karabo_da": module.karabo_da,
            "source": module.source,
            "sequence": file.sequence,
            "xxh3_128": digest(folder / file.filename).xxh3_128,
        }
        for module in seen.modules
        for file in module.files
    ]


def common(tmp_path, action, run):
    out = tmp_path / f"out-{action}"
    out.mkdir(exist_ok=True)
    return out, {
        "schema": 1,
        "action": action,
        "key": f"key-{action}",
        "proposal": 900054,
        "run": run,
        "karabo_id": "MID_IRDA_JF4M",
        "detector_type": "JUNGFRAU",
        "out_folder": str(out),
        "report_path": str(tmp_path / f"{action}.pdf"),
        "request_time": "2026-11-26T01:00:00.000001+00:00",
    }


def dark_job(raw, tmp_path, order=(1, 2, 3), **more):
    out, job = common(tmp_path, "characterise", order[0])
    job |= {
        "in_folder": str(raw / "r0001"),
        "runs": [
            {
                "run": run,
                "stage": stage,
                "begin_at": "2026-11-25T10:00:00+00:00",
                "in_folder": str(raw / f"r{run:04d}"),
                "files": files(raw / f"r{run:04d}"),
            }
            for run, stage in zip(order, STAGES, strict=True)
        ],
        "modules": [{"karabo_da": "JNGFR01", "physical_name": "Jungfrau_M530"}],
        "operation_mode": "ADAPTIVE_GAIN",
        "min_trains": TRAINS,
        **more,
    }
    path = out / "job.json"
    path.write_text(json.dumps(job))
    return out, path


def correct_job(raw, constants, tmp_path, **more):
    store, _ = constants
    told = json.loads((store / "result-0.json").read_text())
    out, job = common(tmp_path, "correct", 4)
    whole = digest(store / "constants-JNGFR01.h5").xxh3_128
    job |= {
        "in_folder": str(raw / "r0004"),
        "files": files(raw / "r0004"),
        "constants_root": str(store),
        "constants": {
            "JNGFR01": {
                "physical_name": "Jungfrau_M530",
                "constants": {
                    c["constant"]: {
                        "ccv_id": 7,
                        "creation_time": "2026-11-25T10:00:00+00:00",
                        "path": c["path"],
                        "dataset": c["dataset"],
                        "xxh3_128": whole,
                    }
                    for c in told["constants"]
                },
            }
        },
        **more,
    }
    path = out / "job.json"
    path.write_text(json.dumps(job))
    return out, path


def correction_of(raw, kind, run, store, without=()):
    """The folder with a job that corrects a run of any kind of detector."""
    out = raw.parent / f"out-{run}"
    out.mkdir(exist_ok=True)
    told = json.loads((store / "result-0.json").read_text())
    job = {
        "schema": 1,
        "action": "correct",
        "key": f"cal-{run}",
        "proposal": 900054,
        "run": run,
        "karabo_id": kind.karabo_id,
        "detector_type": kind.detector_type,
        "in_folder": str(raw),
        "out_folder": str(out),
        "report_path": str(out / "report.pdf"),
        "request_time": "2026-11-26T01:00:00+00:00",
        "files": files(raw),
        "constants_root": str(store),
        "constants": {
            kind.place: {
                "physical_name": "M1",
                "constants": {
                    c["constant"]: {
                        "creation_time": "2026-11-25T10:00:00+00:00",
                        "path": c["path"],
                        "dataset": c["dataset"],
                    }
                    for c in told["constants"]
                    if c["constant"] not in without
                },
            }
        },
    }
    (out / "job.json").write_text(json.dumps(job))
    return out
