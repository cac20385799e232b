"""What the rest of the system may ask of a constants catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from policies.constants import Condition, Strategy


@dataclass(frozen=True)
class Injection:
    """A new version of one module's constant.

    Attributes:
        detector_type: Our word or the catalogue's.
        physical_name: The module.
        calibration: The constant, for example `Offset`.
        condition: Under which parameters it holds.
        name: Name of the version; with the module and the constant it tells versions apart.
        path: Its file, below the constants store.
        dataset: Its place in the file.
        begin_at: When its data were taken, aware.
        raw_data_location: Which runs it was made from.
        begin_validity_at: From when it may be used, aware; None: `begin_at`.
        end_validity_at: Until when; None: no end.
        report_name: Name of its report; empty: none.
        report_path: File of the report.
        start_idx: First index in the dataset that belongs to it.
        end_idx: Last one.
        good: Whether its quality is good.
        description: Words for people.
    """

    detector_type: str
    physical_name: str
    calibration: str
    condition: Condition
    name: str
    path: str
    dataset: str
    begin_at: datetime
    raw_data_location: str
    begin_validity_at: datetime | None = None
    end_validity_at: datetime | None = None
    report_name: str = ""
    report_path: str = ""
    start_idx: int = 0
    end_idx: int = 0
    good: bool = True
    description: str = ""


@dataclass(frozen=True)
class Found:
    """A version that the catalogue names.

    Attributes:
        ccv_id: Its row.
        name: Its name.
        karabo_da: The module's place when its data were taken.
        physical_name: The module.
        calibration_id: Row of the constant's kind.
        calibration: Name of the constant's kind.
        path: Its file, below the constants store.
        dataset: Its place in the file.
        begin_at: When its data were taken, aware.
        begin_validity_at: From when it may be used; None: from `begin_at`.
        end_validity_at: Until when; None: no end.
        deployed: Whether it is in use.
        good: Whether its quality is good.
        raw_data_location: Which runs it was made from.
        report_id: Row of its report, None without one.
    """

    ccv_id: int
    name: str
    karabo_da: str
    physical_name: str
    calibration_id: int
    calibration: str
    path: str
    dataset: str
    begin_at: datetime
    begin_validity_at: datetime | None
    end_validity_at: datetime | None
    deployed: bool
    good: bool
    raw_data_location: str
    report_id: int | None


@dataclass(frozen=True)
class Unit:
    """A module of a detector, as hardware.

    Attributes:
        unit_id: Its row.
        physical_name: Its name.
        karabo_da: Its place.
        virtual_device_name: Its name in the control system.
        uuid: Its number, None when it has none.
        module_number: Its position, None when not said.
        detector_type: The catalogue's word for its kind.
    """

    unit_id: int
    physical_name: str
    karabo_da: str
    virtual_device_name: str
    uuid: int | None
    module_number: int | None
    detector_type: str


class ConstantsCatalog(Protocol):
    """Names versions of constants; nothing in it is ever removed.

    All raise `Unavailable` when it does not answer (what it did is unknown), `Denied` when it
    understood and said no, `Missing` for something that it does not know, `Invalid` with
    `context["fields"]` for what it refuses.
    """

    def inject(self, injection: Injection) -> int:
        """Name a version, not in use yet; the same one again finds what is there.

        Returns:
            Its row.

        Raises:
            Mismatch: What is there under this name, read back, says something else.
        """

    def deploy(self, ccv_ids: Sequence[int]) -> None:
        """Put versions into use, and read back that they are.

        Raises:
            Refused: One of bad quality; none is put into use then.
            Mismatch: One is not in use although the catalogue said so.
        """

    def versions_for(
        self,
        detector: str,
        calibrations: Sequence[str],
        at: datetime,
        condition: Mapping[str, float],
        strategy: Strategy = Strategy.PRIOR,
    ) -> tuple[Found, ...]:
        """For each module the version in use of each constant that applies at an instant.

        Args:
            detector: Identifier of the detector (karabo id).
            calibrations: Names of constants.
            at: For example the begin of a run, aware.
            condition: Values by parameter name.
            strategy: Which of several.
        """

    def units_of(self, detector: str, at: datetime | None = None) -> tuple[Unit, ...]:
        """Modules that stand in a detector, at an instant or now; empty when there are none."""

    def reachable(self) -> str:
        """Whom the catalogue takes us for, in words."""
