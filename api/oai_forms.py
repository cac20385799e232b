"""In which forms a record is given to harvesters.

Every form is made of a `PublicRecord` and nothing else.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lxml import etree
from lxml.etree import _Element as Element

from policies.public_record import PublicRecord
from policies.vocabulary import AccessRight

XSI = "http://www.w3.org/2001/XMLSchema-instance"
OAI_DC = "http://www.openarchives.org/OAI/2.0/oai_dc/"
DC = "http://purl.org/dc/elements/1.1/"

COAR = {
    AccessRight.OPEN: ("http://purl.org/coar/access_right/c_abf2", "open access"),
    AccessRight.EMBARGOED: ("http://purl.org/coar/access_right/c_f1cf", "embargoed access"),
    AccessRight.RESTRICTED: ("http://purl.org/coar/access_right/c_16ec", "restricted access"),
    AccessRight.METADATA_ONLY: (
        "http://purl.org/coar/access_right/c_14cb",
        "metadata only access",
    ),
}
"""Access rights in the vocabulary of COAR.

Source: COAR Controlled Vocabulary for Access Rights.
"""

EU_REPO = {
    AccessRight.OPEN: "info:eu-repo/semantics/openAccess",
    AccessRight.EMBARGOED: "info:eu-repo/semantics/embargoedAccess",
    AccessRight.RESTRICTED: "info:eu-repo/semantics/restrictedAccess",
    AccessRight.METADATA_ONLY: "info:eu-repo/semantics/closedAccess",
}
"""The same in the older vocabulary that guidelines for repositories name.

Source: OpenAIRE guidelines for literature repositories and data archives.
"""


@dataclass(frozen=True)
class Form:
    """A form of a record.

    Attributes:
        prefix: Its name in requests.
        schema: Address of its XML schema.
        namespace: Its namespace.
        make: A record in this form.
    """

    prefix: str
    schema: str
    namespace: str
    make: Callable[[PublicRecord], Element]


_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """A text without the characters that XML 1.0 cannot hold."""
    return _ILLEGAL.sub("", text)


def dublin_core(record: PublicRecord) -> Element:
    """A record as unqualified Dublin Core."""
    root = etree.Element(f"{{{OAI_DC}}}dc", nsmap={"oai_dc": OAI_DC, "dc": DC, "xsi": XSI})
    root.set(f"{{{XSI}}}schemaLocation", f"{OAI_DC} {OAI_DC.rstrip('/')}.xsd")
    for name, value in _elements(record):
        if value:
            etree.SubElement(root, f"{{{DC}}}{name}").text = clean(value)
    return root


def _elements(record: PublicRecord) -> Iterator[tuple[str, str]]:
    yield "title", record.title
    for who in record.creators:
        yield "creator", who.name
    for term in record.keywords:
        yield "subject", term.label
    yield "description", record.abstract
    yield "publisher", record.publisher.organisation.name
    yield from (("contributor", c.who.name) for c in record.contributors)
    yield from (("date", day) for day in _dates(record))
    yield "type", record.general_type
    yield from (("format", media) for media in record.formats)
    yield "identifier", f"https://doi.org/{record.doi}"
    yield "identifier", record.landing_url
    yield from (("relation", r.identifier) for r in record.related)
    yield "coverage", record.instrument
    yield "rights", EU_REPO[record.access]
    yield "rights", COAR[record.access][1]
    if record.licence and record.access is AccessRight.OPEN:
        yield "rights", record.licence.url


def _dates(record: PublicRecord) -> Iterator[str]:
    if record.publication_year:
        yield str(record.publication_year)
    if record.issued_on:
        yield record.issued_on.isoformat()
    elif record.access is AccessRight.EMBARGOED and record.available_on:
        yield f"info:eu-repo/date/embargoEnd/{record.available_on.isoformat()}"


FORMS: dict[str, Form] = {
    "oai_dc": Form("oai_dc", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", OAI_DC, dublin_core)
}
"""By prefix."""
