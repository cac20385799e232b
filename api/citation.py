"""How a DOI is cited, in words."""

from policies.public_record import Organisation, Person, PublicRecord
from policies.vocabulary import PageState


def name_of(who: Person | Organisation) -> str:
    """`Family, Given`, or the institution's name."""
    return who.name


def doi_url(doi: str) -> str:
    """A DOI as an address.

    Source: DOI display guidelines of the International DOI Foundation.
    """
    return f"https://doi.org/{doi}"


def citation(record: PublicRecord) -> str:
    """A citation; of something withdrawn the one that was frozen; empty where nothing is public.

    Source: DataCite's recommended form.
    """
    if record.page is PageState.TOMBSTONE:
        return record.tombstone.citation if record.tombstone else ""
    if not record.title:
        return ""
    authors = "; ".join(name_of(who) for who in record.creators)
    year = f" ({record.publication_year})" if record.publication_year else ""
    version = f" Version {record.version}." if record.version else ""
    return (
        f"{authors}{year}: {record.title}.{version} {record.publisher.organisation.name}. "
        f"{record.general_type}. {doi_url(record.doi)}"
    )
