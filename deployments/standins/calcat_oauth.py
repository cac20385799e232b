"""Tokens of the calibration catalogue stand-in: OAuth2 client credentials."""

import base64
import binascii
import json
import secrets
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Tokens:
    """One application and its live tokens.

    Attributes:
        client_id: The application.
        client_secret: Its secret.
        lifetime_s: How long a token lives, seconds.
    """

    def __init__(self) -> None:
        self.client_id = "beamkeeper"
        self.client_secret = secrets.token_urlsafe(16)
        self.lifetime_s = 7200
        self._live: dict[str, datetime] = {}

    def knows(self, header: str, now: datetime) -> bool:
        """Whether an `Authorization` header carries a live token."""
        kind, _, token = header.partition(" ")
        return kind == "Bearer" and self._live.get(token, now) > now

    def expire(self) -> None:
        """End every token."""
        self._live.clear()

    def answer(self, request: Request, body: bytes, now: datetime) -> Response:
        """Answer a request for a token: HTTP Basic, form or JSON."""
        if request.method != "POST":
            return JSONResponse({"error": "invalid_request"}, 400)
        form = _fields(request, body)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        given = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        right = f"{self.client_id}:{self.client_secret}".encode()
        if not secrets.compare_digest(":".join(given).encode(), right):
            words = "Client authentication failed"
            return JSONResponse({"error": "invalid_client", "error_description": words}, 401)
        token = secrets.token_urlsafe(24)
        self._live[token] = now + timedelta(seconds=self.lifetime_s)
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer"}
            | {"expires_in": self.lifetime_s, "created_at": int(now.timestamp())}
        )


def _fields(request: Request, body: bytes) -> dict[str, str]:
    try:
        if "json" in request.headers.get("content-type", ""):
            found = json.loads(body)
            return found if isinstance(found, dict) else {}
        return dict(parse_qsl(body.decode()))
    except ValueError:
        return {}


def _basic(request: Request) -> tuple[str, str] | None:
    kind, _, coded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ("", "")
    return name, secret
