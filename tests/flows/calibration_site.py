"""A site with a cluster, a detector of two modules and a constants store."""

import json
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlmodel import select

from catalog.queries.calibration import CalibrationView, newest_request
from catalog.queries.darks import DarkView, dark_requests
from catalog.tables import ConstantVersion, Detector, PhysicalDetectorUnit
from deployments.calibrate import main as program
from deployments.components.slurm import Slurm
from deployments.demo_files import RunRecipe, write_run
from deployments.demo_images import Images
from flows.batch_watch import batch_watch
from flows.dark_calibrate import dark_calibrate
from flows.job_files import files_of
from flows.run_calibrate import run_calibrate
from flows.run_migrate import run_migrate
from policies.vocabulary import RunState
from settings.calibration import FOLDER, read_instrument
from tasks.detectors import find_detectors
from tests.flows.site import NUMBER, OFFLINE, Site

JF = "SPB_IRDA_JF4M"
MODULES = {"JNGFR01": "Jungfrau_M101", "JNGFR02": "Jungfrau_M102"}
PROC = "/gpfs/exfel/d/proc/SPB/002012/p002012"
REPORTS = "/gpfs/exfel/u/usr/SPB/002012/p002012/Reports"
TRAINS = 4


def sections(folder: Path, cluster: Slurm | None, **more: Any) -> dict[str, Any]:
    """Further sections of the settings file."""
    instruments = folder / "calibrations"
    instruments.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_load((FOLDER / "default.yaml").read_text())
    content["detectors"]["JUNGFRAU"]["min_trains"] = TRAINS
    for step in ("correct", "characterise"):
        content["detectors"]["JUNGFRAU"][step] = {
            **content["detectors"]["JUNGFRAU"][step],
            "files_per_task": 1,
            "max_tasks": 2,
            "minutes": 5,
        }
    (instruments / "default.yaml").write_text(yaml.safe_dump(content))
    (folder / "caldb_store").mkdir(exist_ok=True)
    found: dict[str, Any] = {
        "constants": {"store": str(folder / "caldb_store")},
        "calibration": {
            "folder": str(instruments),
            "auto_when": "always",
            "watch_seconds": 0.3,
            "watch_for_seconds": 60,
            **more,
        },
    }
    if cluster is not None:
        found["batch"] = cluster.settings(timeout_seconds=20).model_dump(mode="json")
    return found


def use_pipeline(folder: Path) -> None:
    """The instrument's file names another pipeline: one that copies and says nothing."""
    path = folder / "calibrations" / "default.yaml"
    content = yaml.safe_load(path.read_text())
    script = (
        'cd "$1" && for f in RAW-*JNGFR*.h5; do cp "$f" "$2/CORR-$(echo "$f" | cut -c5-)"; done'
    )
    jobs = content["detectors"]["JUNGFRAU"]
    jobs["constants"], jobs["report"] = [], None
    jobs["correct"] = {
        "command": ["sh", "-c", script, "pipeline", "{in_folder}", "{out_folder}"],
        "max_tasks": 1,
        "tells_results": False,
    }
    path.write_text(yaml.safe_dump(content))
    read_instrument.cache_clear()


def equip(site: Site) -> None:
    """The detector's modules go on record."""
    with site.database.write() as session:
        row = session.exec(select(Detector).where(Detector.identifier == JF)).one()
        for number, (place, name) in enumerate(MODULES.items(), start=1):
            session.add(
                PhysicalDetectorUnit(
                    physical_name=name,
                    karabo_da=place,
                    detector_id=row.id or 0,
                    module_number=number,
                )
            )


def build_constants(folder: Path) -> Path:
    """Constants of both modules, made by the program from three dark runs; answers their folder."""
    out = folder / "out"
    out.mkdir(parents=True)
    runs = []
    for stage, word in enumerate(("G0", "G1", "G2")):
        recipe = RunRecipe(
            proposal=NUMBER,
            run=1 + stage,
            aggregators=tuple(MODULES),
            trains=TRAINS,
            images=Images(stage),
        )
        written = write_run(folder / "raw", recipe)
        (seen,) = find_detectors(written.folder)
        listed = files_of(seen, {})
        begin = "2024-01-01T00:00:00+00:00"
        place = {"run": 1 + stage, "stage": word, "in_folder": str(written.folder)}
        runs.append({**place, "begin_at": begin, "files": listed})
    job = {
        "schema": 1,
        "action": "characterise",
        "key": "built",
        "proposal": NUMBER,
        "run": 1,
        "karabo_id": JF,
        "detector_type": "JUNGFRAU",
        "in_folder": str(folder / "raw"),
        "out_folder": str(out),
        "request_time": "2024-01-01T00:00:00+00:00",
        "runs": runs,
        "modules": [{"karabo_da": k, "physical_name": v} for k, v in MODULES.items()],
        "min_trains": TRAINS,
    }
    (out / "job.json").write_text(json.dumps(job))
    assert program(["characterise", "--job", str(out / "job.json")]) == 0
    return out


def give_constants(site: Site, built: Path) -> None:
    """The detector's constants are in the store, deployed, and valid for every run."""
    told = json.loads((built / "result-0.json").read_text())
    digests = {f["filename"]: f["xxh3_128"] for f in told["files"]}
    store = site.folder.parent / "more" / "caldb_store"
    store.mkdir(parents=True, exist_ok=True)
    began = datetime(2024, 1, 1, tzinfo=UTC)
    for name in digests:
        shutil.copyfile(built / name, store / name)
    with site.database.write() as session:
        query = select(PhysicalDetectorUnit.physical_name, PhysicalDetectorUnit.id)
        units = dict(session.exec(query).all())
        for constant in told["constants"]:
            session.add(
                ConstantVersion(
                    physical_detector_unit_id=units[constant["physical_name"]] or 0,
                    calibration=constant["constant"],
                    name="20240101_000000_sIdx=0",
                    file_name=constant["path"],
                    path_to_file=constant["path"],
                    data_set_name=constant["dataset"],
                    xxh3_128=digests[constant["path"]],
                    begin_validity_at=began,
                    begin_at=began,
                    flg_deployed=True,
                    created_at=began,
                )
            )


def migrated(site: Site, put: Any, run: int, images: Images, **more: Any) -> None:
    """A run with images, assessed Good and migrated by its flow."""
    hour = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    options = {
        "begin_at": hour + timedelta(minutes=run),
        "aggregators": ("DA01", *MODULES),
        "trains": TRAINS,
        "images": images,
        "instrument": "SPB",
        **more,
    }
    site.request(run, **options)
    put(run_migrate, proposal=NUMBER, run=run)
    assert site.run_state(run) is RunState.MIGRATED


def calibration(site: Site, run: int) -> CalibrationView:
    with site.database.read() as session:
        view = newest_request(session, NUMBER, run)
    assert view is not None
    return view


def dark(site: Site) -> DarkView:
    with site.database.read() as session:
        return dark_requests(session, NUMBER)[0]


def through(put: Any, run: int) -> str:
    """The flow, the watch, the flow again: as the engine would start them."""
    put(run_calibrate, proposal=NUMBER, run=run)
    put(batch_watch)
    return str(put(run_calibrate, proposal=NUMBER, run=run).message)


def darks_through(put: Any) -> str:
    put(dark_calibrate, proposal=NUMBER)
    put(batch_watch)
    return str(put(dark_calibrate, proposal=NUMBER).message)


def proc(site: Site, run: int) -> Path:
    return site.at(OFFLINE, f"{PROC}/r{run:04d}")


def wait(holds: Any, what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)
