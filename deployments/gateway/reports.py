"""Reports about calibrated runs, for whoever was given the link."""

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from policies import links
from policies.errors import Missing
from policies.layout import place
from settings.links import link_secret
from settings.model import Settings

_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


def report_route(settings: Settings) -> Route | None:
    """The route of reports; None where the offline storage is not mounted."""
    site = settings.storage
    if site is None or site.offline not in site.mounts:
        return None
    root, secret = str(site.mounts[site.offline]), link_secret(settings)

    async def report(request: Request) -> Response:
        try:
            path = links.checked(
                secret, request.path_params["token"], f"/{request.path_params['path']}"
            )
        except Missing as error:
            return JSONResponse({"code": error.code, "message": error.message}, 404)
        file = Path(place(root, path))
        if not await asyncio.to_thread(file.is_file):
            words = "the report is not where it was: is the storage mounted?"
            return JSONResponse({"code": "missing", "message": words}, 404)
        return FileResponse(
            file,
            media_type="application/pdf",
            filename=file.name,
            content_disposition_type="inline",
            headers=_HEADERS,
        )

    return Route("/reports/{token}/{path:path}", report, methods=["GET"])
