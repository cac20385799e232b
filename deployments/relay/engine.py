"""Starts flow runs through Prefect's REST interface."""

import httpx
from pydantic import SecretStr

from catalog.commands.outbox import Item
from deployments.serving.rest import EngineAuth
from policies.errors import Denied, Unavailable

_OK = 200
_CREATED = 201
_MISSING = 404
_UNKNOWN = frozenset({408, 425, 429, 500, 502, 503, 504})


def run_name(item: Item) -> str:
    """What operators read in the list: `p900054 r0082`, or the flow's name."""
    parts = []
    if item.proposal is not None:
        parts.append(f"p{item.proposal:06d}")
    if item.run is not None:
        parts.append(f"r{item.run:04d}")
    return " ".join(parts) or item.work


def tags(item: Item) -> list[str]:
    """Tags by which a run is found again."""
    found = ["beamkeeper", f"outbox:{item.id}"]
    if item.proposal is not None:
        found.append(f"proposal:{item.proposal}")
    if item.run is not None:
        found.append(f"run:{item.run:04d}")
    return found


class Engine:
    """Prefect as the relay sees it.

    Args:
        api_url: Address of the API, ending in `/api`.
        auth: The shared `user:password`, empty when none is set.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, api_url: str, auth: str = "", timeout_seconds: float = 30) -> None:
        base = api_url.rstrip("/") + "/"
        # The server asks for a CSRF token as well as for the password.
        ticket = EngineAuth(base, SecretStr(auth) if auth else None)
        self._http = httpx.Client(base_url=base, auth=ticket, timeout=timeout_seconds)
        self._deployments: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def start(self, item: Item) -> str:
        """Ask for a flow run; the row's key makes a repetition harmless.

        Returns:
            The id of the flow run, new or known.

        Raises:
            Unavailable: No answer (`silent` in the context), or one that leaves it open; try
                again with the same key.
            Denied: The deployment is missing or refuses the parameters.
        """
        answer = self._create(item, self._deployment(item.work))
        if answer.status_code == _MISSING:
            self._deployments.pop(item.work, None)
            answer = self._create(item, self._deployment(item.work))
        if answer.status_code in {_OK, _CREATED}:
            return _id(answer)
        raise _fault(answer, f"starting {item.work}")

    def _create(self, item: Item, deployment: str) -> httpx.Response:
        body = {
            "parameters": item.parameters,
            "idempotency_key": item.key,
            "name": run_name(item),
            "tags": tags(item),
            "labels": {"bk.outbox": str(item.id)},
            "state": {"type": "SCHEDULED"},
        }
        return self._call("POST", f"deployments/{deployment}/create_flow_run", body)

    def _deployment(self, work: str) -> str:
        if work not in self._deployments:
            answer = self._call("GET", f"deployments/name/{work}/{work}")
            if answer.status_code == _MISSING:
                raise Denied(f"deployment {work}/{work} is not there: run beamkeeper deploy")
            if answer.status_code != _OK:
                raise _fault(answer, f"looking up {work}")
            self._deployments[work] = _id(answer)
        return self._deployments[work]

    def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"Prefect does not answer: {type(error).__name__}", silent=True
            ) from error


def _id(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("what answers at Prefect's address is not Prefect") from error


def _fault(answer: httpx.Response, doing: str) -> Unavailable | Denied:
    text = f"{doing}: {answer.status_code} {answer.text[:300]}"
    return Unavailable(text) if answer.status_code in _UNKNOWN else Denied(text)
