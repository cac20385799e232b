"""From a run's files to executions: which detectors, which constants, which jobs."""

from flows.constants import constants_for
from flows.job_files import correction_file, planned_jobs
from flows.jobs import UNCONFIGURED
from policies import calibration_paths as paths
from policies import layout
from policies.detectors import DetectorSeen
from tasks import storage
from tasks.detectors import find_detectors, operating_condition
from tasks.records import calibration
from tasks.records.calibration import (
    CalibrationView,
    PlannedExecution,
)


def plan(
    view: CalibrationView, number: int, run: int, *, configured: bool
) -> tuple[list[PlannedExecution], list[str], list[str]]:
    """Everything that a request needs of the cluster.

    Args:
        view: The request.
        number: Proposal number.
        run: Run number.
        configured: Whether there is a cluster at all.

    Returns:
        One execution per detector; detectors of the run that nobody knows; and what was
        passed over, in words.
    """
    raw = storage.offline().path(paths.raw_run(layout.home_of(view.path), run))
    seen = [d for d in find_detectors(raw) if not view.detectors or d.karabo_id in view.detectors]
    known = [d for d in seen if d.karabo_id in view.known]
    strangers = [d.karabo_id for d in seen if d.karabo_id not in view.known]
    notes: list[str] = []
    planned = [_execution(view, number, run, d, notes, configured=configured) for d in known]
    return planned, strangers, notes


def _execution(
    view: CalibrationView,
    number: int,
    run: int,
    seen: DetectorSeen,
    notes: list[str],
    *,
    configured: bool,
) -> PlannedExecution:
    key = paths.correction_key(view.request, seen.karabo_id, view.requested_at)
    jobs = calibration.instrument_file(view.instrument).jobs(seen.detector_type)
    if not configured or jobs is None:
        fault = UNCONFIGURED if jobs else f"{seen.detector_type} is not calibrated here"
        return PlannedExecution(key, seen.karabo_id, seen.detector_type, fault=fault)
    raw = storage.offline().path(paths.raw_run(layout.home_of(view.path), run))
    domain = view.known[seen.karabo_id].control
    condition = operating_condition(raw, seen.detector_type, domain)
    chosen = constants_for(view, seen, condition)
    constants = chosen.by_place
    notes += _notes(seen.karabo_id, condition, chosen.aside)
    fault = paths.lacking(
        [m.karabo_da for m in seen.modules],
        jobs.constants,
        {place: [c.calibration for c in held] for place, held in constants.items()},
    )
    if fault and chosen.aside:
        fault += f". Made under other settings: {'. '.join(chosen.aside)}"
    home, told = layout.home_of(view.path), jobs.correct.tells_results
    folder = paths.staging(home, run, key)
    name = paths.correction_report(seen.karabo_id, number, run, view.requested_at)
    report = f"{paths.report_folder(home, run)}/{name}"
    job = correction_file(
        view, (number, run), seen, key, folder, report, constants, tells_results=told
    )
    planned = [("correct", jobs.correct), *([("report", jobs.report)] if jobs.report else [])]
    where = jobs.correct.place(active=view.beamtime_active, reservation=view.reservation)
    return PlannedExecution(
        key,
        seen.karabo_id,
        seen.detector_type,
        folder,
        report,
        *where,
        job,
        () if fault else planned_jobs(key, planned, job, len(job["files"])),
        fault,
    )


def _notes(karabo_id: str, condition: dict[str, float], aside: tuple[str, ...]) -> list[str]:
    """What was passed over, for who wonders about the constants."""
    if not condition:
        return [f"{karabo_id}: the files do not tell its settings; constants are not compared"]
    return [f"{karabo_id}: left aside, made under other settings: {words}" for words in aside]
