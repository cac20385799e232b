"""The flow engine's REST interface, spoken without loading the engine.

`EngineAuth` is all that a plain `httpx.Client` needs against a server that asks for the
shared password and for CSRF tokens; `EngineApi` adds paging, patience and our errors.
"""

import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from policies.errors import Denied, Missing, Unavailable

PAGE = 200
"""Largest page that the server gives."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_AGAIN = frozenset({429, 502, 503, 504})


class EngineAuth(httpx.Auth):
    """Shared password and CSRF token, for `httpx.Client` and `httpx.AsyncClient`.

    Args:
        api_url: Address of the REST interface, `http://host:port/api`.
        auth: `user:password`; None where the server asks for none.
    """

    requires_response_body = True

    def __init__(self, api_url: str, auth: SecretStr | None) -> None:
        self._api_url = api_url.rstrip("/")
        self._basic: httpx.BasicAuth | None = None
        if auth is not None:
            user, _, password = auth.get_secret_value().partition(":")
            self._basic = httpx.BasicAuth(user, password)
        self._client = str(uuid.uuid4())
        self._token: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign one request; fetches a token before the first one that changes something."""
        self._sign(request)
        if request.method in _SAFE:
            yield request
            return
        if self._token is None:
            yield from self._fetch()
        self._stamp(request)
        response = yield request
        if response.status_code == httpx.codes.FORBIDDEN and b"CSRF" in response.content:
            yield from self._fetch()
            self._stamp(request)
            yield request

    def _sign(self, request: httpx.Request) -> None:
        if self._basic is not None:
            next(self._basic.auth_flow(request))

    def _fetch(self) -> Generator[httpx.Request, httpx.Response, None]:
        ask = httpx.Request("GET", f"{self._api_url}/csrf-token", params={"client": self._client})
        self._sign(ask)
        response = yield ask
        # A server without this protection answers 422 here and wants no token.
        self._token = response.json()["token"] if response.is_success else ""

    def _stamp(self, request: httpx.Request) -> None:
        if self._token:
            request.headers["Prefect-Csrf-Token"] = self._token
            request.headers["Prefect-Csrf-Client"] = self._client


class EngineApi:
    """A small synchronous client of the engine.

    Args:
        api_url: Address of the REST interface.
        auth: `user:password`, or None.
        patience: Seconds for which an answer 429, 502, 503 or a broken connection is tried
            again; only calls that may be repeated are made through this class.
        timeout: Seconds for one request.
    """

    def __init__(
        self,
        api_url: str,
        auth: SecretStr | None,
        *,
        patience: float = 20.0,
        timeout: float = 30.0,
    ) -> None:
        self._patience = patience
        self._client = httpx.Client(
            base_url=api_url.rstrip("/") + "/",
            auth=EngineAuth(api_url, auth),
            timeout=timeout,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        """Send one request and return the decoded answer (None when it is empty).

        Raises:
            Missing: 404.
            Denied: Any other refusal; the message holds what the server said.
            Unavailable: No usable answer within the patience.
        """
        give_up_at = time.monotonic() + self._patience
        pause = 0.1
        while True:
            answer = self._try(method, path, body)
            if isinstance(answer, httpx.Response) and answer.status_code not in _AGAIN:
                return _decode(answer, method, path)
            if time.monotonic() + pause > give_up_at:
                raise Unavailable(f"the flow engine does not answer {method} {path}: {answer}")
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _try(self, method: str, path: str, body: object) -> httpx.Response | httpx.TransportError:
        try:
            return self._client.request(method, path.lstrip("/"), json=body)
        except httpx.TransportError as error:
            return error

    def get(self, path: str) -> Any:  # noqa: ANN401
        """Read one thing."""
        return self.call("GET", path)

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401
        """Create, filter or set."""
        return self.call("POST", path, body)

    def patch(self, path: str, body: object) -> Any:  # noqa: ANN401
        """Change fields of one thing."""
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Remove one thing; one that is not there is fine."""
        try:
            self.call("DELETE", path)
        except Missing:
            return

    def pages(self, path: str, body: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        """Yield every match of a filter, page by page."""
        offset = 0
        while True:
            found = self.post(path, {**body, "limit": PAGE, "offset": offset})
            yield from found
            if len(found) < PAGE:
                return
            offset += PAGE

    def is_ready(self) -> bool:
        """Return whether the server and its database answer now."""
        answer = self._try("GET", "ready", None)
        return isinstance(answer, httpx.Response) and answer.is_success


def _decode(answer: httpx.Response, method: str, path: str) -> Any:  # noqa: ANN401
    """Return the body or raise the error of ours that fits the status."""
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise Missing(f"the flow engine has no {path}")
    if answer.is_error:
        said = answer.text[:500]
        raise Denied(
            f"the flow engine refused {method} {path} with {answer.status_code}: {said}",
            status=answer.status_code,
        )
    return answer.json() if answer.content else None
