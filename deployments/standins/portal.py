"""A user portal for tests and the demo: serves an export page by page, can misbehave.

Routes: `GET /api/v1/export?since=&limit=&cursor=` and `GET /api/v1/whoami`, both with the
bearer token. Everything else answers 501. `/_control/{state,reset,export,fail,log}` is for
whoever runs it, from loopback only.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from deployments.standins.listening import Listening

DATA = Path(__file__).parent / "data"
"""Exports that come along."""

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass
class Fault:
    """How the next answers to the export go wrong.

    Attributes:
        how: `status`; `truncate` (the JSON ends in the middle); `lost` (the connection ends
            before the answer does); `slow` (one byte at a time); `redirect`; `circle` (the
            page that follows is the first one).
        status: Status to answer with `status`.
        headers: Further headers, for example `Retry-After`.
        skip: Requests that are answered well before it begins.
        times: Requests that it spoils.
        delay_s: Seconds between bytes with `slow`.
    """

    how: str = "status"
    status: int = 500
    headers: Mapping[str, str] | None = None
    skip: int = 0
    times: int = 1
    delay_s: float = 0.05


class _Lost(Response):
    """Promises more bytes than it sends; the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = str(len(self.body) + 100).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2]})


class _Slow(Response):
    """Sends a byte from time to time."""

    delay_s = 0.05

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for i in range(len(self.body)):
            part = self.body[i : i + 1]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(self.delay_s)
        await send({"type": "http.response.body", "body": b""})


class PortalStandin(Listening):
    """Listens on loopback; use as a context manager or with `start` and `stop`.

    Args:
        export: The document to serve; None: the one that comes along for the demo.
        token: Bearer token that is asked for; None makes one.
        port: Port, 0 for a free one.

    Attributes:
        export: The document; may be replaced while it runs.
        faults: What goes wrong next, first to last.
        log: Requests so far, without secrets.
    """

    def __init__(
        self, export: dict[str, Any] | None = None, token: str | None = None, port: int = 0
    ) -> None:
        self._first = load() if export is None else export
        self.export = self._first
        self.token = token or secrets.token_urlsafe(16)
        self.faults: list[Fault] = []
        self.log: list[dict[str, Any]] = []
        control = "/_control/{what}"
        app = Starlette(
            routes=[
                Route("/api/v1/export", self._export),
                Route("/api/v1/whoami", self._whoami),
                Route(control, self._control, methods=_METHODS),
                Route("/{path:path}", self._unknown, methods=_METHODS),
            ]
        )
        super().__init__(app, port, "portal stand-in")

    async def _export(self, request: Request) -> Response:
        refused = self._enter(request)
        if refused is not None:
            return refused
        try:
            page = self._page(request)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": f"bad parameter: {error}"}, 400)
        fault = self._next_fault()
        return _answer(page) if fault is None else _spoil(fault, page)

    async def _whoami(self, request: Request) -> Response:
        return self._enter(request) or JSONResponse({"account": "catalog", "may": ["export"]})

    async def _unknown(self, request: Request) -> Response:
        self._note(request)
        what = f"{request.method} {request.url.path}"
        return JSONResponse({"error": f"the stand-in does not implement {what}"}, 501)

    async def _control(self, request: Request) -> Response:
        if request.client is None or request.client.host != "127.0.0.1":
            return JSONResponse({"error": "loopback only"}, 403)
        what, body = request.path_params["what"], await request.body()
        if (request.method, what) == ("GET", "state"):
            lists = {n: len(self.export.get(n, [])) for n in ("users", "cycles", "proposals")}
            return JSONResponse({**lists, "faults": len(self.faults), "requests": len(self.log)})
        if (request.method, what) == ("GET", "log"):
            return JSONResponse(self.log)
        if (request.method, what) == ("POST", "fail"):
            self.faults.append(Fault(**json.loads(body)))
        elif (request.method, what) == ("PUT", "export"):
            self.export = json.loads(body)
        elif (request.method, what) == ("POST", "reset"):
            self.export, self.faults, self.log = self._first, [], []
        else:
            return JSONResponse({"error": f"no control {request.method} {what}"}, 501)
        return JSONResponse({"ok": True})

    def _note(self, request: Request) -> None:
        headers = {k: v for k, v in request.headers.items() if k.lower() != "authorization"}
        self.log.append(
            {
                "method": request.method,
                "path": request.url.path,
                "query": dict(request.query_params),
                "headers": headers,
            }
        )

    def _enter(self, request: Request) -> Response | None:
        self._note(request)
        given = request.headers.get("authorization", "")
        if secrets.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            return None
        return JSONResponse({"error": "invalid_token"}, 401, headers={"WWW-Authenticate": "Bearer"})

    def _page(self, request: Request) -> dict[str, Any]:
        query = request.query_params
        limit, start = int(query.get("limit", "100")), int(query.get("cursor", "0"))
        since = datetime.fromisoformat(query["since"]) if "since" in query else None
        rows = [r for r in self.export.get("proposals", []) if _newer(r, since)]
        end = start + limit
        first = {} if start else {n: self.export.get(n, []) for n in ("users", "cycles")}
        head = {n: v for n, v in self.export.items() if n not in {"users", "cycles", "proposals"}}
        following = str(end) if end < len(rows) else None
        return {**head, **first, "proposals": rows[start:end], "next": following}

    def _next_fault(self) -> Fault | None:
        if not self.faults:
            return None
        fault = self.faults[0]
        if fault.skip > 0:
            fault.skip -= 1
            return None
        fault.times -= 1
        if fault.times <= 0:
            self.faults.pop(0)
        return fault


def load(name: str = "upex_export") -> dict[str, Any]:
    """An export that comes along, as a fresh copy."""
    found = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def _newer(row: object, since: datetime | None) -> bool:
    """Rows without `updated_at` are always sent."""
    stamp = row.get("updated_at") if isinstance(row, dict) else None
    return since is None or stamp is None or datetime.fromisoformat(stamp) >= since


def _answer(page: dict[str, Any]) -> Response:
    # ASCII, because an export may hold half a surrogate pair on purpose
    return Response(json.dumps(page), media_type="application/json")


def _spoil(fault: Fault, page: dict[str, Any]) -> Response:
    if fault.how == "circle":
        return _answer({**page, "next": "0"})
    text = json.dumps(page)
    headers = dict(fault.headers or {})
    if fault.how == "truncate":
        return Response(text[: len(text) // 2], media_type="application/json")
    if fault.how == "lost":
        return _Lost(text)
    if fault.how == "slow":
        slow = _Slow(text)
        slow.delay_s = fault.delay_s
        return slow
    if fault.how == "redirect":
        return Response(status_code=302, headers=headers)
    return JSONResponse({"error": "injected"}, fault.status, headers=headers)
