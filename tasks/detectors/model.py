"""The job file that a program on a node is given, and the result file that it leaves."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.detectors.faults import Fault
from tasks.detectors.whole import whole


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class InputFile(_Part):
    """A raw file and what it must be; an empty digest: not known."""

    filename: str
    karabo_da: str
    source: str
    sequence: int
    xxh3_128: str = ""
    byte_size: int = 0


class Constant(_Part):
    """Where a constant is."""

    ccv_id: int = 0
    creation_time: datetime
    path: str
    dataset: str
    xxh3_128: str = ""


class ModuleConstants(_Part):
    """The constants of one module."""

    physical_name: str
    constants: dict[str, Constant]


class DarkRun(_Part):
    """One run of a dark request, a gain stage."""

    run: int
    stage: str
    begin_at: datetime
    in_folder: Path
    files: tuple[InputFile, ...]


class Module(_Part):
    """A module that is characterised."""

    karabo_da: str
    physical_name: str


class Job(_Part):
    """What a program is to do.

    Attributes:
        schema_: Version of the form; 1.
        files: Raw files of a correction.
        constants: Constants of a correction, by the module's place.
        runs: Runs of a characterisation, in gain order.
        modules: Modules of a characterisation.
        condition: Settings under which the dark runs were taken; empty: not told.
        min_trains: Trains that each dark run must have.
        parameters: Thresholds and the like.
    """

    schema_: Literal[1] = Field(alias="schema")
    action: Literal["correct", "characterise"]
    key: str
    proposal: int
    run: int
    karabo_id: str
    detector_type: str
    in_folder: Path
    out_folder: Path
    report_path: str = ""
    request_time: datetime
    files: tuple[InputFile, ...] = ()
    constants: dict[str, ModuleConstants] = Field(default_factory=dict)
    constants_root: str = ""
    runs: tuple[DarkRun, ...] = ()
    modules: tuple[Module, ...] = ()
    operation_mode: str = ""
    condition: dict[str, float] = Field(default_factory=dict)
    min_trains: int = 0
    parameters: dict[str, Any] = Field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """A parameter, or its default."""
        return float(self.parameters.get(name, default))


def read_job(path: Path) -> Job:
    """Read a job file.

    Raises:
        Fault: It is missing or wrong; exit 2.
    """
    try:
        return Job.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise Fault(2, f"{path} is no job file: {str(error).splitlines()[0]}") from error


def write_result(job: Job, task: int, of: int, content: dict[str, Any]) -> None:
    """Leave what a task did, as its last act: there as a whole or not at all.

    Raises:
        Fault: It could not be written; exit 5.
    """
    told = {"schema": 1, "key": job.key, "task": task, "of": of, **content}
    text = json.dumps(told, indent=1, default=str)
    with whole(job.out_folder / f"result-{task}.json") as beside:
        beside.write_text(text, encoding="utf-8")


def read_all(job: Job) -> list[dict[str, Any]]:
    """What every task left so far, in order."""
    paths = sorted(job.out_folder.glob("result-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]
