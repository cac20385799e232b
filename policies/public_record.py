"""What the public may read of a DOI, as one value.

Everything that leaves the house about data (DOI metadata, landing page, exports, harvesting)
is made of a `PublicRecord` and of nothing else, so what is not in it cannot leak.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from policies.public_values import (
    Contributor,
    Grant,
    Licence,
    Organisation,
    Person,
    Place,
    PublicFile,
    Publisher,
    Quantity,
    Related,
    Term,
    Tombstone,
)
from policies.vocabulary import AccessRight, DoiSubject, PageState

__all__ = [
    "Contributor",
    "Grant",
    "Licence",
    "Organisation",
    "Person",
    "Place",
    "PublicFile",
    "PublicRecord",
    "Publisher",
    "Quantity",
    "Related",
    "Term",
    "Tombstone",
]


@dataclass(frozen=True)
class PublicRecord:
    """Everything that may be said in public about a DOI.

    In the states unknown, minimal and hidden every field about the experiment is empty; in the
    state embargoed nothing about files is in it but their number and size.

    Attributes:
        doi: As minted.
        subject: What it names.
        page: What the landing page shows.
        access: Who may read the data.
        publisher: The facility.
        version: For example `1.0`.
        title: Never empty where metadata are public.
        abstract: Never empty where metadata are public.
        creators: At least one where metadata are public; the facility if nobody is named.
        contributors: Others, with their kind.
        resource_type: In words, for example `Proposal raw and calibrated data`.
        general_type: DataCite's general type.
        proposal: Proposal number; None: an instrument.
        instrument: Its name; empty: none.
        instrument_identifier: For example `SPB`.
        cycle: For example `202401`; empty: none.
        run: Run number; None: more than one run.
        collected_from: First civil day of the measurement.
        collected_to: Last civil day.
        created_on: Civil day on which the last file was closed.
        embargo_from: Civil day of the end of the last beamtime.
        embargo_until: The instant at which the embargo ends; None: opens on no date.
        available_on: First civil day that is open from midnight; None: on none.
        issued_on: Civil day on which the data were opened; None: they were not.
        updated_at: Last change of what is public, aware.
        published_at: When it was first findable, aware.
        sizes: In words, for example `118 runs`.
        formats: Media types.
        byte_size: Bytes of all data.
        file_count: Number of files.
        run_count: Number of runs.
        keywords: Techniques and free words.
        quantities: Parameters.
        samples: Names of samples.
        related: Other resources.
        grants: Funding.
        licence: Of the data; None: none is promised.
        metadata_licence: SPDX identifier of the metadata's licence.
        methods: How the data were made; may be empty.
        technical: File layout and format; may be empty.
        alternate: Other identifiers by kind.
        on_request: Whether access may be asked for before the data are open.
        tombstone: In the state tombstone.
        successor: DOI of a newer version; empty: none.
        hidden_reason: Class of the reason in the state hidden.
    """

    doi: str
    subject: DoiSubject
    page: PageState
    access: AccessRight
    publisher: Publisher
    version: str = "1.0"
    title: str = ""
    abstract: str = ""
    creators: tuple[Person | Organisation, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    resource_type: str = ""
    general_type: str = "Dataset"
    proposal: int | None = None
    instrument: str = ""
    instrument_identifier: str = ""
    cycle: str = ""
    run: int | None = None
    collected_from: date | None = None
    collected_to: date | None = None
    created_on: date | None = None
    embargo_from: date | None = None
    embargo_until: datetime | None = None
    available_on: date | None = None
    issued_on: date | None = None
    updated_at: datetime | None = None
    published_at: datetime | None = None
    sizes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    byte_size: int = 0
    file_count: int = 0
    run_count: int = 0
    keywords: tuple[Term, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    samples: tuple[str, ...] = ()
    related: tuple[Related, ...] = ()
    grants: tuple[Grant, ...] = ()
    licence: Licence | None = None
    metadata_licence: str = "CC0-1.0"
    methods: str = ""
    technical: str = ""
    alternate: Mapping[str, str] = field(default_factory=dict)
    on_request: bool = True
    tombstone: Tombstone | None = None
    successor: str = ""
    hidden_reason: str = ""

    @property
    def publication_year(self) -> int | None:
        """Year in which the embargo ends; None: there is no date.

        Source: DataCite's guidance on embargoed data.
        """
        day = self.issued_on or self.available_on or self.embargo_from
        return day.year if day else None

    @property
    def landing_url(self) -> str:
        """Address of its page."""
        return self.publisher.landing_url(self.doi)
