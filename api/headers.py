"""Headers that every answer of the public door has.

Source: OWASP's recommendations for response headers; the policy allows one stylesheet and
pictures of our own, and no script at all.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-cache",
}
"""Set where the answer does not say otherwise. Everything here is public, so any page may read it;
nothing may be shown again without asking whether it still holds."""


class Headers:
    """Adds the headers.

    Args:
        app: What answers.
        secure: Whether people come over TLS, so that browsers may remember it.
    """

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        more = {"Strict-Transport-Security": "max-age=31536000"} if secure else {}
        self._always = ALWAYS | more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, add)
