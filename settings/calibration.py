"""How runs are calibrated at this site: when, by which command, on which partition."""

import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from policies.errors import Misconfigured

FOLDER = Path(__file__).parent / "calibrations"
"""The instrument files that come along; `default.yaml` serves instruments without one."""

PLACES = frozenset(
    {"python", "job_file", "task", "tasks", "in_folder", "out_folder", "run", "proposal"}
    | {"karabo_id", "karabo_da", "report_path", "constants_root"}
)
"""Names that a command may use in braces."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JobShape(_Part):
    """How one kind of job runs on the cluster."""

    command: tuple[str, ...] = Field(min_length=1)
    """Program and arguments; `{…}` are filled in, see the how-to."""
    partition: str = "exfel"
    """Partition outside a beamtime."""
    beamtime_partition: str = "upex-high"
    """Partition while the beamtime is Active: its runs go before others."""
    in_reservation: bool = False
    """Whether jobs use the beamtime's reservation while it is Active; the account that jobs run
    as must be in the proposal's group then."""
    minutes: Annotated[int, Field(ge=1, le=10080)] = 120
    """Time limit, minutes."""
    memory_mb: Annotated[int, Field(ge=0)] = 0
    """Memory per node, MiB; 0: what the partition gives by itself."""
    files_per_task: Annotated[int, Field(ge=1)] = 16
    """Sequence files that one node works on; decides how many nodes a run gets."""
    max_tasks: Annotated[int, Field(ge=1, le=1000)] = 16
    """Nodes at the most."""
    tells_results: bool = True
    """Whether the command leaves `result-N.json` with what it wrote, as ours does. Of another
    pipeline the corrected files are taken as they lie when its jobs have ended well."""
    parameters: dict[str, float | int | str | bool] = Field(default_factory=dict)
    """Arguments of the command's own."""

    @model_validator(mode="after")
    def _known_places(self) -> Self:
        for word in self.command:
            try:
                word.format(**dict.fromkeys(PLACES, ""))
            except (KeyError, IndexError, ValueError) as error:
                known = ", ".join(sorted(PLACES))
                raise ValueError(f"{word!r}: {error}; known are {known}") from None
        return self

    def tasks(self, files: int) -> int:
        """Nodes for so many sequence files."""
        return max(1, min(self.max_tasks, -(-files // self.files_per_task)))

    def place(self, *, active: bool, reservation: str) -> tuple[str, str]:
        """Partition and reservation of a job.

        Args:
            active: Whether the beamtime runs.
            reservation: Name of its reservation, empty when there is none.
        """
        partition = self.beamtime_partition if active else self.partition
        return partition, reservation if active and self.in_reservation else ""

    def filled(self, **values: object) -> tuple[str, ...]:
        """The command with its places filled; `{task}` and `{tasks}` are left to the cluster."""
        kept = {"python": sys.executable, "task": "{task}", "tasks": "{tasks}"}
        return tuple(
            word.format(**{**dict.fromkeys(PLACES, ""), **values, **kept}) for word in self.command
        )


class DetectorJobs(_Part):
    """The jobs for one detector type."""

    correct: JobShape
    report: JobShape | None = None
    """Runs when the correction has ended well; None where the correction writes its own."""
    characterise: JobShape
    dark_report: JobShape | None = None
    constants: tuple[str, ...] = ()
    """Constants without which a module is not corrected."""
    min_trains: int | None = None
    """Trains that each dark run must have, instead of the operation mode's."""


class InstrumentFile(_Part):
    """The configuration file of one instrument."""

    detectors: dict[str, DetectorJobs]
    """By detector type; `*` serves the others."""

    def jobs(self, detector_type: str) -> DetectorJobs | None:
        """The jobs for a detector type, None when it is not calibrated here."""
        return self.detectors.get(detector_type) or self.detectors.get("*")


class CalibrationSettings(BaseModel):
    """When runs are calibrated, and how long what waits may wait."""

    model_config = ConfigDict(extra="forbid")

    auto_when: Literal["preferred-processed", "always", "never"] = "preferred-processed"
    """Whether migrated runs are calibrated by themselves: those of proposals that prefer
    processed data, all, or none."""
    folder: Path = FOLDER
    """Folder of the instruments' files, `MID.yaml` and so on, with `default.yaml`."""
    wait_migration_hours: Annotated[float, Field(gt=0)] = 24
    """After so long a request gives up waiting for the migration."""
    watch_seconds: Annotated[float, Field(gt=0)] = 5
    """Pause between two looks at the cluster while jobs are open."""
    watch_for_seconds: Annotated[float, Field(ge=0)] = 45
    """How long one flow run goes on looking; the schedule starts the next."""
    lost_after_minutes: Annotated[float, Field(gt=0)] = 15
    """A job that the cluster does not know for so long, while it answers, is lost."""
    repeat_failed_only: bool = True
    """Whether a repeat leaves alone the detectors that succeeded."""

    def instrument(self, identifier: str) -> InstrumentFile:
        """The file of an instrument, or the default one.

        Raises:
            Misconfigured: No such file, or it does not read.
        """
        own = self.folder / f"{identifier}.yaml"
        return read_instrument(own if own.is_file() else self.folder / "default.yaml")


@cache
def read_instrument(path: Path) -> InstrumentFile:
    """Read an instrument's file, once.

    Raises:
        Misconfigured: It is missing, is no YAML, or says something unknown.
    """
    try:
        return InstrumentFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise Misconfigured(f"calibration file {path}: {error.strerror}") from None
    except (yaml.YAMLError, ValidationError) as error:
        raise Misconfigured(f"calibration file {path}: {error}") from None
