"""What lies below the address of a page: crate, link set, files and their manifests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.files import Files
from api.formats import FORMS
from api.landing import SHORT, Landing
from api.manifests import Manifests, adler32_line, fetch_line, sha256_line
from api.pages import VARY, conditional
from api.signposts import LINKSET, linkset

_ITEMS = 1000
"""Files of a link set at the most; manifests have all."""
_FILES = "files/"

Way = Callable[[Request], Awaitable[Response]]


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
        files = Files(self.landing)
        if name.startswith(_FILES) and name != _FILES:
            return await files.download(request, name.removeprefix(_FILES))
        way = self._ways(files).get(name)
        return await way(request) if way else self.landing.pages.missing(request)

    def _ways(self, files: Files) -> dict[str, Way]:
        manifests = Manifests(self.landing)
        ways: dict[str, Way] = {
            "linkset.json": self._linkset,
            "files": files.listing,
            "manifest-sha256.txt": partial(manifests.sums, line=sha256_line),
            "manifest-adler32.txt": partial(manifests.sums, line=adler32_line),
            "bag.zip": manifests.bag,
        }
        if self.landing.site.locate is not None:
            ways["fetch.txt"] = partial(manifests.sums, line=fetch_line)
        ways |= {form.below: partial(self._form, name=form.name) for form in FORMS if form.below}
        return ways

    async def _form(self, request: Request, name: str) -> Response:
        shown = await self.landing.shown(request)
        if shown is None or shown.record.page in SHORT:
            return self.landing.pages.missing(request)
        form = next(form for form in FORMS if form.name == name)
        return await run_in_threadpool(self.landing.answer, request, shown, form)

    async def _linkset(self, request: Request) -> Response:
        shown = await self.landing.shown(request, _ITEMS)
        if shown is None or shown.record.page in SHORT:
            return self.landing.pages.missing(request)
        body = linkset(shown).encode()
        return conditional(request, body, LINKSET, 200, VARY, shown.record.updated_at)
