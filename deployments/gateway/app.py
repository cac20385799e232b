"""`POST /hooks/daq/{run-opened,run-updated,run-closed}`: signed, kept, then answered."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from catalog.commands.inbox import Message
from catalog.engine import Database
from catalog.queries.journal import oldest_waiting
from deployments.gateway.writer import Writer
from policies import signing
from policies.errors import Conflict, Unavailable
from policies.messages import MessageKind
from settings.gateway import GatewaySettings, Sender

_NOT_READABLE = "the body is not a JSON object"


class _TooLarge(Exception):
    """The body is over the limit."""


def gateway(database: Database, settings: GatewaySettings) -> Starlette:
    """Build the application.

    Args:
        database: The catalog; migrated.
        settings: Senders, keys and limits.
    """
    writer = Writer(database, settings.max_batch)
    hooks = _Hooks(settings, writer)

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        writer.start()
        yield
        await asyncio.to_thread(writer.stop)

    async def health(_request: Request) -> JSONResponse:
        return await asyncio.to_thread(_health, database)

    return Starlette(
        routes=[
            Route("/hooks/daq/{kind}", hooks.receive, methods=["POST"]),
            Route("/healthz", health, methods=["GET"]),
        ],
        lifespan=life,
    )


def _health(database: Database) -> JSONResponse:
    try:
        with database.read() as session:
            oldest = oldest_waiting(session)
    except Unavailable as error:
        return JSONResponse({"status": "down", "reason": error.message}, 503)
    waiting = oldest.isoformat() if oldest else None
    return JSONResponse({"status": "up", "oldest_waiting_outbox": waiting})


def _error(status: int, code: str, message: str, **more: Any) -> JSONResponse:  # noqa: ANN401
    headers = {"Retry-After": "2"} if status == 503 else None  # noqa: PLR2004
    return JSONResponse({"code": code, "message": message, **more}, status, headers)


class _Hooks:
    """The DAQ's three webhooks."""

    def __init__(self, settings: GatewaySettings, writer: Writer) -> None:
        self._settings = settings
        self._writer = writer
        self._window = timedelta(seconds=settings.replay_window_seconds)
        self._keys = {name: _keys(sender) for name, sender in settings.senders.items()}

    async def receive(self, request: Request) -> JSONResponse:
        """Verify a message, keep it, answer."""
        try:
            kind = MessageKind(request.path_params["kind"])
        except ValueError:
            known = ", ".join(MessageKind)
            return _error(404, "missing", f"there is no such webhook; there are: {known}")
        try:
            body = await self._read(request)
        except _TooLarge:
            limit = self._settings.max_body_bytes
            return _error(413, "too_large", f"the body is over {limit} bytes")
        sender = request.headers.get(signing.SENDER, "")
        checked = signing.check(
            request.headers, body, self._keys.get(sender, ()), datetime.now(UTC), self._window
        )
        if isinstance(checked, str):
            return _error(401, "unsigned", checked)
        return await self._keep(self._message(request, kind, body, checked.sent_at, sender))

    async def _read(self, request: Request) -> bytes:
        limit = self._settings.max_body_bytes
        if int(request.headers.get("content-length") or 0) > limit:
            raise _TooLarge
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _TooLarge
        return bytes(body)

    def _message(
        self, request: Request, kind: MessageKind, body: bytes, sent_at: datetime, sender: str
    ) -> Message:
        fault, content = "", _object(body)
        if content is None:
            text = body.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
            fault, content = _NOT_READABLE, {"raw": text}
        return Message(
            sender=sender,
            event_id=request.headers[signing.EVENT_ID],
            kind=kind,
            body=content,
            body_sha256=hashlib.sha256(body).hexdigest(),
            sent_at=sent_at,
            fault=fault,
            instruments=tuple(self._settings.senders[sender].instruments),
        )

    async def _keep(self, message: Message) -> JSONResponse:
        try:
            answer = await asyncio.wrap_future(self._writer.submit(message))
        except Conflict as error:
            return _error(409, error.code, error.message, event_id=message.event_id)
        except Unavailable as error:
            return _error(503, error.code, error.message, event_id=message.event_id)
        return JSONResponse(answer.body, answer.status)


def _keys(sender: Sender) -> tuple[signing.SigningKey, ...]:
    return tuple(
        signing.SigningKey(k.id, k.secret.get_secret_value().encode(), k.not_after)
        for k in sender.keys
    )


def _object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, None when there is none that the catalog can hold."""
    try:
        content = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or _has_nul(content):
        return None
    return content


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _has_nul(content: object) -> bool:
    """Whether a NUL hides in the text: PostgreSQL's JSON cannot hold one."""
    text = json.dumps(content)
    return "\\u0000" in text or any(f"\\ud{c}" in text for c in "89abcdef")
