"""schema.org in JSON-LD, as data search engines and Bioschemas read it.

Source: Bioschemas Dataset profile 1.0; Google's guidance on dataset markup.
"""

import json
from datetime import UTC, date
from typing import Any

from api.citation import doi_url
from api.formats.form import Shown
from policies.public_record import Organisation, Person, PublicFile, PublicRecord, Term
from policies.vocabulary import AccessRight

BIOSCHEMAS = "https://bioschemas.org/profiles/Dataset/1.0-RELEASE"
_LONGEST = 5000
PANET = "http://purl.org/pan-science/PaNET/PaNET.owl"

CONDITIONS = {
    AccessRight.OPEN: "Open to everybody",
    AccessRight.EMBARGOED: "Closed until the embargo ends",
    AccessRight.RESTRICTED: "On request",
    AccessRight.METADATA_ONLY: "Not available",
}
"""Who may read the data, in words."""


def json_ld(shown: Shown) -> str:
    """A schema.org Dataset, or a product for an instrument."""
    return json.dumps(graph(shown), ensure_ascii=False, indent=1) + "\n"


def embedded(shown: Shown) -> str:
    """The same for a `script` element: nothing in it can end the element."""
    text = json.dumps(graph(shown), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def published_on(record: PublicRecord) -> date | None:
    """Civil day on which what the page shows was published."""
    if record.issued_on is not None:
        return record.issued_on
    return record.published_at.astimezone(UTC).date() if record.published_at else None


def graph(shown: Shown) -> dict[str, Any]:
    """The document as values."""
    record = shown.record
    facility = _organisation(record.publisher.organisation)
    said: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": doi_url(record.doi),
        "url": shown.page,
        "http://purl.org/dc/terms/conformsTo": {"@id": BIOSCHEMAS},
        "identifier": [
            {
                "@type": "PropertyValue",
                "propertyID": "https://registry.identifiers.org/registry/doi",
                "value": f"doi:{record.doi}",
                "url": doi_url(record.doi),
            }
        ],
        "name": record.title,
        "description": record.abstract[:_LONGEST],
        "creator": [_who(who) for who in record.creators],
        "author": [_who(who) for who in record.creators],
        "publisher": facility,
        "provider": facility,
        "includedInDataCatalog": {
            "@type": "DataCatalog",
            "name": f"{record.publisher.organisation.name} data",
            "url": record.publisher.repository_url or record.publisher.base_url,
        },
        "inLanguage": "en",
        "version": record.version,
        "isAccessibleForFree": record.access is AccessRight.OPEN,
        "conditionsOfAccess": CONDITIONS[record.access],
        "license": record.licence.url if record.licence else None,
        "keywords": [_term(term) for term in record.keywords],
        "measurementTechnique": [term.iri or term.label for term in record.keywords],
        "spatialCoverage": _place(record),
        "size": ", ".join(record.sizes),
        "subjectOf": {
            "@type": "CreativeWork",
            "name": "RO-Crate",
            "url": shown.below("ro-crate-metadata.json"),
            "encodingFormat": "application/ld+json",
        },
    }
    said |= _dates(record) | _more(record)
    said["distribution"] = [_download(shown, file) for file in shown.fetchable]
    return {name: value for name, value in said.items() if value not in (None, "", [], {})}


def _dates(record: PublicRecord) -> dict[str, Any]:
    first, last, out = record.collected_from, record.collected_to, published_on(record)
    return {
        "datePublished": out.isoformat() if out else None,
        "dateCreated": record.created_on.isoformat() if record.created_on else None,
        "dateModified": record.updated_at.isoformat() if record.updated_at else None,
        "temporalCoverage": f"{first}/{last or first}" if first else None,
    }


def _more(record: PublicRecord) -> dict[str, Any]:
    papers = [r for r in record.related if r.relation == "IsSupplementTo"]
    return {
        "variableMeasured": [
            {"@type": "PropertyValue", "name": q.name, "value": q.value, "unitText": q.unit}
            for q in record.quantities
        ],
        "funding": [
            {
                "@type": "Grant",
                "name": grant.title or grant.number or grant.funder.name,
                "identifier": grant.number,
                "funder": _organisation(grant.funder),
            }
            for grant in record.grants
        ],
        "citation": [
            {"@type": "ScholarlyArticle", "@id": doi_url(r.identifier), "name": r.title}
            for r in papers
        ],
    }


def _organisation(one: Organisation) -> dict[str, Any]:
    return {"@type": "Organization", "name": one.name} | ({"@id": one.ror} if one.ror else {})


def _who(who: Person | Organisation) -> dict[str, Any]:
    if isinstance(who, Organisation):
        return _organisation(who)
    said: dict[str, Any] = {"@type": "Person", "name": who.full_name, "familyName": who.family}
    if who.given:
        said["givenName"] = who.given
    if who.orcid:
        said["@id"] = f"https://orcid.org/{who.orcid}"
    if who.affiliation:
        said["affiliation"] = _organisation(who.affiliation)
    return said


def _term(term: Term) -> dict[str, Any]:
    said = {"@type": "DefinedTerm", "name": term.label}
    return said | ({"url": term.iri, "inDefinedTermSet": PANET} if term.iri else {})


def _place(record: PublicRecord) -> dict[str, Any]:
    place = record.publisher.place
    said: dict[str, Any] = {"@type": "Place", "name": place.name}
    if place.latitude is not None and place.longitude is not None:
        where = {"latitude": place.latitude, "longitude": place.longitude}
        said["geo"] = {"@type": "GeoCoordinates"} | where
    return said


def _download(shown: Shown, file: PublicFile) -> dict[str, Any]:
    said = {
        "@type": "DataDownload",
        "name": file.path,
        "contentUrl": shown.file(file),
        "encodingFormat": file.media_type,
        "contentSize": str(file.size_bytes),
    }
    return said | ({"sha256": file.sha256} if file.sha256 else {})
