"""The map of the site for search engines, and what they may read.

Source: sitemaps.org protocol 0.9; Robots Exclusion Protocol, RFC 9309.
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.door import PublicSite
from api.pages import Pages, conditional
from catalog.queries.public_list import block_of, blocks

BLOCK = 20_000
"""Pages of one map; the protocol allows 50 000."""
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_LAST = 10**6
"""Larger numbers of maps are not looked up."""


@dataclass(frozen=True)
class Sitemap:
    """Answers for the map.

    Attributes:
        site: What the door needs.
        pages: Writes HTML.
    """

    site: PublicSite
    pages: Pages

    async def index(self, request: Request) -> Response:
        """The list of maps."""
        body = await run_in_threadpool(self._index)
        return conditional(request, body, "application/xml")

    async def block(self, request: Request) -> Response:
        """One map."""
        number = request.path_params["number"]
        body = await run_in_threadpool(self._block, number) if number < _LAST else None
        if body is None:
            return self.pages.missing(request)
        return conditional(request, body, "application/xml")

    async def robots(self, request: Request) -> Response:
        """What search engines may read."""
        base, root = self.site.publisher.base_url, self.site.root
        text = f"User-agent: *\nDisallow: {root}/doi?\nSitemap: {base}/sitemap.xml\n"
        return conditional(request, text.encode(), "text/plain; charset=utf-8")

    def _index(self) -> bytes:
        base = self.site.publisher.base_url
        with self.site.database.read() as session:
            found = blocks(session, BLOCK)
        maps = "".join(f"<sitemap><loc>{base}/sitemap-{n}.xml</loc></sitemap>\n" for n in found)
        return f"{_HEAD}<sitemapindex {_SPACE}>\n{maps}</sitemapindex>\n".encode()

    def _block(self, number: int) -> bytes | None:
        with self.site.database.read() as session:
            found = block_of(session, number, BLOCK)
        if not found:
            return None
        places = "".join(
            f"<url><loc>{escape(self.site.publisher.landing_url(one.doi))}</loc>"
            f"<lastmod>{one.changed_on.isoformat()}</lastmod></url>\n"
            for one in found
        )
        return f"{_HEAD}<urlset {_SPACE}>\n{places}</urlset>\n".encode()
