"""What lies below the address of a page: crate, link set, files and their manifests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.formats import FORMS
from api.landing import SHORT, Landing
from api.pages import VARY, conditional
from api.signposts import LINKSET, linkset

_ITEMS = 1000
"""Files of a link set at the most; manifests have all."""


@dataclass(frozen=True)
class Below:
    """Answers for what lies below a page.

    Attributes:
        landing: Answers for the page itself.
    """

    landing: Landing

    async def answer(self, request: Request) -> Response:
        """Whatever the address names."""
        name = request.path_params["below"]
        ways: dict[str, Callable[[Request], Awaitable[Response]]] = {"linkset.json": self._linkset}
        if way := ways.get(name):
            return await way(request)
        form = next((form for form in FORMS if form.below == name), None)
        if form is None:
            return self.landing.pages.missing(request)
        shown = await self.landing.shown(request)
        if shown is None or shown.record.page in SHORT:
            return self.landing.pages.missing(request)
        return await run_in_threadpool(self.landing.answer, request, shown, form)

    async def _linkset(self, request: Request) -> Response:
        shown = await self.landing.shown(request, _ITEMS)
        if shown is None or shown.record.page in SHORT:
            return self.landing.pages.missing(request)
        body = linkset(shown).encode()
        return conditional(request, body, LINKSET, 200, VARY, shown.record.updated_at)
