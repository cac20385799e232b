"""The public door: landing pages, their formats, and whatever else is mounted beside them.

Read only, without login, cookies or scripts. Whether something may be seen is decided for every
request from recorded facts and the instant of asking; nothing is kept between two requests, so
an embargo that ends and data that are closed again show at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.below import Below
from api.door import PublicSite
from api.headers import Headers
from api.landing import Landing, well_formed
from api.pages import Pages
from api.sitemap import Sitemap
from policies.errors import Unavailable

__all__ = ["PublicSite", "public_app"]

READ = ["GET"]
"""GET; Starlette adds HEAD."""


def public_app(site: PublicSite, mounts: Mapping[str, ASGIApp] | None = None) -> ASGIApp:
    """The application of the public door.

    Args:
        site: What it needs.
        mounts: Further applications by their address, for example `{"/oai": …}`.
    """
    pages = Pages(site)
    landing = Landing(site, pages)
    own, maps = _Own(site, pages), Sitemap(site, pages)
    routes: list[BaseRoute] = [
        Route("/", own.home, methods=READ),
        Route("/doi", own.look_up, methods=READ),
        Route("/doi/{prefix}/{suffix}", landing.page, methods=READ),
        Route("/doi/{prefix}/{suffix}/{below:path}", Below(landing).answer, methods=READ),
        Route("/sitemap.xml", maps.index, methods=READ),
        Route("/sitemap-{number:int}.xml", maps.block, methods=READ),
        Route("/robots.txt", maps.robots, methods=READ),
        Route("/healthz", own.health, methods=READ),
        Route("/static/{name}", own.static, methods=READ),
    ]
    for address, other in (mounts or {}).items():
        routes += [Route(address, _Exact(other, address)), Mount(address, other)]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: own.refused,
            Unavailable: own.busy,
            Exception: own.broken,
        },
    )
    app.router.redirect_slashes = False
    # Outermost, so that the answer to a fault of ours has them too.
    return Headers(app, secure=site.publisher.base_url.startswith("https:"))


@dataclass(frozen=True)
class _Exact:
    """A mounted application at its very address, without a slash at the end.

    Attributes:
        app: The application; its routes begin with `/`.
        address: Where it is mounted.
    """

    app: ASGIApp
    address: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does at `/`."""
        root = scope.get("root_path", "") + self.address
        await self.app({**scope, "path": f"{root}/", "root_path": root}, receive, send)


@dataclass(frozen=True)
class _Own:
    """The pages around the landing pages.

    Attributes:
        site: What the door needs.
        pages: Writes HTML.
    """

    site: PublicSite
    pages: Pages

    async def home(self, request: Request) -> Response:
        """What this place is, and a field for a DOI."""
        return self.pages.answer(request, "home.html", title=self.site.publisher.organisation.name)

    async def look_up(self, request: Request) -> Response:
        """From the field for a DOI to its page."""
        asked = request.query_params.get("doi", "").strip()
        doi = asked[asked.find("10.") :] if "10." in asked else ""
        if not well_formed(doi):
            return self.pages.missing(request)
        return RedirectResponse(self.site.publisher.landing_url(doi), 303)

    async def health(self, _request: Request) -> Response:
        """Whether the process answers; the catalog is not asked."""
        return Response("up\n", media_type="text/plain")

    async def static(self, request: Request) -> Response:
        """A file that belongs to the pages."""
        return self.pages.static(request) or self.pages.missing(request)

    async def refused(self, request: Request, error: Exception) -> Response:
        """404 and 405, as a page."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 404:  # noqa: PLR2004
            return self.pages.missing(request)
        headers: dict[str, Any] = dict(getattr(error, "headers", None) or {})
        return self.pages.failed(request, status, headers)

    async def busy(self, request: Request, _error: Exception) -> Response:
        """The catalog does not answer."""
        return self.pages.failed(request, 503, {"Retry-After": "30"})

    async def broken(self, request: Request, _error: Exception) -> Response:
        """A fault of ours; the log has it, the answer does not."""
        return self.pages.failed(request, 500, {})
