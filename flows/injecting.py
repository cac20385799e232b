"""Constants of a dark request: into the store, into the constants catalogue, read back."""

from datetime import datetime
from pathlib import Path
from typing import Any

from policies import constants as rules
from policies.errors import Misconfigured, Mismatch
from tasks import results, storage
from tasks.records import configured
from tasks.records.calibration import ExecutionView
from tasks.records.darks import DarkResult, DarkView, NewConstant
from tasks.results import Written


def inject(view: DarkView, execution: ExecutionView) -> DarkResult:
    """Put the constants that a characterisation came to where corrections find them.

    Raises:
        Misconfigured: There is no constants store.
        Mismatch: A file is not what its job said.
        Unavailable: The storage or the constants catalogue does not answer.
    """
    here = storage.offline()
    staging = here.path(execution.folder)
    told = results.read_results(staging, execution.jobs[0].tasks)
    said = [c for part in told for c in part.get("constants", [])]
    if not said:
        raise Mismatch("the characterisation ended well and came to no constants")
    files = {f["filename"]: Written(**_file(f)) for part in told for f in part["files"]}
    places = {name: _keep(view, staging, file, said) for name, file in files.items()}
    folder, _, name = execution.report_path.rpartition("/")
    has_report = here.path(execution.report_path).is_file()
    warnings = [w for part in told for w in part.get("warnings", [])]
    return DarkResult(
        constants=[_constant(view, c, places[c["path"]], files[c["path"]]) for c in said],
        report_name=name if has_report else "",
        report_folder=folder,
        size_bytes=sum(file.size_bytes for file in files.values()),
        output_path=execution.folder,
        feedback="\n".join(warnings),
    )


def _file(said: dict[str, Any]) -> dict[str, Any]:
    return {
        "filename": said["filename"],
        "size_bytes": said["byte_size"],
        "xxh3_128": said["xxh3_128"],
        "adler32": said["adler32"],
    }


def begins_at(view: DarkView) -> datetime:
    """From when the constants hold: the first of its runs began."""
    return min(part.begin_at for part in view.parts)


def _keep(view: DarkView, staging: Path, file: Written, said: list[dict[str, Any]]) -> str:
    """Keep a module's file in the store; answers its path there.

    The name follows from the request alone, so a repetition finds it.
    """
    root = configured.constants_root()
    if not root:
        raise Misconfigured("there is no constants store: set constants.store")
    physical_name = next(c["physical_name"] for c in said if c["path"] == file.filename)
    path = rules.store_path(view.detector_type, physical_name, view.requested_at)
    results.keep(staging / file.filename, Path(root) / path, file)
    return path


def _constant(view: DarkView, said: dict[str, Any], path: str, file: Written) -> NewConstant:
    at = begins_at(view)
    return NewConstant(
        physical_name=said["physical_name"],
        calibration=said["constant"],
        name=rules.version_name(at, view.id),
        condition=said["condition"],
        file_name=path.rpartition("/")[2],
        path=path,
        dataset=said["dataset"],
        xxh3_128=file.xxh3_128,
        begin_at=at,
        raw_data_location=rules.raw_data_location(view.proposal, [part.run for part in view.parts]),
        deployed=configured.auto_deploy(),
    )
