"""From a dark request to its execution: files of each gain stage, modules, jobs."""

from typing import Any

from flows.job_files import files_of, planned_jobs
from flows.jobs import UNCONFIGURED
from policies import calibration_paths as paths
from policies import layout
from policies.conditions import contradictions
from policies.errors import Misconfigured, Mismatch, Missing
from policies.layout import Home
from tasks import storage
from tasks.detectors import find_detectors, operating_condition
from tasks.records import calibration
from tasks.records.calibration import PlannedExecution
from tasks.records.darks import DarkPart, DarkView


def plan(view: DarkView, *, configured: bool) -> PlannedExecution:
    """The execution of a dark request.

    Raises:
        Misconfigured: There is no cluster, or the detector is not calibrated here.
        Missing: The detector or a module is not in the files of a run.
    """
    jobs = calibration.instrument_file(view.instrument).jobs(view.detector_type)
    if not configured or jobs is None:
        raise Misconfigured(
            UNCONFIGURED if jobs else f"{view.detector_type} is not calibrated here"
        )
    home = layout.home_of(view.path)
    key = paths.dark_key(view.id, view.detector, view.requested_at)
    numbers = [part.run for part in view.parts]
    folder = paths.staging(home, numbers[0], key)
    name = paths.dark_report(view.detector, view.proposal, numbers, view.requested_at)
    report = f"{paths.report_folder(home, numbers[0])}/{name}"
    job = _job_file(view, home, key, folder, report)
    shape = jobs.characterise
    steps = [("characterise", shape)]
    steps += [("report", jobs.dark_report)] if jobs.dark_report else []
    where = shape.place(active=view.beamtime_active, reservation=view.reservation)
    files = sum(len(run["files"]) for run in job["runs"])
    return PlannedExecution(
        key,
        view.detector,
        view.detector_type,
        folder,
        report,
        *where,
        job,
        planned_jobs(key, steps, job, files),
    )


def _job_file(view: DarkView, home: Home, key: str, folder: str, report: str) -> dict[str, Any]:
    here = storage.offline()
    return {
        "schema": 1,
        "action": "characterise",
        "key": key,
        "proposal": view.proposal,
        "run": view.parts[0].run,
        "karabo_id": view.detector,
        "detector_type": view.detector_type,
        "in_folder": str(here.path(paths.raw_run(home, view.parts[0].run))),
        "out_folder": str(here.path(folder)),
        "report_path": str(here.path(report)),
        "request_time": view.requested_at.isoformat(),
        "runs": [_run(view, home, part) for part in view.parts],
        "modules": [{"karabo_da": da, "physical_name": name} for da, name in view.units],
        "operation_mode": view.mode,
        "min_trains": calibration.min_trains(view.instrument, view.detector_type, view.mode),
        "condition": _condition(view, home),
        "parameters": {},
    }


def _condition(view: DarkView, home: Home) -> dict[str, float]:
    """The settings under which the dark runs were taken; empty: the files do not say them.

    Raises:
        Mismatch: The runs were taken under different ones.
    """
    folders = {p.run: storage.offline().path(paths.raw_run(home, p.run)) for p in view.parts}
    told = {
        run: operating_condition(folder, view.detector_type, view.control)
        for run, folder in folders.items()
    }
    first, *others = told
    for run in others:
        if against := contradictions(told[first], told[run]):
            label = f"{layout.run_folder(run)} differs from {layout.run_folder(first)}"
            raise Mismatch(f"{label}: {'; '.join(against)}")
    return next((condition for condition in told.values() if condition), {})


def _run(view: DarkView, home: Home, part: DarkPart) -> dict[str, Any]:
    """One gain stage: its files, those of the wanted modules only.

    Raises:
        Missing: The detector or a module is not in the run.
    """
    folder = storage.offline().path(paths.raw_run(home, part.run))
    seen = next((d for d in find_detectors(folder) if d.karabo_id == view.detector), None)
    label = layout.run_label(view.proposal, part.run)
    if seen is None:
        raise Missing(f"{label} holds no data of {view.detector}", field="detector")
    wanted = {place for place, _ in view.units}
    absent = sorted(wanted - {module.karabo_da for module in seen.modules})
    if absent:
        raise Missing(f"{label} holds no data of {', '.join(absent)}", field="units")
    files = [f for f in files_of(seen, part.raw_files) if f["karabo_da"] in wanted]
    return {
        "run": part.run,
        "stage": part.stage,
        "begin_at": part.begin_at.isoformat(),
        "in_folder": str(folder),
        "files": files,
    }
