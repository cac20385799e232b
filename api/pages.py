"""HTML of the public door: templates, conditional answers, static files, errors."""

import hashlib
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import Response

from api import words
from api.door import PublicSite

_HERE = Path(__file__).parent
MEDIA = {".css": "text/css", ".svg": "image/svg+xml"}
"""Media types of the static files."""
VARY = {"Vary": "Accept"}

_SAID = {
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "Only reading is possible here",
        "This address answers to GET and HEAD.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "Not reachable at the moment",
        "The catalogue does not answer just now. Please try again in a minute.",
    ),
}
_BROKEN = ("Something went wrong on our side", "We were told. Please try again later.")


class Pages:
    """Writes the pages of one site.

    Args:
        site: What the door needs.
    """

    def __init__(self, site: PublicSite) -> None:
        self._site = site
        self._files = {p.name: p.read_bytes() for p in (_HERE / "static").iterdir()}
        marks = {name: _mark(text)[:12] for name, text in self._files.items()}
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= {
            "day": words.day_in_words,
            "amount": words.amount,
            "kind": words.kind_in_words,
        }
        self._templates.globals |= {
            "site": site,
            "publisher": site.publisher,
            "root": site.root,
            "css": f"{site.root}/static/public.css?v={marks['public.css']}",
            "mark": f"{site.root}/static/mark.svg?v={marks['mark.svg']}",
        }

    def html(self, template: str, **values: Any) -> bytes:  # noqa: ANN401
        """A page.

        Args:
            template: File name of its template.
            values: What it says.
        """
        return self._templates.get_template(template).render(**values).encode()

    def answer(
        self,
        request: Request,
        template: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **values: Any,  # noqa: ANN401
    ) -> Response:
        """A page as an answer.

        Args:
            request: What was asked.
            template: File name of its template.
            status: HTTP status.
            headers: Further headers.
            values: What it says.
        """
        body = self.html(template, **values)
        return conditional(request, body, "text/html; charset=utf-8", status, headers)

    def missing(self, request: Request) -> Response:
        """404: the same bytes for every address, so it says nothing about what exists."""
        return self.answer(request, "missing.html", 404, VARY, title="Nothing at this address")

    def failed(self, request: Request, status: int, headers: dict[str, str]) -> Response:
        """An error in words."""
        title, text = _SAID.get(HTTPStatus(status), _BROKEN)
        return self.answer(request, "failed.html", status, headers, title=title, text=text)

    def static(self, request: Request) -> Response | None:
        """A file that belongs to the pages; None: there is none of that name."""
        name = request.path_params["name"]
        body = self._files.get(name)
        if body is None:
            return None
        # Its address changes with its content: who has it need not ask again.
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return conditional(request, body, MEDIA[Path(name).suffix], 200, kept)


def conditional(
    request: Request,
    body: bytes,
    media: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
    changed_at: datetime | None = None,
) -> Response:
    """An answer, or 304 for who has the same bytes already.

    Only the entity tag decides. A date of change cannot: the passing of time opens and closes
    pages without any row changing.

    Args:
        request: What was asked.
        body: The answer.
        media: Its media type.
        status: HTTP status.
        headers: Further headers.
        changed_at: Last change on record, aware; None: not said.
    """
    said = dict(headers or {})
    if status == HTTPStatus.OK:
        said["ETag"] = f'"{_mark(body)[:32]}"'
        if changed_at is not None:
            said["Last-Modified"] = format_datetime(changed_at, usegmt=True)
        known = request.headers.get("if-none-match", "")
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        if said["ETag"] in tags or known.strip() == "*":
            return Response(status_code=304, headers=said)
    return Response(body, status, said, media_type=media)


def _mark(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
