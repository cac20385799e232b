"""The door for harvesters: OAI-PMH 2.0 under one address, with GET and POST.

Source: Open Archives Initiative Protocol for Metadata Harvesting 2.0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.oai_answers import OaiSite, answer
from api.oai_forms import FORMS
from catalog.engine import Database
from policies.errors import Unavailable
from policies.oai import read
from policies.public_record import Publisher

LONGEST = 8192
"""Bytes of a request's arguments; a token has a few hundred."""


@dataclass(frozen=True)
class OaiDoor:
    """What the endpoint needs.

    Attributes:
        database: The catalog; only read.
        publisher: The facility.
        zone: Its time zone.
        secret: Key that signs the notes where a harvest goes on.
        clock: Says the instant, aware.
        domain: The facility's domain in identifiers, for example `xfel.eu`.
        page: Records of one answer.
        address: Where it is reached from outside, under the publisher's address.
    """

    database: Database
    publisher: Publisher
    zone: ZoneInfo
    secret: bytes
    clock: Callable[[], datetime]
    domain: str
    page: int = 50
    address: str = "/oai"


def oai_app(door: OaiDoor) -> Starlette:
    """The application; mount it at `door.address`.

    Args:
        door: What it needs.
    """
    site = OaiSite(
        publisher=door.publisher,
        zone=door.zone,
        secret=door.secret,
        domain=door.domain,
        page=door.page,
        base_url=door.publisher.base_url + door.address,
    )

    def work(arguments: list[tuple[str, str]]) -> bytes:
        with door.database.read() as session:
            return answer(session, site, read(arguments, tuple(FORMS)), door.clock())

    async def endpoint(request: Request) -> Response:
        arguments = await _arguments(request)
        if arguments is None:
            return Response("the request is too long", 413, media_type="text/plain")
        try:
            body = await run_in_threadpool(work, arguments)
        except Unavailable:
            busy = "the catalog does not answer; try again"
            return Response(busy, 503, {"Retry-After": "60"}, media_type="text/plain")
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(body, 200, headers, media_type="text/xml; charset=utf-8")

    return Starlette(routes=[Route("/", endpoint, methods=["GET", "POST"])])


async def _arguments(request: Request) -> list[tuple[str, str]] | None:
    """The arguments in order, whatever a stranger sent; None: too many of them."""
    if request.method != "POST":
        raw = request.url.query.encode()
    else:
        raw = b""
        async for part in request.stream():
            raw += part
            if len(raw) > LONGEST:
                return None
    if len(raw) > LONGEST:
        return None
    text = raw.decode("utf-8", "replace")
    return parse_qsl(text, keep_blank_values=True, errors="replace")
