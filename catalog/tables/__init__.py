"""All tables; importing this package fills the metadata."""

from catalog.tables.base import metadata
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
from catalog.tables.files import (
    DataFile,
    DataGroup,
    DatasetFile,
    Finding,
    Replica,
    RunDataGroup,
)
from catalog.tables.journal import Change, Inbox, Lease, Obligation, Outbox
from catalog.tables.people import User
from catalog.tables.proposals import (
    Beamtime,
    Experiment,
    Proposal,
    ProvisioningStep,
    Sample,
    TeamMember,
    TeamSnapshot,
)
from catalog.tables.runs import Run, RunTechnique

__all__ = [
    "Beamtime",
    "Change",
    "DataFile",
    "DataGroup",
    "DataGroupType",
    "DatasetFile",
    "Experiment",
    "ExperimentType",
    "Facility",
    "Finding",
    "Inbox",
    "Instrument",
    "InstrumentCycle",
    "InstrumentUser",
    "Lease",
    "Obligation",
    "Outbox",
    "Proposal",
    "ProvisioningStep",
    "Replica",
    "Repository",
    "Run",
    "RunDataGroup",
    "RunTechnique",
    "Sample",
    "SampleType",
    "TeamMember",
    "TeamSnapshot",
    "Technique",
    "User",
    "metadata",
]
