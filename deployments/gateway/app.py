"""`POST /hooks/daq/{run-opened,run-updated,run-closed}`: signed, kept, then answered."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from catalog.commands.inbox import Message
from catalog.engine import Database
from catalog.queries.journal import oldest_waiting
from deployments.gateway import body as bodies
from deployments.gateway.writer import Writer
from policies import signing
from policies.errors import Conflict, Unavailable
from policies.messages import MessageKind
from settings.clock import utc_now
from settings.gateway import GatewaySettings, Sender


def gateway(database: Database, settings: GatewaySettings, more: Sequence[Route] = ()) -> Starlette:
    """Build the application.

    Args:
        database: The catalog; migrated.
        settings: Senders, keys and limits.
        more: Further routes.
    """
    writer = Writer(database, settings.max_batch, settings.max_waiting_bytes)
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
            *more,
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

    async def receive(self, request: Request) -> Response:
        """Verify a message, keep it, answer."""
        try:
            kind = MessageKind(request.path_params["kind"])
        except ValueError:
            known = ", ".join(MessageKind)
            return _error(404, "missing", f"there is no such webhook; there are: {known}")
        if rule := signing.event_id_rule(request.headers.get(signing.EVENT_ID, "")):
            return _error(400, "malformed", rule)
        body = await self._body(request)
        if isinstance(body, JSONResponse):
            return body
        sender = request.headers.get(signing.SENDER, "")
        checked = signing.check(
            request.headers,
            body,
            self._keys.get(sender, ()),
            utc_now(),
            self._window,
            kind=kind,
        )
        if isinstance(checked, str):
            return _error(401, "unsigned", checked)
        return await self._keep(self._message(request, kind, body, checked.sent_at), len(body))

    async def _body(self, request: Request) -> bytes | JSONResponse:
        limit = self._settings.max_body_bytes
        try:
            async with asyncio.timeout(self._settings.read_seconds):
                return await bodies.read(request, limit)
        except bodies.TooLarge:
            return _error(413, "too_large", f"the body is over {limit} bytes")
        except TimeoutError:
            return _error(408, "too_slow", "the body did not come in time")
        except ClientDisconnect:
            return _error(400, "malformed", "the body ended too early")

    def _message(
        self, request: Request, kind: MessageKind, body: bytes, sent_at: datetime
    ) -> Message:
        content, fault = bodies.json_object(body)
        if content is None:
            text = body.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
            content = {"raw": text}
        sender = request.headers[signing.SENDER]
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

    async def _keep(self, message: Message, size: int) -> Response:
        try:
            answer = await asyncio.wrap_future(self._writer.submit(message, size))
        except Conflict as error:
            return _error(409, error.code, error.message, event_id=message.event_id)
        except Unavailable as error:
            return _error(503, error.code, error.message, event_id=message.event_id)
        # Sorted: a repetition is answered alike to the byte, whatever the database keeps in order.
        text = json.dumps(answer.body, sort_keys=True)
        return Response(text, answer.status, media_type="application/json")


def _keys(sender: Sender) -> tuple[signing.SigningKey, ...]:
    return tuple(
        signing.SigningKey(k.id, k.secret.get_secret_value().encode(), k.not_after)
        for k in sender.keys
    )
