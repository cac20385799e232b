"""The user portal over HTTP: pages, patience, and every failure in our own words."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from policies.errors import BeamkeeperError, Denied, Invalid, Mismatch, Unavailable
from policies.portal_export import Export
from policies.portal_reader import parse_export
from settings.portal import PortalSettings

EXPORT = "/api/v1/export"
WHOAMI = "/api/v1/whoami"
_FIRST_PAUSE_S = 0.2
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class HttpPortal:
    """The portal's export over HTTP; a `PortalPort`.

    Reading is repeatable, so an answer that is lost or cut is simply asked for again. The
    token goes to the configured address only: redirects are refused, proxies of the
    environment are not used.

    Args:
        settings: Address, token and patience.
        pause: Waits so many seconds.
    """

    def __init__(
        self, settings: PortalSettings, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings = settings
        self._pause = pause
        self._client = httpx.Client(
            base_url=settings.base,
            headers={"Accept": "application/json"},
            auth=_Bearer(settings),
            timeout=httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
            follow_redirects=False,
            trust_env=False,
        )

    def export(self, since: datetime | None = None) -> Export:
        """Read every page and the rows on them.

        Args:
            since: Only what changed since then, aware; None: everything.

        Raises:
            Unavailable: No answer, a cut one or a 5xx, also after `retries`; a 429 carries
                `context["retry_after_s"]`.
            Denied: Any other status: the token, the address, a redirect.
            Invalid: The answer is no export.
            Mismatch: A page comes twice, or there are too many.
        """
        parameters = {"limit": str(self._settings.page_size)}
        if since is not None:
            parameters["since"] = since.astimezone(UTC).isoformat()
        whole: dict[str, Any] = {"users": [], "cycles": [], "proposals": []}
        seen: set[str] = set()
        while True:
            page = self._get(EXPORT, parameters)
            following = _collect(whole, page)
            if following is None:
                return parse_export(whole)
            if following in seen:
                raise Mismatch("the portal sends the same page again and again", cursor=following)
            seen.add(following)
            if len(seen) >= self._settings.max_pages:
                raise Mismatch(f"the portal sends more than {self._settings.max_pages} pages")
            parameters["cursor"] = following

    def check(self) -> str:
        """Whom the portal takes us for, in words.

        Raises:
            Unavailable: No answer.
            Denied: The token is not accepted.
        """
        answer = self._get(WHOAMI, {})
        account = answer.get("account") if isinstance(answer, dict) else None
        return f"{self._settings.base} knows us as {str(account)[:60]}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def _get(self, path: str, parameters: dict[str, str]) -> Any:  # noqa: ANN401
        """One document, asked for again while that may help."""
        wait = _FIRST_PAUSE_S
        for left in range(self._settings.retries, -1, -1):
            try:
                return self._once(path, parameters)
            except Unavailable as error:
                asked = error.context.get("retry_after_s")
                wait = float(asked) if isinstance(asked, int) else wait
                if not left or wait > self._settings.max_wait_s:
                    raise
            self._pause(wait)
            wait = min(2 * wait, self._settings.max_wait_s)
        raise AssertionError("unreachable")

    def _once(self, path: str, parameters: dict[str, str]) -> Any:  # noqa: ANN401
        try:
            with self._client.stream("GET", path, params=parameters) as answer:
                if answer.status_code != HTTPStatus.OK:
                    raise _no(answer)
                body = self._body(answer)
        except (httpx.TransportError, httpx.DecodingError) as error:
            name = type(error).__name__
            raise Unavailable(
                f"the portal {self._settings.base} does not answer to the end ({name})"
            ) from error
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Unavailable(
                f"the portal's answer of {len(body)} bytes is cut or no JSON"
            ) from error

    def _body(self, answer: httpx.Response) -> bytes:
        limit = self._settings.max_page_bytes
        deadline = time.monotonic() + self._settings.page_timeout_s
        body = bytearray()
        for part in answer.iter_bytes():
            body += part
            if len(body) > limit:
                raise Invalid(f"a page of the portal has more than {limit} bytes")
            if time.monotonic() > deadline:
                seconds = self._settings.page_timeout_s
                raise Unavailable(f"the portal needs more than {seconds:g} s for a page")
        return bytes(body)


class _Bearer(httpx.Auth):
    """Adds the token when a request leaves, so that no header dictionary keeps it."""

    def __init__(self, settings: PortalSettings) -> None:
        self._token = settings.token

    def auth_flow(self, request: httpx.Request) -> Any:  # noqa: ANN401
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


def _no(answer: httpx.Response) -> BeamkeeperError:
    """The error for an answer that is no document."""
    status = answer.status_code
    if status in _AGAIN or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != 501):  # noqa: PLR2004
        after = _retry_after(answer)
        context: dict[str, object] = {"status": status}
        if after is not None:
            context["retry_after_s"] = after
        return Unavailable(f"the portal answers {status}", **context)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Denied(f"the portal does not accept our token ({status})", status=status)
    if answer.has_redirect_location:
        return Denied(f"the portal sends us elsewhere ({status}): check its address", status=status)
    return Denied(f"the portal answers {status} to our request", status=status)


def _retry_after(answer: httpx.Response) -> int | None:
    """Seconds to wait, None when not said in seconds."""
    text = answer.headers.get("Retry-After", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004


def _collect(whole: dict[str, Any], page: object) -> str | None:
    """Add a page to the whole export.

    Returns:
        Cursor of the following page, None after the last.
    """
    parse_head = {n: page.get(n) for n in ("format", "version")} if isinstance(page, dict) else {}
    if not isinstance(page, dict) or not all(parse_head.values()):
        raise Invalid("the portal's answer is no export", fields={"format": "is missing"})
    for name in ("users", "cycles", "proposals"):
        rows = page.get(name, [])
        if not isinstance(rows, list):
            raise Invalid(f"{name} is no list", fields={name: "must be a list"})
        whole[name] += rows
    whole |= {**parse_head, "exported_at": page.get("exported_at")}
    following = page.get("next")
    return None if following is None else str(following)
