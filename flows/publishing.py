"""A correction's result is read back, put in its place and put on record."""

from typing import Any

from prefect import get_run_logger

from flows import artifacts
from flows.sightings import metadata_rows
from policies import calibration_paths as paths
from policies import layout
from policies.errors import Denied, Invalid, Mismatch
from tasks import results, storage
from tasks.detectors import metadata_yaml
from tasks.records import calibration, configured
from tasks.records.calibration import CalibrationView, ExecutionView, UsedConstant
from tasks.records.calibration import Result as InPlace
from tasks.records.runs import RegisteredFile
from tasks.records.work import Working
from tasks.results import Written


def publish(view: CalibrationView, execution: ExecutionView, run: int, unit: Working) -> None:
    """Bring an execution's result into place; a damaged one fails and the former one stays.

    Raises:
        LeaseLost: Somebody else took over.
        Unavailable: The storage does not answer.
    """
    try:
        done = _publish(view, execution, run)
    except (Mismatch, Denied, Invalid) as error:
        calibration.refuse(execution.key, error.message, unit.held)
        return
    unit.check()
    calibration.publish(execution.key, done, unit.held)
    _show(execution, done)
    results.tidy(storage.offline().path(execution.folder))
    get_run_logger().info("%s: %d files in %s", execution.karabo_id, len(done.files), done.folder)


def _show(execution: ExecutionView, done: InPlace) -> None:
    """A page about the result: where it is, its report, the constants that it was made with."""
    report = f"{done.report_folder}/{done.report_name}" if done.report_name else "none"
    lines = [
        f"## {execution.karabo_id}: {len(done.files)} corrected files",
        f"- data: `{done.folder}`",
        f"- report: `{report}`",
        "",
        "| module | unit | constant | CalCat | file |",
        "|---|---|---|---|---|",
        *(
            f"| {c.karabo_da} | {c.physical_name} | {c.calibration} | {c.ccv_id or ''} | {c.path} |"
            for c in done.constants
        ),
    ]
    artifacts.page(artifacts.slug(execution.key), "\n".join(lines), "Corrected data")
    if done.report_name:
        key = artifacts.slug(f"{execution.key} report")
        artifacts.link(key, configured.report_link(report), f"Report of {execution.karabo_id}")


def _publish(view: CalibrationView, execution: ExecutionView, run: int) -> InPlace:
    here, home = storage.offline(), layout.home_of(view.path)
    staging, place = here.path(execution.folder), paths.proc_run(home, run)
    told = (
        results.read_results(staging, execution.jobs[0].tasks)
        if execution.job.get("tells_results", True)
        else [results.gather(staging, "CORR-*.h5")]
    )
    said = sorted((f for part in told for f in part["files"]), key=lambda f: f["filename"])
    files = [Written(f["filename"], f["byte_size"], f["xxh3_128"], f["adler32"]) for f in said]
    former = view.in_place.get(execution.karabo_id, ())
    mtimes = results.publish(staging, here.path(place), files, former)
    words = metadata_yaml(execution.job, told, metadata_rows(execution))
    results.write_text(here.path(place) / paths.metadata_file(execution.karabo_id), words)
    folder, _, name = execution.report_path.rpartition("/")
    has_report = bool(name) and here.path(execution.report_path).is_file()
    warnings = [w for part in told for w in part.get("warnings", [])]
    if warnings:
        key = artifacts.slug(f"{execution.key} warnings")
        artifacts.table(key, [{"warning": w} for w in warnings], "What the correction says")
    return InPlace(
        folder=place,
        files=[_registered(f, m) for f, m in zip(said, mtimes, strict=True)],
        constants=used(execution),
        report_name=name if has_report else "",
        report_folder=folder,
        proof={"how": "read back in the staging folder, then renamed", "key": execution.key},
    )


def _registered(said: dict[str, Any], mtime_ns: int) -> RegisteredFile:
    return RegisteredFile(
        relative_path=said["filename"],
        size_bytes=said["byte_size"],
        xxh3_128=said["xxh3_128"],
        adler32=said["adler32"],
        first_train=said.get("first_train"),
        last_train=said.get("last_train"),
        num_trains=said.get("num_trains"),
        mtime_ns=mtime_ns,
    )


def used(execution: ExecutionView) -> list[UsedConstant]:
    """Constants that an execution was given, module by module."""
    return [
        UsedConstant(
            place, unit["physical_name"], name, c["ccv_id"] or None, c["path"], c["dataset"]
        )
        for place, unit in execution.job.get("constants", {}).items()
        for name, c in unit["constants"].items()
    ]
