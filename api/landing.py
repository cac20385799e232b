"""The landing page of a DOI, in every state that it can be in and every form."""

import re
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.citation import citation, doi_url
from api.door import PublicSite
from api.formats import FORMS, Form, named
from api.formats.form import Shown
from api.formats.schemaorg import embedded
from api.landing_words import access, banner, history
from api.negotiation import choose
from api.pages import VARY, Pages, conditional
from api.signposts import ITEMS, fitting, header, links
from catalog.queries.public import public_record
from catalog.queries.public_files import open_files
from policies.vocabulary import PageState

_DOI = re.compile(r"10\.\d{4,9}/[!-.0-~]{1,190}")
SHORT = frozenset({PageState.MINIMAL, PageState.HIDDEN, PageState.TOMBSTONE})
"""States of which there is little to say."""
GONE = 410
_TITLE = 70
"""Characters of a window's title."""


def well_formed(doi: str) -> bool:
    """Whether a text can be one of our DOIs: a prefix, a slash, a suffix without one."""
    return _DOI.fullmatch(doi) is not None


def doi_asked(request: Request) -> str:
    """The DOI in the address."""
    return f"{request.path_params['prefix']}/{request.path_params['suffix']}"


@dataclass(frozen=True)
class Landing:
    """Answers for one DOI.

    Attributes:
        site: What the door needs.
        pages: Writes HTML.
    """

    site: PublicSite
    pages: Pages

    async def page(self, request: Request) -> Response:
        """The page of a DOI, in the form that was asked for."""
        asked = request.query_params.get("format", "")
        shown = await self.shown(request)
        if shown is None:
            return self.pages.missing(request)
        if shown.record.page in SHORT:
            # Nothing is described, so there is nothing to write in another form.
            form, known = None, asked in {"", "html"} or shown.record.page is PageState.TOMBSTONE
        elif asked in {"", "html"}:
            accept = "" if asked else request.headers.get("accept", "")
            form, known = choose(accept, FORMS), True
        else:
            form = named(asked)
            known = form is not None
        if not known:
            return self.pages.missing(request)
        return await run_in_threadpool(self.answer, request, shown, form)

    async def shown(self, request: Request, files: int = ITEMS) -> Shown | None:
        """What the DOI in the address shows; None: it is unknown, or a draft.

        Args:
            request: What was asked.
            files: Open files to read at the most.
        """
        doi = doi_asked(request)
        return await run_in_threadpool(self._read, doi, files) if well_formed(doi) else None

    def _read(self, doi: str, files: int) -> Shown | None:
        site, now = self.site, self.site.clock()
        with site.database.read() as session:
            record = public_record(session, doi, site.publisher, site.zone, now)
            if record is None:
                return None
            found = [file for _, file in open_files(session, record, now, limit=files + 1)]
        served = site.locate is not None
        return Shown(record, tuple(found[:files]), more=len(found) > files, served=served)

    def answer(self, request: Request, shown: Shown, form: Form | None) -> Response:
        """A form of the page; None: the page itself."""
        record = shown.record
        found = fitting(links(shown), more=shown.more)
        headers = VARY | {"Link": header(found)}
        if form is not None:
            body, media, status = form.write(shown).encode(), form.content_type, 200
        else:
            body, media = self._html(shown, found), "text/html; charset=utf-8"
            status = GONE if record.page is PageState.TOMBSTONE else 200
        if record.page in SHORT:
            headers["X-Robots-Tag"] = "noindex"
        return conditional(request, body, media, status, headers, record.updated_at)

    def _html(self, shown: Shown, found: list[Any]) -> bytes:
        record = shown.record
        short = record.page in SHORT
        title = record.title or record.doi
        return self.pages.html(
            "short.html" if short else "landing.html",
            title=title if len(title) <= _TITLE else f"{title[: _TITLE - 1].rstrip()}…",
            record=record,
            shown=shown,
            page=record.landing_url,
            doi_url=doi_url(record.doi),
            banner=banner(record, self.site.zone),
            citation=citation(record),
            history=history(record, self.site.zone),
            access=access(record),
            links=found,
            forms=FORMS,
            embedded="" if short else Markup(embedded(shown)),  # noqa: S704 - `<` is escaped
        )
