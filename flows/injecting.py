"""Constants of a dark request: into the store, into the constants catalogue, read back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from policies import constants as rules
from policies.errors import Misconfigured, Mismatch
from tasks import results, storage
from tasks.constants import ConstantsStore, Injection, constants_catalog
from tasks.records import configured
from tasks.records.calibration import ExecutionView
from tasks.records.darks import DarkResult, DarkView, NewConstant


def inject(view: DarkView, execution: ExecutionView) -> DarkResult:
    """Put the constants that a characterisation came to where corrections find them.

    Everything may be repeated: files and versions have names that follow from the request.

    Raises:
        Misconfigured: There is no constants store.
        Mismatch: A file or a version is not what it should be, read back.
        Unavailable: The storage or the constants catalogue does not answer.
    """
    here = storage.offline()
    staging = here.path(execution.folder)
    told = results.read_results(staging, execution.jobs[0].tasks)
    said = [c for part in told for c in part.get("constants", [])]
    if not said:
        raise Mismatch("the characterisation ended well and came to no constants")
    files = {f["filename"]: f for part in told for f in part["files"]}
    units = {c["path"]: c["physical_name"] for c in said}
    places = {name: _keep(view, staging, files[name], unit) for name, unit in units.items()}
    folder, _, name = execution.report_path.rpartition("/")
    has_report = here.path(execution.report_path).is_file()
    report = f"{folder}/{name}" if has_report else ""
    constants = [_constant(view, c, places[c["path"]], files[c["path"]]) for c in said]
    return DarkResult(
        constants=_named(view, constants, report),
        report_name=name if has_report else "",
        report_folder=folder,
        size_bytes=sum(file["byte_size"] for file in files.values()),
        output_path=execution.folder,
        feedback="\n".join(w for part in told for w in part.get("warnings", [])),
    )


def begins_at(view: DarkView) -> datetime:
    """From when the constants hold: the first of its runs began, or a little later."""
    return rules.begin_of(min(part.begin_at for part in view.parts), view.repetition)


def _keep(view: DarkView, staging: Path, file: dict[str, Any], physical_name: str) -> str:
    """Keep a module's file in the store; answers its path there."""
    root = configured.constants_root()
    if not root:
        raise Misconfigured("there is no constants store: set constants.store")
    return ConstantsStore(Path(root)).add(
        staging / file["filename"],
        view.detector_type,
        physical_name,
        file["xxh3_128"],
        view.requested_at,
    )


def _constant(view: DarkView, said: dict[str, Any], path: str, file: dict[str, Any]) -> NewConstant:
    at = begins_at(view)
    runs = [part.run for part in view.parts]
    return NewConstant(
        physical_name=said["physical_name"],
        calibration=said["constant"],
        name=rules.version_name(at, view.id),
        condition=said["condition"],
        file_name=path.rpartition("/")[2],
        path=path,
        dataset=said["dataset"],
        xxh3_128=file["xxh3_128"],
        begin_at=at,
        raw_data_location=rules.raw_data_location(view.proposal, runs),
        deployed=configured.auto_deploy(),
    )


def _named(view: DarkView, constants: Sequence[NewConstant], report: str) -> list[NewConstant]:
    """The same with their rows in the constants catalogue, where there is one."""
    catalogue = constants_catalog(configured.constants())
    if catalogue is None:
        return list(constants)
    with catalogue:
        found = [
            replace(c, ccv_id=catalogue.inject(_injection(view, c, report))) for c in constants
        ]
        if configured.auto_deploy():
            catalogue.deploy([c.ccv_id for c in found if c.ccv_id is not None])
    return found


def _injection(view: DarkView, constant: NewConstant, report: str) -> Injection:
    return Injection(
        detector_type=view.detector_type,
        physical_name=constant.physical_name,
        calibration=constant.calibration,
        condition=rules.condition_of(constant.condition),
        name=constant.name,
        path=constant.path,
        dataset=constant.dataset,
        begin_at=constant.begin_at,
        raw_data_location=constant.raw_data_location,
        report_name=report.rpartition("/")[2],
        report_path=report,
    )
