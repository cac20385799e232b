"""What the six requests of a harvester are answered."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from lxml import etree
from lxml.etree import _Element as Element

from api import oai_xml as xml
from api.oai_forms import FORMS, XSI, Form
from catalog.engine import Session
from catalog.queries import harvest
from catalog.queries.harvest import Header, Wanted
from catalog.queries.public import public_records
from policies import oai_token
from policies.oai import GRANULARITY, Asked, Fault, FaultCode, Verb, stamp
from policies.oai_token import Place
from policies.public_record import PublicRecord, Publisher

ALL, OPEN, EMBARGOED, INSTRUMENT = "openaire_data", "open", "embargoed", "instrument"


@dataclass(frozen=True)
class OaiSite:
    """Who answers.

    Attributes:
        publisher: The facility.
        zone: Its time zone.
        secret: Key that signs tokens.
        domain: The facility's domain in identifiers.
        page: Records of one answer.
        base_url: Address of the endpoint.
    """

    publisher: Publisher
    zone: ZoneInfo
    secret: bytes
    domain: str
    page: int
    base_url: str

    def identifier(self, doi: str) -> str:
        """The identifier of a record."""
        return f"oai:{self.domain}:{doi}"

    def doi(self, identifier: str) -> str:
        """The DOI that an identifier names; empty: the identifier is not one of ours."""
        head = f"oai:{self.domain}:"
        return identifier[len(head) :] if identifier.startswith(head) else ""


def answer(session: Session, site: OaiSite, asked: Asked | Fault, now: datetime) -> bytes:
    """The whole answer to a request.

    Args:
        session: A reading session; the answer is of one moment.
        site: Who answers.
        asked: The request, or what is wrong with it.
        now: The instant, aware.
    """
    if isinstance(asked, Fault):
        root = xml.envelope(site.base_url, None, now)
        xml.error(root, asked)
        return xml.written(root)
    body = etree.Element(f"{{{xml.OAI}}}{asked.verb}")
    fault = _ANSWERS[asked.verb](session, site, asked, now, body)
    repeat = None if fault and fault.code is FaultCode.BAD_ARGUMENT else asked
    root = xml.envelope(site.base_url, repeat, now)
    if fault:
        xml.error(root, fault)
    else:
        root.append(body)
    return xml.written(root)


def _identify(session: Session, site: OaiSite, _asked: Asked, now: datetime, body: Element) -> None:
    first = harvest.earliest(session) or now
    for name, text in (
        ("repositoryName", f"{site.publisher.organisation.name} data"),
        ("baseURL", site.base_url),
        ("protocolVersion", "2.0"),
        ("adminEmail", site.publisher.contact_email),
        ("earliestDatestamp", stamp(first)),
        ("deletedRecord", "persistent"),
        ("granularity", GRANULARITY),
    ):
        xml.add(body, name, text)
    box = xml.add(body, "description")
    name = f"{{{xml.IDENTIFIER}}}"
    about = etree.SubElement(box, f"{name}oai-identifier", nsmap={None: xml.IDENTIFIER})
    about.set(f"{{{XSI}}}schemaLocation", f"{xml.IDENTIFIER} {xml.IDENTIFIER}.xsd")
    newest = harvest.headers(session, Wanted(), now, after=None, limit=1)
    sample = newest[0].doi if newest else "10.22003/example"
    for tag, text in (
        ("scheme", "oai"),
        ("repositoryIdentifier", site.domain),
        ("delimiter", ":"),
        ("sampleIdentifier", site.identifier(sample)),
    ):
        etree.SubElement(about, f"{name}{tag}").text = text


def _formats(
    session: Session, site: OaiSite, asked: Asked, now: datetime, body: Element
) -> Fault | None:
    if asked.identifier and _known(session, site, asked.identifier, now) is None:
        return _no_such(asked.identifier)
    for form in FORMS.values():
        made = xml.add(body, "metadataFormat")
        xml.add(made, "metadataPrefix", form.prefix)
        xml.add(made, "schema", form.schema)
        xml.add(made, "metadataNamespace", form.namespace)
    return None


def _sets(
    session: Session, _site: OaiSite, asked: Asked, _now: datetime, body: Element
) -> Fault | None:
    if asked.token:
        return Fault(FaultCode.BAD_RESUMPTION, "the list of sets is never cut")
    named = [
        (ALL, "All data"),
        (OPEN, "Data that everybody may read"),
        (EMBARGOED, "Data that become open on a date"),
        *(
            (f"{INSTRUMENT}:{identifier}", f"Data of the instrument {name}")
            for identifier, name in harvest.instruments(session)
        ),
    ]
    for spec, name in named:
        made = xml.add(body, "set")
        xml.add(made, "setSpec", spec)
        xml.add(made, "setName", name)
    return None


def _record(
    session: Session, site: OaiSite, asked: Asked, now: datetime, body: Element
) -> Fault | None:
    found = _known(session, site, asked.identifier, now)
    if found is None:
        return _no_such(asked.identifier)
    _write(session, site, FORMS[asked.prefix], [found], now, body)
    return None


def _list(
    session: Session, site: OaiSite, asked: Asked, now: datetime, body: Element
) -> Fault | None:
    place = None
    if asked.token:
        read = oai_token.read(asked, site.secret, now)
        if isinstance(read, Fault):
            return read
        asked, place = read
    wanted = _wanted(session, asked)
    if wanted is None:
        return Fault(FaultCode.NO_MATCH, f"there is no set {asked.set_spec}")
    after = (place.last_at, place.last_id) if place else None
    found = harvest.headers(session, wanted, now, after=after, limit=site.page + 1)
    if not found and place is None:
        return Fault(FaultCode.NO_MATCH, "no record fits")
    page, more = found[: site.page], len(found) > site.page
    if asked.verb is Verb.LIST_RECORDS:
        _write(session, site, FORMS[asked.prefix], page, now, body)
    else:
        for one in page:
            xml.header(body, site.identifier(one.doi), one, sets_of(one))
    _go_on(session, site, asked, wanted, place, page, now, body, more=more)
    return None


def _go_on(
    session: Session,
    site: OaiSite,
    asked: Asked,
    wanted: Wanted,
    place: Place | None,
    page: Sequence[Header],
    now: datetime,
    body: Element,
    *,
    more: bool,
) -> None:
    if place is None and not more:
        return
    total = place.total if place else harvest.counted(session, wanted, now)
    cursor = place.cursor if place else 0
    text = ""
    if more:
        last = page[-1]
        there = Place(last.changed_at, last.id, cursor + len(page), total)
        text = oai_token.write(asked, there, site.secret, now)
    xml.token(body, text, total=total, cursor=cursor, expires_at=oai_token.expires(now))


def _wanted(session: Session, asked: Asked) -> Wanted | None:
    """Which headers a list holds; None: there is no such set."""
    state = instrument = ""
    head, _, tail = asked.set_spec.partition(":")
    if head in {OPEN, EMBARGOED} and not tail:
        state = head
    elif head == INSTRUMENT and tail in dict(harvest.instruments(session)):
        instrument = tail
    elif asked.set_spec not in {"", ALL}:
        return None
    return Wanted(asked.since, asked.until, state, instrument)


def sets_of(found: Header) -> Iterator[str]:
    """Sets of a record; a deleted one is in every set that it can have been in."""
    yield ALL
    if found.open or found.deleted:
        yield OPEN
    if found.embargoed or found.deleted:
        yield EMBARGOED
    if found.instrument:
        yield f"{INSTRUMENT}:{found.instrument}"


def _write(
    session: Session,
    site: OaiSite,
    form: Form,
    page: Sequence[Header],
    now: datetime,
    body: Element,
) -> None:
    ids = [one.id for one in page if not one.deleted]
    said = public_records(session, ids, site.publisher, site.zone, now)
    records: dict[str, PublicRecord] = {record.doi: record for record in said}
    for one in page:
        made = xml.add(body, "record")
        xml.header(made, site.identifier(one.doi), one, sets_of(one))
        if not one.deleted:
            xml.add(made, "metadata").append(form.make(records[one.doi]))


def _known(session: Session, site: OaiSite, identifier: str, now: datetime) -> Header | None:
    doi = site.doi(identifier)
    return harvest.header(session, doi, now) if doi else None


def _no_such(identifier: str) -> Fault:
    return Fault(FaultCode.NO_SUCH_ID, f"no record has the identifier {identifier}")


_Answer = Callable[[Session, OaiSite, Asked, datetime, Element], Fault | None]
_ANSWERS: dict[Verb, _Answer] = {
    Verb.IDENTIFY: _identify,
    Verb.LIST_METADATA_FORMATS: _formats,
    Verb.LIST_SETS: _sets,
    Verb.GET_RECORD: _record,
    Verb.LIST_IDENTIFIERS: _list,
    Verb.LIST_RECORDS: _list,
}
