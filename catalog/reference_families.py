"""Which tables hold reference rows, and what tells their rows apart."""

from dataclasses import dataclass

from sqlmodel import SQLModel

from catalog.tables.calibration import Detector, PhysicalDetectorUnit
from catalog.tables.facility import (
    DataGroupType,
    ExperimentType,
    Facility,
    Instrument,
    InstrumentCycle,
    InstrumentUser,
    Repository,
    SampleType,
    Technique,
)
from catalog.tables.people import User


@dataclass(frozen=True)
class Link:
    """A column that the file fills with the name of another row.

    Attributes:
        name: Field in the file.
        column: Foreign key column.
        table: The table it points at.
        key: That table's naming column.
    """

    name: str
    column: str
    table: type[SQLModel]
    key: str = "identifier"


@dataclass(frozen=True)
class Family:
    """A table of reference rows.

    Attributes:
        name: Key in the file's rows.
        table: The table.
        key: Columns that tell rows apart, whatever their ids.
        links: Columns that point at other families.
        defaults: Rows that only fill gaps: one that exists is left as it is.
    """

    name: str
    table: type[SQLModel]
    key: tuple[str, ...] = ("identifier",)
    links: tuple[Link, ...] = ()
    defaults: bool = False


_INSTRUMENT = Link("instrument", "instrument_id", Instrument)

FAMILIES = (
    Family("facilities", Facility),
    Family("data_group_types", DataGroupType),
    Family("experiment_types", ExperimentType),
    Family("sample_types", SampleType),
    Family("techniques", Technique),
    Family(
        "repositories",
        Repository,
        links=(Link("data_group_type", "data_group_type_id", DataGroupType),),
    ),
    Family("users", User, key=("uid",)),
    Family(
        "instruments",
        Instrument,
        links=(
            Link("facility", "facility_id", Facility),
            Link("repository", "repository_id", Repository),
            Link("instrument_leader", "instrument_leader_id", User, "uid"),
            Link("deputy_instrument_leader", "deputy_instrument_leader_id", User, "uid"),
        ),
    ),
    Family(
        "instruments_users",
        InstrumentUser,
        key=("instrument_id", "user_id", "kind"),
        links=(_INSTRUMENT, Link("user", "user_id", User, "uid")),
    ),
    Family("detectors", Detector, links=(_INSTRUMENT,)),
    Family(
        "physical_detector_units",
        PhysicalDetectorUnit,
        key=("physical_name",),
        links=(Link("detector", "detector_id", Detector),),
    ),
    Family(
        "instrument_cycles",
        InstrumentCycle,
        key=("identifier", "instrument_id"),
        links=(_INSTRUMENT,),
    ),
    Family(
        "cycles_by_rule",
        InstrumentCycle,
        key=("identifier", "instrument_id"),
        links=(_INSTRUMENT,),
        defaults=True,
    ),
)
"""In the order in which they refer to each other."""
