"""Detectors, calibration requests, dark runs, what SLURM does for them, and constants.

Field names of `dark_runs`, `reports` and the constants follow the published contracts.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from catalog.tables.base import json_dict, json_list, link, maybe_link, text, word
from policies.vocabulary import CalibrationState, DarkState, ExecutionState, JobState

_OPEN_REQUEST = sa.text("state = 'R' OR state = 'W' OR state = 'I'")
_OPEN_DARK = sa.text("flg_status = 'R' OR flg_status = 'W' OR flg_status = 'I'")
_OPEN_JOB = sa.text("state = 'planned' OR state = 'queued' OR state = 'running'")


class Detector(SQLModel, table=True):
    """A detector as its karabo id names it."""

    __tablename__ = "detectors"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=64)
    identifier: str = Field(max_length=64, unique=True)
    karabo_id_control: str = ""
    detector_type: str = Field(max_length=20)
    instrument_id: int = link("instruments.id")
    source_name_pattern: str = ""
    number_of_modules: int = 1
    first_module_index: int = 0
    flg_available: bool = True
    description: str = text()


class PhysicalDetectorUnit(SQLModel, table=True):
    """A module as hardware; which place of which detector it has may change."""

    __tablename__ = "physical_detector_units"
    __table_args__ = (sa.UniqueConstraint("detector_id", "karabo_da"),)

    id: int | None = Field(default=None, primary_key=True)
    physical_name: str = Field(max_length=64, unique=True)
    karabo_da: str = Field(max_length=20)
    virtual_device_name: str = ""
    uuid: str = ""
    detector_id: int = link("detectors.id", index=False)
    module_number: int = 0
    flg_available: bool = True
    description: str = text()


class CalibrationRequest(SQLModel, table=True):
    """Somebody or something wants a run's data corrected; one request per run is open."""

    __tablename__ = "calibration_requests"
    __table_args__ = (
        sa.Index(
            "uq_calibration_requests_open",
            "run_id",
            unique=True,
            sqlite_where=_OPEN_REQUEST,
            postgresql_where=_OPEN_REQUEST,
        ),
        sa.Index(
            "ix_calibration_requests_open_since",
            "state_since",
            sqlite_where=_OPEN_REQUEST,
            postgresql_where=_OPEN_REQUEST,
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    run_id: int = link("runs.id")
    state: CalibrationState = word(CalibrationState, CalibrationState.REQUESTED)
    state_since: datetime
    kind: str = Field(max_length=20)
    """`automatic`, `asked` or `repeat`."""
    detectors: list[Any] = json_list()
    """Karabo ids; empty: every detector of the run."""
    requested_by: str
    requested_at: datetime
    description: str = text()
    deadline_at: datetime
    begin_at: datetime | None = None
    end_at: datetime | None = None
    reply: str = text()
    feedback: str = text()


class DarkRun(SQLModel, table=True):
    """A request for constants from dark runs."""

    __tablename__ = "dark_runs"
    __table_args__ = (
        sa.Index(
            "ix_dark_runs_open_since",
            "state_since",
            sqlite_where=_OPEN_DARK,
            postgresql_where=_OPEN_DARK,
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    proposal_id: int = link("proposals.id")
    detector_id: int = link("detectors.id")
    detector_identifier: str
    pdu_physical_names: str = text()
    pdu_karabo_das: list[Any] = json_list()
    operation_mode_identifier: str
    operation_mode_name: str
    runs_info: str = text()
    flg_status: DarkState = word(DarkState, DarkState.REQUESTED)
    state_since: datetime
    requested_by: str
    requested_at: datetime
    deadline_at: datetime
    begin_at: datetime | None = None
    end_at: datetime | None = None
    size: str = ""
    report_url: str = Field(default="", max_length=250)
    full_calcat_report_url: str | None = None
    input_path: str | None = None
    output_path: str | None = None
    calcat_feedback: str = text()
    cal_pipeline_full_feedback: str = text()
    warnings: list[Any] = json_list()
    description: str = text()
    updated_at: datetime


class DarkRunPart(SQLModel, table=True):
    """One run of a dark request, and which gain stage it is."""

    __tablename__ = "dark_runs_runs"
    __table_args__ = (sa.UniqueConstraint("dark_run_id", "position"),)

    id: int | None = Field(default=None, primary_key=True)
    dark_run_id: int = link("dark_runs.id", index=False)
    run_id: int = link("runs.id")
    position: int
    stage: str = Field(max_length=20)


class Execution(SQLModel, table=True):
    """One detector of one request: the jobs, the folder, the result."""

    __tablename__ = "executions"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=120)
    """Name of its first job."""
    request_id: int | None = maybe_link("calibration_requests.id", index=True)
    dark_run_id: int | None = maybe_link("dark_runs.id", index=True)
    karabo_id: str
    detector_type: str
    state: ExecutionState = word(ExecutionState, ExecutionState.PLANNED)
    state_since: datetime
    folder: str = text()
    """Staging folder of the result, as the catalog names paths."""
    report_path: str = text()
    partition: str = ""
    reservation: str = ""
    job: dict[str, Any] = json_dict()
    """The job file."""
    words: str = text()
    data_group_id: int | None = maybe_link("data_groups.id")
    created_at: datetime
    ended_at: datetime | None = None


class BatchJob(SQLModel, table=True):
    """A job of an execution, as SLURM last showed it; its key is its name there."""

    __tablename__ = "batch_jobs"
    __table_args__ = (
        sa.Index("ix_batch_jobs_open", "key", sqlite_where=_OPEN_JOB, postgresql_where=_OPEN_JOB),
    )

    id: int | None = Field(default=None, primary_key=True)
    execution_id: int = link("executions.id")
    key: str = Field(unique=True, max_length=140)
    step: str = Field(max_length=20)
    tasks: int = 1
    minutes: int = 60
    memory_mb: int = 0
    """Per node, MiB; 0: what the partition gives by itself."""
    command: list[Any] = json_list()
    state: JobState = word(JobState, JobState.PLANNED)
    state_since: datetime
    job_id: str = ""
    words: str = text()
    reason: str = ""
    exit_code: str = ""
    submitted_at: datetime | None = None
    begin_at: datetime | None = None
    end_at: datetime | None = None
    elapsed_seconds: int | None = None
    last_seen_at: datetime | None = None
    missing_since: datetime | None = None


class Report(SQLModel, table=True):
    """A PDF about a calibrated run or a dark request."""

    __tablename__ = "reports"
    __table_args__ = (sa.UniqueConstraint("name", "cal_report_path", "run_id"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=128)
    cal_report_path: str
    cal_report_at: datetime
    run_id: int = link("runs.id")
    execution_id: int | None = maybe_link("executions.id", index=True)
    description: str = text()


class ConstantVersion(SQLModel, table=True):
    """A version of a calibration constant of one module, and from when it holds."""

    __tablename__ = "constant_versions"
    __table_args__ = (
        sa.UniqueConstraint("physical_detector_unit_id", "calibration", "name"),
        sa.Index(
            "ix_constant_versions_validity",
            "physical_detector_unit_id",
            "calibration",
            "begin_validity_at",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    ccv_id: int | None = Field(default=None, index=True)
    """Row id in CalCat, None where the site has none."""
    physical_detector_unit_id: int = link("physical_detector_units.id", index=False)
    calibration: str = Field(max_length=40)
    name: str = Field(max_length=60)
    condition: dict[str, Any] = json_dict()
    file_name: str
    path_to_file: str
    data_set_name: str
    xxh3_128: str = Field(max_length=32)
    begin_validity_at: datetime
    end_validity_at: datetime | None = None
    begin_at: datetime
    flg_deployed: bool = False
    flg_good_quality: bool = True
    raw_data_location: str = text()
    report_id: int | None = maybe_link("reports.id")
    dark_run_id: int | None = maybe_link("dark_runs.id", index=True)
    created_at: datetime


class RunConstant(SQLModel, table=True):
    """Which version of which constant a run's corrected data were made with."""

    __tablename__ = "run_constants"
    __table_args__ = (sa.UniqueConstraint("execution_id", "karabo_da", "calibration"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = link("runs.id")
    execution_id: int = link("executions.id", index=False)
    karabo_da: str
    physical_name: str
    calibration: str
    ccv_id: int | None = Field(default=None, index=True)
    constant_version_id: int | None = maybe_link("constant_versions.id", index=True)
    path: str
    dataset: str
