"""The envelope of an answer to a harvester."""

from collections.abc import Iterable
from datetime import datetime

from lxml import etree
from lxml.etree import _Element as Element

from api.oai_forms import XSI, clean
from catalog.queries.harvest import Header
from policies.oai import Asked, Fault, stamp

OAI = "http://www.openarchives.org/OAI/2.0/"
IDENTIFIER = "http://www.openarchives.org/OAI/2.0/oai-identifier"


def envelope(base_url: str, asked: Asked | None, now: datetime) -> Element:
    """The root of an answer.

    Args:
        base_url: Address of the endpoint.
        asked: The request, repeated as attributes; None: it was not understood, and repeating
            it would claim that it was.
        now: When, aware.
    """
    root = etree.Element(f"{{{OAI}}}OAI-PMH", nsmap={None: OAI, "xsi": XSI})
    root.set(f"{{{XSI}}}schemaLocation", f"{OAI} {OAI}OAI-PMH.xsd")
    add(root, "responseDate", stamp(now))
    request = add(root, "request", base_url)
    for name, value in asked.said if asked else ():
        request.set(name, clean(value))
    return root


def add(parent: Element, name: str, text: str | None = None) -> Element:
    """A child with a text."""
    child = etree.SubElement(parent, f"{{{OAI}}}{name}")
    if text is not None:
        child.text = clean(text)
    return child


def error(root: Element, fault: Fault) -> None:
    """Say what is wrong."""
    add(root, "error", fault.message).set("code", str(fault.code))


def header(parent: Element, identifier: str, found: Header, sets: Iterable[str]) -> Element:
    """The header of a record."""
    made = add(parent, "header")
    if found.deleted:
        made.set("status", "deleted")
    add(made, "identifier", identifier)
    add(made, "datestamp", stamp(found.changed_at))
    for name in sets:
        add(made, "setSpec", name)
    return made


def token(
    parent: Element, text: str, *, total: int, cursor: int, expires_at: datetime | None
) -> None:
    """Where the list goes on; an empty text: this was its last part."""
    made = add(parent, "resumptionToken", text or None)
    made.set("completeListSize", str(total))
    made.set("cursor", str(cursor))
    if text and expires_at is not None:
        made.set("expirationDate", stamp(expires_at))


def written(root: Element) -> bytes:
    """An answer as bytes."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
