"""The landing page of a DOI, in every state that it can be in."""

import re
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.citation import citation, doi_url
from api.landing_words import access, banner, history
from api.pages import VARY, Pages, conditional
from api.site import PublicSite
from catalog.queries.public import public_record
from policies.public_record import PublicRecord
from policies.vocabulary import PageState

_DOI = re.compile(r"10\.\d{4,9}/[!-.0-~]{1,190}")
SHORT = frozenset({PageState.MINIMAL, PageState.HIDDEN, PageState.TOMBSTONE})
"""States of which there is little to say."""
GONE = 410


def well_formed(doi: str) -> bool:
    """Whether a text can be one of our DOIs: a prefix, a slash, a suffix without one."""
    return _DOI.fullmatch(doi) is not None


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
        """The page of a DOI."""
        record = await self.record(request)
        if record is None:
            return self.pages.missing(request)
        status = GONE if record.page is PageState.TOMBSTONE else 200
        headers = dict(VARY)
        if record.page in SHORT:
            headers["X-Robots-Tag"] = "noindex"
        body = await run_in_threadpool(self._html, record)
        media = "text/html; charset=utf-8"
        return conditional(request, body, media, status, headers, record.updated_at)

    async def record(self, request: Request) -> PublicRecord | None:
        """What may be said of the DOI in the address; None: it is unknown, or a draft."""
        doi = f"{request.path_params['prefix']}/{request.path_params['suffix']}"
        return await run_in_threadpool(self._read, doi) if well_formed(doi) else None

    def _read(self, doi: str) -> PublicRecord | None:
        site = self.site
        with site.database.read() as session:
            return public_record(session, doi, site.publisher, site.zone, site.clock())

    def _html(self, record: PublicRecord) -> bytes:
        short = record.page in SHORT
        title = record.title or record.doi
        return self.pages.html(
            "short.html" if short else "landing.html",
            title=title if len(title) <= 70 else f"{title[:67].rstrip()}…",  # noqa: PLR2004
            record=record,
            page=record.landing_url,
            doi_url=doi_url(record.doi),
            banner=banner(record, self.site.zone),
            citation=citation(record),
            history=history(record, self.site.zone),
            access=access(record),
        )
