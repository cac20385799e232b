"""Where this machine has the repositories mounted, and the numeric ids of their services."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from policies.access_table import Service
from policies.errors import Invalid
from policies.layout import KINDS, Mounts, place

Uid = Annotated[int, Field(ge=0, lt=2**32 - 1)]
"""A numeric uid; the largest number means "nobody in particular" to the kernel."""


class AclMode(StrEnum):
    """How a storage keeps rights."""

    POSIX = "posix"
    """POSIX ACLs with default ACLs."""
    MODE = "mode"
    """Owner, owning group and mode bits only; rights are never wider than the ACL's."""


class StorageSettings(BaseModel):
    """Storage as this machine sees it.

    Attributes:
        mounts: Repository identifier → folder under which its paths lie here; `/` where the
            catalog's paths are the machine's own.
        marker: Name of a file in each mount that holds the repository's identifier; without
            it the storage counts as not mounted. Empty switches the check off.
        marker_folders: Repository identifier → catalog paths of the folders that hold the
            marker, where that is not the root itself: with root `/` the file systems behind
            it, for example `/gpfs/exfel/d` and `/gpfs/exfel/u`.
        acl: Repository identifier → how it keeps rights; `posix` where nothing is said.
        offline: Identifier of the repository that holds the proposals' offline folders.
        archive: Identifier of the dCache repository with the second copies; skipped where it
            is not mounted.
        trees: Where the facility's trees begin.
        uid_keeper: Numeric uid that owns the folders: ours.
        uid_daq: Numeric uid of the data acquisition; None: works as the keeper.
        uid_migrator: Numeric uid of the migration service; None: works as the keeper.
        uid_calibration: Numeric uid of the calibration service; None: works as the keeper.
        uid_reduction: Numeric uid of the reduction service; None: works as the keeper.
        quotas: Quota per kind of folder in bytes, recorded with the proposal.
    """

    model_config = ConfigDict(extra="forbid")

    mounts: dict[str, Path]
    marker: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$")] = ".beamkeeper-storage"
    marker_folders: dict[str, list[str]] = {}
    acl: dict[str, AclMode] = {}
    offline: str = "XFEL_GPFS_OFFLINE_RAW_CC"
    archive: str = "DESY_DCACHE_RAW_CC"
    trees: Mounts = Mounts()
    uid_keeper: Uid = 0
    uid_daq: Uid | None = None
    uid_migrator: Uid | None = None
    uid_calibration: Uid | None = None
    uid_reduction: Uid | None = None
    quotas: dict[str, Annotated[int, Field(gt=0)]] = {"usr": 5 * 1024**4}

    @field_validator("trees", mode="before")
    @classmethod
    def _trees_fit(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        try:
            return Mounts(**value) if isinstance(value, dict) else value
        except (Invalid, TypeError) as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Roots are absolute, and nothing speaks of a repository or kind that is not there."""
        try:
            for root in self.mounts.values():
                place(str(root), "/gpfs")
            for folder in (f for folders in self.marker_folders.values() for f in folders):
                place("/", folder)
        except Invalid as error:
            raise ValueError(error.message) from None
        for field in ("marker_folders", "acl"):
            strangers = sorted(getattr(self, field).keys() - self.mounts.keys())
            if strangers:
                raise ValueError(f"{field} names {', '.join(strangers)}, which mounts does not")
        strangers = sorted(self.quotas.keys() - set(KINDS))
        if strangers:
            raise ValueError(f"quotas names {', '.join(strangers)}; kinds are {', '.join(KINDS)}")
        return self

    def roots(self) -> dict[str, Path]:
        """Mounts by repository identifier."""
        return dict(self.mounts)

    def services(self) -> dict[Service, int]:
        """Uid of each service that has one of its own."""
        known = {
            Service.DAQ: self.uid_daq,
            Service.MIGRATOR: self.uid_migrator,
            Service.CALIBRATION: self.uid_calibration,
            Service.REDUCTION: self.uid_reduction,
        }
        return {service: uid for service, uid in known.items() if uid is not None}
