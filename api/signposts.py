"""Typed links of a page for programs, in its headers, its head and a link set.

Source: FAIR Signposting; RFC 8288 (links), RFC 9264 (link sets).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.citation import doi_url
from api.formats import FORMS
from api.formats.form import Shown, address
from policies.public_record import Person
from policies.vocabulary import PageState

ITEMS = 100
"""More files than that are in the link set only."""
HEADER_BYTES = 4096
"""A longer header might be refused on the way."""
LINKSET = "application/linkset+json"
_SHORT = frozenset({PageState.MINIMAL, PageState.HIDDEN, PageState.TOMBSTONE})


@dataclass(frozen=True)
class Link:
    """A typed link.

    Attributes:
        rel: Its relation.
        href: Where to, absolute.
        media: Media type of the target; empty: not said.
        profile: Its profile; empty: none.
    """

    rel: str
    href: str
    media: str = ""
    profile: str = ""

    def header(self) -> str:
        """As an entry of a `Link` header."""
        more = f'; type="{self.media}"' if self.media else ""
        more += f'; profile="{self.profile}"' if self.profile else ""
        return f'<{self.href}>; rel="{self.rel}"{more}'


def links(shown: Shown) -> list[Link]:
    """All links of a page."""
    record = shown.record
    found = [
        Link("cite-as", address(doi_url(record.doi))),
        Link("type", "https://schema.org/AboutPage"),
    ]
    if record.page in _SHORT:
        return found
    found.append(Link("type", "https://schema.org/Dataset"))
    found += [
        Link("describedby", address(form.address(shown)), form.media, form.profile)
        for form in FORMS
        if form.describes
    ]
    if record.licence is not None:
        found.append(Link("license", address(record.licence.url)))
    found += [
        Link("author", address(f"https://orcid.org/{who.orcid}"))
        for who in record.creators
        if isinstance(who, Person) and who.orcid
    ]
    found += [Link("item", shown.file(file), file.media_type) for file in shown.fetchable]
    found.append(Link("linkset", shown.below("linkset.json"), LINKSET))
    return found


def fitting(found: Sequence[Link], *, more: bool) -> list[Link]:
    """The links for the header and the head: without items where these are too many.

    Args:
        found: All links.
        more: Whether there are more files than were read.
    """
    items = sum(link.rel == "item" for link in found)
    if not more and items <= ITEMS and len(header(found)) <= HEADER_BYTES:
        return list(found)
    without = [link for link in found if link.rel != "item"]
    if len(header(without)) <= HEADER_BYTES:
        return without
    return [link for link in without if link.rel in {"cite-as", "type", "linkset"}]


def header(found: Sequence[Link]) -> str:
    """The value of a `Link` header."""
    return ", ".join(link.header() for link in found)


def linkset(shown: Shown) -> str:
    """The link set of a page and its files."""
    here: dict[str, Any] = {"anchor": shown.page}
    for link in links(shown):
        if link.rel == "linkset":
            continue
        target = {"href": link.href}
        target |= {"type": link.media} if link.media else {}
        target |= {"profile": link.profile} if link.profile else {}
        here.setdefault(link.rel, []).append(target)
    back = [{"href": shown.page, "type": "text/html"}]
    files = [{"anchor": shown.file(file), "collection": back} for file in shown.fetchable]
    return json.dumps({"linkset": [here, *files]}, indent=1) + "\n"
