"""Where this machine has the repositories mounted, and the numeric ids of their services."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class StorageSettings(BaseModel):
    """Storage as this machine sees it.

    Attributes:
        mounts: Repository identifier → folder under which its paths lie here; `/` where the
            catalog's paths are the machine's own.
        marker: Name of a file in each mount that holds the repository's identifier; without
            it the storage counts as not mounted. Empty switches the check off.
        offline: Identifier of the repository that holds the proposals' offline folders.
        uid_daq: Numeric uid of the data acquisition.
        uid_migrator: Numeric uid of the migration service.
        uid_calibration: Numeric uid of the calibration service.
        service_gid: Numeric gid of the folders' owners.
        quotas: Quota per kind of folder in bytes, recorded with the proposal.
    """

    model_config = ConfigDict(extra="forbid")

    mounts: dict[str, Path]
    marker: str = ".beamkeeper-storage"
    offline: str = "XFEL_GPFS_OFFLINE_RAW_CC"
    uid_daq: int = Field(default=0, ge=0)
    uid_migrator: int = Field(default=0, ge=0)
    uid_calibration: int = Field(default=0, ge=0)
    service_gid: int = Field(default=0, ge=0)
    quotas: dict[str, int] = {"usr": 5 * 1024**4}

    def roots(self) -> dict[str, Path]:
        """Mounts by repository identifier."""
        return dict(self.mounts)
