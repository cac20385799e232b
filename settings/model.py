"""All settings of a site: one model, one file, one section per module that reads it.

Read from the YAML file that `BEAMKEEPER_CONFIG` names (`beamkeeper.yaml` by default), then
from environment variables (`BEAMKEEPER_DATABASE_URL`, `BEAMKEEPER_GATEWAY__PORT`, …), which
win. Secrets belong into the environment or into this file with mode 0600. A misspelt name is an
error.
"""

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from policies.errors import Misconfigured
from settings.audit import AuditSection
from settings.batch import BatchSettings
from settings.calibration import CalibrationSettings
from settings.constants import ConstantsSettings
from settings.directory import DirectorySettings
from settings.engine import EngineSettings
from settings.gateway import GatewaySettings
from settings.portal import PortalSettings
from settings.public import PublicSettings
from settings.release import ReleaseSettings
from settings.storage import StorageSettings
from settings.tape import TapeSettings

CONFIG = "BEAMKEEPER_CONFIG"
"""Environment variable that names the settings file."""


class AutomaticSettings(BaseModel):
    """Transitions that happen by the clock; all off by default.

    Attributes:
        start: Ready becomes Active when the first beamtime begins.
        finish: Active becomes Finished a day after the last beamtime, when no run is open.
        close: Reviewed becomes Closed when nothing more is due.
    """

    model_config = ConfigDict(extra="forbid")

    start: bool = False
    finish: bool = False
    close: bool = False


class WorkSettings(BaseModel):
    """How long work may be silent before somebody else takes it over.

    Attributes:
        lease_seconds: How long a unit stays taken after its worker's last sign of life.
        renew_seconds: Pause between two signs of life; well below the lease.
        lost_after_seconds: A flow handed over this long ago without an end and without a
            live lease is asked for again.
        along_flows: Flow runs that the closed runs of one proposal get while they get on; the
            others wait and are taken along by these. About the cores that its workers have.
        along_units: Further units that one flow run takes along at the most.
        along_seconds: After so long a flow run takes no further one along.
    """

    model_config = ConfigDict(extra="forbid")

    lease_seconds: float = Field(default=60, gt=0)
    renew_seconds: float = Field(default=15, gt=0)
    lost_after_seconds: float = Field(default=120, gt=0)
    along_flows: int = Field(default=2, ge=1)
    along_units: int = Field(default=250, ge=0)
    along_seconds: float = Field(default=30, ge=0)


class NoticeSettings(BaseModel):
    """How people are told.

    Attributes:
        smtp_host: Mail server; empty: notices are written to the log only.
        smtp_port: Its port.
        sender: Address that mails come from.
        facility_address: Where notices to roles without a person go.
    """

    model_config = ConfigDict(extra="forbid")

    smtp_host: str = ""
    smtp_port: int = 25
    sender: str = "beamkeeper@localhost"
    facility_address: str = ""


class Settings(BaseSettings):
    """Everything a site says about itself.

    Attributes:
        home: Folder for what beamkeeper itself keeps on this machine.
        database_url: The catalog: `sqlite:///…` or `postgresql+psycopg2://…`.
        facility_file: The facility file; a path or the name of one that comes along.
        timezone: The facility's time zone, for civil dates.
        data_policies: Names of the facility's data policies, the oldest first.
        data_policies_folder: Folder of their files; None: those that come along.
        engine: The flow engine.
        gateway: Webhooks in and out.
        directory: LDAP; None: not configured, groups are skipped visibly.
        storage: Where repositories are mounted here; None: not configured.
        release: What a nightly round of releases may open without a person.
        tape: The store with tape behind it; None: not configured, nothing is archived.
        portal: The user portal; None: not configured.
        audit: How strictly run files are judged.
        batch: The cluster's batch system; None: not configured.
        calibration: When and how runs are calibrated.
        constants: The constants store and the constants catalogue; None: not configured.
        automatic: Transitions by the clock.
        work: When silent work is taken over.
        notices: How people are told.
        public: The public pages; None: not configured, not served.
    """

    model_config = SettingsConfigDict(
        env_prefix="BEAMKEEPER_", env_nested_delimiter="__", extra="forbid"
    )

    home: Path = Path("var")
    database_url: SecretStr = SecretStr("sqlite:///var/catalog.db")
    facility_file: str = "xfel"
    timezone: str = "Europe/Berlin"
    data_policies: tuple[str, ...] = ("euxfel-2017", "euxfel-2025")
    data_policies_folder: Path | None = None
    engine: EngineSettings = EngineSettings()
    gateway: GatewaySettings = GatewaySettings()
    directory: DirectorySettings | None = None
    storage: StorageSettings | None = None
    release: ReleaseSettings = ReleaseSettings()
    tape: TapeSettings | None = None
    portal: PortalSettings | None = None
    audit: AuditSection = AuditSection()
    batch: BatchSettings | None = None
    calibration: CalibrationSettings = CalibrationSettings()
    constants: ConstantsSettings | None = None
    automatic: AutomaticSettings = AutomaticSettings()
    work: WorkSettings = WorkSettings()
    notices: NoticeSettings = NoticeSettings()
    public: PublicSettings | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; no `.env`."""
        path = Path(os.environ.get(CONFIG, "beamkeeper.yaml"))
        file = YamlConfigSettingsSource(settings_cls, yaml_file=path)
        return (init_settings, env_settings, file)


@cache
def load() -> Settings:
    """The settings of this process, read once.

    Raises:
        Misconfigured: A value is missing or wrong; the message names the setting and never
            shows its value.
    """
    named = os.environ.get(CONFIG)
    if named and not Path(named).is_file():
        raise Misconfigured(f"{CONFIG} names {named}, which is no file")
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
        )
        raise Misconfigured(f"settings: {faults}") from None
