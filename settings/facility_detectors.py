"""Detectors in a facility file, with their modules."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from settings.facility_parts import Row


class UnitRow(Row):
    """A module of a detector, as hardware."""

    physical_name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    karabo_da: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{3,20}$")]
    virtual_device_name: str = ""
    uuid: str = ""
    module_number: int = Field(default=0, ge=0)


class DetectorRow(Row):
    """A detector.

    Attributes:
        identifier: Its karabo id; becomes part of file and job names.
        instrument: Identifier of the instrument.
        units: Its modules, each at its place.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    identifier: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_-]{2,63}$")]
    karabo_id_control: str = ""
    detector_type: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,20}$")]
    instrument: str
    source_name_pattern: str = ""
    number_of_modules: int = Field(ge=1, le=1000)
    first_module_index: int = Field(default=0, ge=0)
    units: tuple[UnitRow, ...] = ()

    def columns(self) -> dict[str, Any]:
        """Values by column; the modules are rows of their own."""
        return self.model_dump(exclude_unset=True, exclude={"units"})

    def modules(self) -> list[dict[str, Any]]:
        """Rows of `physical_detector_units`."""
        return [unit.columns() | {"detector": self.identifier} for unit in self.units]
