"""One constants catalogue over HTTP: token, patience, pages, and its refusals in our own words."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import httpx

from policies.errors import Denied, Invalid, Mismatch, Unavailable
from settings.constants import CalcatSettings
from tasks.constants.refusals import no

T = TypeVar("T")
Row = dict[str, Any]

_FIRST_PAUSE_S = 0.2
_TOKEN_MARGIN_S = 60.0
_UNAUTHORIZED = 401
_PAGES = "X-Total-Pages"


class Connection:
    """Requests to the catalogue; for one thread.

    The secret goes to the configured address only: redirects are not followed, proxies of the
    environment are not used.

    Args:
        settings: Address, application and patience.
        pause: Waits so many seconds.
        clock: Seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        settings: CalcatSettings,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._pause, self._clock = settings, pause, clock
        self._token, self._token_ends = "", 0.0
        self._client = httpx.Client(
            base_url=settings.base,
            timeout=httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def address(self) -> str:
        """Where it is."""
        return self._settings.base

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, query: Mapping[str, str] | None = None, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Read one document; reading is repeatable, so it is tried again while that may help.

        Raises:
            Missing: It does not exist.
            Unavailable, Denied, Invalid: As `ConstantsCatalog` says.
        """
        return self.again(lambda: self._answer("GET", path, query, body)[0])

    def rows(self, path: str, query: Mapping[str, str]) -> Iterator[Row]:
        """Read a list, page by page.

        Raises:
            Mismatch: A page comes twice, or there are too many.
            Unavailable, Denied, Invalid: As `ConstantsCatalog` says.
        """
        seen: set[str] = set()
        for page in range(1, self._settings.max_pages + 1):
            asked = {**query, "page": str(page), "page_size": str(self._settings.page_size)}
            found, headers = self.again(partial(self._answer, "GET", path, asked, None))
            if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
                raise Invalid(f"{path} answers no list", fields={path: "must be a list"})
            ids = json.dumps([row.get("id") for row in found])
            if found and ids in seen:
                raise Mismatch(f"the constants catalogue sends the same page of {path} again")
            seen.add(ids)
            yield from found
            if page >= _pages(headers.get(_PAGES)):
                return
        raise Mismatch(f"{path} has more than {self._settings.max_pages} pages")

    def send(self, method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Write once; whoever asks decides whether to look and ask again.

        Raises:
            Unavailable: No answer: what was done is unknown.
            Missing, Denied, Invalid: As `ConstantsCatalog` says; nothing was done.
        """
        return self._answer(method, path, None, body)[0]

    def again(self, step: Callable[[], T]) -> T:
        """Take a step that may be repeated, a few times while the catalogue does not answer.

        Raises:
            Unavailable: It did not at the last time either, or asks for a longer pause.
        """
        longest = self._settings.max_wait_s
        wait = min(_FIRST_PAUSE_S, longest)
        for left in range(self._settings.retries, -1, -1):
            try:
                return step()
            except Unavailable as error:
                asked = error.context.get("retry_after_s")
                wait = float(asked) if isinstance(asked, int) else wait
                if not left or wait > longest:
                    raise
            self._pause(wait)
            wait = min(2 * wait, longest)
        raise AssertionError("unreachable")

    def _answer(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object
    ) -> tuple[Any, httpx.Headers]:
        """Ask, with a new token once when the catalogue does not know ours any more."""
        for last in (False, True):
            request = self._client.build_request(
                method,
                f"/api/{path}",
                params=query,
                headers=self._headers(),
                json=body,
            )
            status, content, headers = self._exchange(request)
            if status == _UNAUTHORIZED and self._settings.client_id is not None and not last:
                self._token = ""
                continue
            break
        if not httpx.codes.is_success(status):
            raise no(status, content, headers, f"{method} {path}")
        if not content:
            return None, headers
        return _parsed(content), headers

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json; version=2", "Content-Type": "application/json"}
        if self._settings.user_email:
            headers["X-User-Email"] = self._settings.user_email
        if self._settings.client_id is not None:
            headers["Authorization"] = f"Bearer {self._bearer()}"
        return headers

    def _bearer(self) -> str:
        """The token, renewed before it ends."""
        if self._token and self._clock() < self._token_ends:
            return self._token
        known, secret = self._settings.client_id, self._settings.client_secret
        assert known is not None
        assert secret is not None
        request = self._client.build_request(
            "POST",
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            headers={"Accept": "application/json"},
        )
        auth = httpx.BasicAuth(known.get_secret_value(), secret.get_secret_value())
        status, content, headers = self._exchange(request, auth)
        if not httpx.codes.is_success(status):
            raise no(status, content, headers, "POST oauth/token")
        found = _parsed(content)
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str) or not token:
            raise Denied("the constants catalogue gives no token")
        self._token = token
        lives = found.get("expires_in")
        seconds = float(lives) if isinstance(lives, int | float) else 0.0
        # a short-lived token is used once rather than never
        self._token_ends = self._clock() + max(seconds - _TOKEN_MARGIN_S, 0.0)
        return token

    def _exchange(
        self, request: httpx.Request, auth: httpx.Auth | None = None
    ) -> tuple[int, bytes, httpx.Headers]:
        """Send and read to the end, within size and time."""
        limit = self._settings.max_answer_bytes
        deadline = self._clock() + self._settings.answer_timeout_s
        body = bytearray()
        try:
            answer = self._client.send(request, stream=True, auth=auth)
            try:
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > limit:
                        raise Invalid(f"an answer of the catalogue has more than {limit} bytes")
                    if self._clock() > deadline:
                        raise Unavailable("the constants catalogue needs too long for an answer")
            finally:
                answer.close()
        except (httpx.TransportError, httpx.DecodingError) as error:
            name = type(error).__name__
            words = f"the constants catalogue {self.address} does not answer to the end ({name})"
            raise Unavailable(words) from error
        return answer.status_code, bytes(body), answer.headers


def _parsed(content: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        words = f"the constants catalogue's answer of {len(content)} bytes is cut or no JSON"
        raise Unavailable(words) from error


def _pages(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 1
