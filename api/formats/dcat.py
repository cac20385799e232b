"""Turtle with DCAT and PROV, for catalogues of data.

Source: DCAT 3; DCAT-AP 3.0.1 (types of sizes, checksums, agents); COAR access rights.
"""

from datetime import date
from urllib.parse import quote

from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, PROV, RDF, SKOS, XSD
from rdflib.term import Node

from api.citation import doi_url
from api.formats.form import Shown, address
from api.formats.schemaorg import published_on
from policies.public_record import Organisation, Person, PublicFile, PublicRecord
from policies.vocabulary import AccessRight

SPDX = Namespace("http://spdx.org/rdf/terms#")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
EU = "http://publications.europa.eu/resource/authority/"
COAR = "http://purl.org/coar/access_right/"
RIGHTS = {
    AccessRight.OPEN: ("PUBLIC", "c_abf2"),
    AccessRight.EMBARGOED: ("RESTRICTED", "c_f1cf"),
    AccessRight.RESTRICTED: ("RESTRICTED", "c_16ec"),
    AccessRight.METADATA_ONLY: ("RESTRICTED", "c_14cb"),
}
"""One state in two vocabularies: the European authority's and COAR's."""


def turtle(shown: Shown) -> str:
    """The record as Turtle."""
    graph = Graph(bind_namespaces="none")
    for prefix, space in (
        ("dcat", DCAT),
        ("dct", DCTERMS),
        ("foaf", FOAF),
        ("prov", PROV),
        ("skos", SKOS),
        ("spdx", SPDX),
        ("vcard", VCARD),
        ("xsd", XSD),
    ):
        graph.bind(prefix, space)
    data = URIRef(address(doi_url(shown.record.doi)))
    _say(graph, data, shown)
    _dates(graph, data, shown.record)
    _rights(graph, data, shown.record)
    _people(graph, data, shown)
    for file in shown.fetchable:
        _file(graph, data, shown, file)
    return graph.serialize(format="turtle")


def _iri(text: str) -> URIRef:
    return URIRef(address(text))


def _say(graph: Graph, data: Node, shown: Shown) -> None:
    record = shown.record
    graph.add((data, RDF.type, DCAT.Dataset))
    graph.add((data, RDF.type, PROV.Entity))
    graph.add((data, DCTERMS.identifier, Literal(doi_url(record.doi))))
    graph.add((data, DCTERMS.title, Literal(record.title, lang="en")))
    graph.add((data, DCTERMS.description, Literal(record.abstract, lang="en")))
    graph.add((data, URIRef(f"{DCAT}version"), Literal(record.version)))
    graph.add((data, DCAT.landingPage, _iri(shown.page)))
    graph.add((_iri(shown.page), RDF.type, FOAF.Document))
    kind = URIRef("http://purl.org/dc/dcmitype/Dataset")
    graph.add((data, DCTERMS.type, kind))
    graph.add((kind, RDF.type, SKOS.Concept))
    language = URIRef(f"{EU}language/ENG")
    graph.add((data, DCTERMS.language, language))
    graph.add((language, RDF.type, DCTERMS.LinguisticSystem))
    for term in record.keywords:
        graph.add((data, DCAT.keyword, Literal(term.label, lang="en")))
        if term.iri:
            theme = _iri(term.iri)
            graph.add((data, DCAT.theme, theme))
            graph.add((theme, RDF.type, SKOS.Concept))
            graph.add((theme, SKOS.prefLabel, Literal(term.label, lang="en")))
    for other in record.related:
        found = doi_url(other.identifier) if other.identifier_type == "DOI" else other.identifier
        paper = other.relation == "IsSupplementTo"
        graph.add((data, DCTERMS.isReferencedBy if paper else DCTERMS.relation, _iri(found)))


def _day(day: date) -> Literal:
    return Literal(day.isoformat(), datatype=XSD.date)


