"""A program that wants our events: checks signatures, keeps what it got, can misbehave."""

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from policies import signing
from settings.clock import utc_now


class SubscriberStandin:
    """Listens on loopback and remembers events.

    Args:
        key: Key that must have signed them.
        port: Port, 0 for a free one.
        clock: The moment that time stamps are compared with.

    Attributes:
        events: Bodies in the order of arrival, repetitions included.
        fail_next: Answers still to be refused with 503.
        delay_seconds: Pause before each answer.
    """

    def __init__(
        self,
        key: signing.SigningKey,
        port: int = 0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.fail_next = 0
        self.delay_seconds = 0.0
        self._key = key
        self._clock = clock
        app = Starlette(routes=[Route("/events", self._receive, methods=["POST"])])
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    async def _receive(self, request: Request) -> JSONResponse:
        body = await request.body()
        window = timedelta(minutes=5)
        kind = request.headers.get(signing.KIND, "")
        checked = signing.check(
            request.headers, body, (self._key,), self._clock(), window, kind=kind
        )
        if isinstance(checked, str):
            return JSONResponse({"message": checked}, 401)
        await asyncio.sleep(self.delay_seconds)
        if self.fail_next > 0:
            self.fail_next -= 1
            return JSONResponse({"message": "not now"}, 503)
        self.events.append(json.loads(body))
        return JSONResponse({"ok": True})

    @property
    def url(self) -> str:
        """Address for the subscription."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/events"

    def start(self) -> None:
        """Begin to listen; returns when it does."""
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.02)

    def stop(self) -> None:
        """End."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
