"""A program that wants our events: checks signatures, keeps what it got, can misbehave."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deployments.standins.listening import Listening
from policies import signing
from settings.clock import utc_now


class SubscriberStandin(Listening):
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
        super().__init__(app, port, "subscriber stand-in")

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
        return f"{super().url}/events"
