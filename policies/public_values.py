"""The parts that public records are made of: people, words, places, licences, files."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Organisation:
    """An institution.

    Attributes:
        name: Its name.
        ror: `https://ror.org/…`; empty: unknown.
    """

    name: str
    ror: str = ""


@dataclass(frozen=True)
class Person:
    """Somebody who is named in public, because the DOI publishes the name.

    Attributes:
        given: Given names.
        family: Family name.
        orcid: `0000-0002-1825-0097`; empty: unknown.
        affiliation: Where she works; None: unknown.
    """

    given: str
    family: str
    orcid: str = ""
    affiliation: Organisation | None = None

    @property
    def name(self) -> str:
        """`Family, Given`, as citations have it."""
        return ", ".join(part for part in (self.family, self.given) if part)

    @property
    def full_name(self) -> str:
        """`Given Family`."""
        return " ".join(part for part in (self.given, self.family) if part)


@dataclass(frozen=True)
class Contributor:
    """Who contributed what.

    Attributes:
        who: A person or an institution.
        kind: DataCite's contributor type, for example `DataCollector`.
    """

    who: Person | Organisation
    kind: str


@dataclass(frozen=True)
class Term:
    """A word of a controlled vocabulary.

    Attributes:
        label: For people.
        iri: Its identifier; empty: a free keyword.
        scheme: Name of the vocabulary, for example `PaNET`.
    """

    label: str
    iri: str = ""
    scheme: str = ""


@dataclass(frozen=True)
class Related:
    """Another resource.

    Attributes:
        identifier: Its identifier.
        identifier_type: `DOI` or `URL`.
        relation: DataCite's relation type, for example `IsCollectedBy`.
        general_type: DataCite's general resource type of the other; empty: unknown.
        title: For people; empty: unknown.
    """

    identifier: str
    identifier_type: str
    relation: str
    general_type: str = ""
    title: str = ""


@dataclass(frozen=True)
class Licence:
    """Under which the data are given.

    Attributes:
        spdx: SPDX identifier, for example `CC-BY-4.0`.
        name: In full.
        url: Its text.
    """

    spdx: str
    name: str
    url: str


@dataclass(frozen=True)
class Place:
    """Where it was measured.

    Attributes:
        name: For people.
        latitude: Degrees north; None: unknown.
        longitude: Degrees east; None: unknown.
    """

    name: str
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True)
class Grant:
    """Funding.

    Attributes:
        funder: Who paid.
        number: Of the award.
        title: Of the award.
    """

    funder: Organisation
    number: str = ""
    title: str = ""


@dataclass(frozen=True)
class Quantity:
    """A parameter of the measurement.

    Attributes:
        name: For example `photon_energy`.
        value: A finite number or a word.
        unit: As written; empty: none.
    """

    name: str
    value: float | str
    unit: str = ""


@dataclass(frozen=True)
class Publisher:
    """The facility as the public sees it; from the settings.

    Attributes:
        organisation: The facility.
        base_url: Where landing pages are, without a slash at the end.
        place: Where it stands.
        data_team: Name of the data management group.
        user_office: Name of the user office.
        contact_email: For questions about the data.
        repository_url: Where people look for data; empty: the landing pages' address.
        accessibility_url: The accessibility statement; empty: none.
    """

    organisation: Organisation
    base_url: str
    place: Place
    data_team: str
    user_office: str
    contact_email: str
    repository_url: str = ""
    accessibility_url: str = ""

    def landing_url(self, doi: str) -> str:
        """Address of a DOI's landing page."""
        return f"{self.base_url}/doi/{doi}"


@dataclass(frozen=True)
class Tombstone:
    """What is left of something withdrawn.

    Attributes:
        reason: One of the vocabulary of removal reasons, in words.
        note: More words; may be empty.
        removed_on: The civil day.
        citation: As it was at the removal.
        successor: DOI of what replaces it; empty: nothing does.
    """

    reason: str
    note: str
    removed_on: date
    citation: str
    successor: str = ""


@dataclass(frozen=True)
class PublicFile:
    """A file of open data.

    Attributes:
        path: Below the DOI's `files/` address, for example `raw/r0001/RAW-R0001-DA01-S00000.h5`.
        size_bytes: Bytes.
        sha256: 64 hex digits; empty: not known.
        adler32: 8 hex digits.
        media_type: For example `application/x-hdf5`.
        stored: Where it is on disk as the catalog names it; never shown.
    """

    path: str
    size_bytes: int
    sha256: str
    adler32: str
    media_type: str
    stored: str = field(default="", repr=False)