def _dates(graph: Graph, data: Node, record: PublicRecord) -> None:
    for term, day in (
        (DCTERMS.issued, published_on(record)),
        (DCTERMS.created, record.created_on),
        (DCTERMS.available, record.available_on),
    ):
        if day is not None:
            graph.add((data, term, _day(day)))
    if record.updated_at is not None:
        graph.add((data, DCTERMS.modified, Literal(record.updated_at)))
    if record.collected_from is not None:
        period = BNode()
        graph.add((data, DCTERMS.temporal, period))
        graph.add((period, RDF.type, DCTERMS.PeriodOfTime))
        graph.add((period, DCAT.startDate, _day(record.collected_from)))
        graph.add((period, DCAT.endDate, _day(record.collected_to or record.collected_from)))


def _rights(graph: Graph, data: Node, record: PublicRecord) -> None:
    authority, coar = RIGHTS[record.access]
    for rights in (URIRef(f"{EU}access-right/{authority}"), URIRef(f"{COAR}{coar}")):
        graph.add((data, DCTERMS.accessRights, rights))
        graph.add((rights, RDF.type, DCTERMS.RightsStatement))
    if record.licence is not None:
        graph.add((data, DCTERMS.license, _iri(record.licence.url)))
        graph.add((_iri(record.licence.url), RDF.type, DCTERMS.LicenseDocument))


def _people(graph: Graph, data: Node, shown: Shown) -> None:
    record = shown.record
    for who in record.creators:
        agent = _agent(graph, who)
        graph.add((data, DCTERMS.creator, agent))
        graph.add((data, PROV.wasAttributedTo, agent))
    graph.add((data, DCTERMS.publisher, _agent(graph, record.publisher.organisation)))
    contact = BNode()
    graph.add((data, DCAT.contactPoint, contact))
    graph.add((contact, RDF.type, VCARD.Organization))
    graph.add((contact, VCARD.fn, Literal(record.publisher.data_team)))
    graph.add((contact, VCARD.hasEmail, URIRef(f"mailto:{quote(record.publisher.contact_email)}")))
    if record.instrument and record.general_type != "Instrument":
        activity = _iri(f"{shown.page}#beamtime")
        graph.add((data, PROV.wasGeneratedBy, activity))
        graph.add((activity, RDF.type, PROV.Activity))
        for other in record.related:
            if other.relation == "IsCollectedBy":
                graph.add((activity, PROV.used, _iri(doi_url(other.identifier))))


def _agent(graph: Graph, who: Person | Organisation) -> Node:
    if isinstance(who, Organisation):
        agent: Node = _iri(who.ror) if who.ror else BNode()
        graph.add((agent, RDF.type, FOAF.Organization))
        graph.add((agent, FOAF.name, Literal(who.name)))
    else:
        agent = _iri(f"https://orcid.org/{who.orcid}") if who.orcid else BNode()
        graph.add((agent, RDF.type, FOAF.Person))
        graph.add((agent, FOAF.name, Literal(who.full_name)))
    graph.add((agent, RDF.type, FOAF.Agent))
    return agent


def _file(graph: Graph, data: Node, shown: Shown, file: PublicFile) -> None:
    one = _iri(shown.file(file))
    media = URIRef(f"https://www.iana.org/assignments/media-types/{file.media_type}")
    graph.add((data, DCAT.distribution, one))
    graph.add((one, RDF.type, DCAT.Distribution))
    graph.add((one, DCTERMS.title, Literal(file.path)))
    graph.add((one, DCAT.downloadURL, one))
    graph.add((one, DCAT.accessURL, one))
    size = Literal(str(file.size_bytes), datatype=XSD.nonNegativeInteger)
    graph.add((one, DCAT.byteSize, size))
    graph.add((one, DCAT.mediaType, media))
    if shown.record.licence is not None:
        graph.add((one, DCTERMS.license, _iri(shown.record.licence.url)))
    if file.sha256:
        checksum = BNode()
        graph.add((one, SPDX.checksum, checksum))
        graph.add((checksum, RDF.type, SPDX.Checksum))
        graph.add((checksum, SPDX.algorithm, SPDX.checksumAlgorithm_sha256))
        value = Literal(file.sha256, datatype=XSD.hexBinary)
        graph.add((checksum, SPDX.checksumValue, value))
