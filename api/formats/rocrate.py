"""A detached RO-Crate: one JSON-LD file that describes data where they are.

Source: RO-Crate 1.2.
"""

import json
from typing import Any

from api.citation import doi_url
from api.formats.form import Shown
from api.formats.schemaorg import CONDITIONS, published_on
from policies.public_record import Organisation, Person, PublicRecord

PROFILE = "https://w3id.org/ro/crate"
CONTEXT = "https://w3id.org/ro/crate/1.2/context"
VERSION = "https://w3id.org/ro/crate/1.2"

Entity = dict[str, Any]


def crate(shown: Shown) -> str:
    """The crate of a DOI; files are in it only while they are open."""
    return json.dumps(document(shown), ensure_ascii=False, indent=1) + "\n"


def document(shown: Shown) -> Entity:
    """The crate as values."""
    record = shown.record
    root = _root(shown)
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": VERSION},
        "about": {"@id": root["@id"]},
    }
    more = [*_agents(record), *_terms(record), *_files(shown), *_papers(record)]
    if record.licence:
        more.append(
            {
                "@id": record.licence.url,
                "@type": "CreativeWork",
                "name": record.licence.name,
                "identifier": record.licence.spdx,
                "description": f"The licence {record.licence.spdx} of the data.",
            }
        )
    unique = {entity["@id"]: entity for entity in [descriptor, root, *more]}
    return {"@context": CONTEXT, "@graph": list(unique.values())}


def _root(shown: Shown) -> Entity:
    record = shown.record
    day = published_on(record)
    said: Entity = {
        "@id": doi_url(record.doi),
        "@type": "Dataset",
        "name": record.title,
        "description": record.abstract,
        "datePublished": day.isoformat() if day else None,
        "identifier": doi_url(record.doi),
        "cite-as": doi_url(record.doi),
        "url": shown.page,
        "version": record.version,
        "license": {"@id": record.licence.url} if record.licence else None,
        "conditionsOfAccess": CONDITIONS[record.access],
        "author": [{"@id": _id(who)} for who in record.creators],
        "publisher": {"@id": _id(record.publisher.organisation)},
        "keywords": [term.label for term in record.keywords],
        "about": [{"@id": term.iri} for term in record.keywords if term.iri],
        "citation": [{"@id": paper["@id"]} for paper in _papers(record)],
        "hasPart": [{"@id": shown.file(file)} for file in shown.fetchable],
    }
    return {name: value for name, value in said.items() if value not in (None, "", [])}


def _id(who: Person | Organisation) -> str:
    if isinstance(who, Organisation):
        return who.ror or f"#{'-'.join(who.name.split())}"
    return f"https://orcid.org/{who.orcid}" if who.orcid else f"#{'-'.join(who.name.split())}"


def _agents(record: PublicRecord) -> list[Entity]:
    found: list[Entity] = []
    for who in (*record.creators, record.publisher.organisation):
        if isinstance(who, Organisation):
            found.append(_organisation(who))
            continue
        person: Entity = {"@id": _id(who), "@type": "Person", "name": who.full_name}
        person |= {"givenName": who.given, "familyName": who.family}
        if who.affiliation:
            person["affiliation"] = {"@id": _id(who.affiliation)}
            found.append(_organisation(who.affiliation))
        found.append(person)
    return found


def _organisation(one: Organisation) -> Entity:
    said: Entity = {"@id": _id(one), "@type": "Organization", "name": one.name}
    return said | ({"url": one.ror} if one.ror else {})


def _terms(record: PublicRecord) -> list[Entity]:
    return [
        {"@id": term.iri, "@type": "DefinedTerm", "name": term.label, "url": term.iri}
        for term in record.keywords
        if term.iri
    ]


def _papers(record: PublicRecord) -> list[Entity]:
    return [
        {
            "@id": doi_url(paper.identifier),
            "@type": "ScholarlyArticle",
            "name": paper.title or paper.identifier,
        }
        for paper in record.related
        if paper.relation == "IsSupplementTo"
    ]


def _files(shown: Shown) -> list[Entity]:
    day = published_on(shown.record)
    found = []
    for file in shown.fetchable:
        said: Entity = {
            "@id": shown.file(file),
            "@type": "File",
            "name": file.path,
            "encodingFormat": file.media_type,
            "contentSize": str(file.size_bytes),
            "sdDatePublished": day.isoformat() if day else "",
        }
        found.append(said | ({"sha256": file.sha256} if file.sha256 else {}))
    return found
