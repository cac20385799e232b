"""Posts events to subscribers, signed."""

import json
from datetime import datetime

import httpx

from catalog.commands.outbox import Item
from policies import signing
from policies.errors import Unavailable
from settings.gateway import Subscriber

OURSELVES = "beamkeeper"
_OK = 200
_REDIRECT = 300


class Courier:
    """Delivers events.

    Args:
        subscribers: By name.
    """

    def __init__(self, subscribers: dict[str, Subscriber]) -> None:
        self._subscribers = subscribers
        self._http = httpx.Client(follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def names(self) -> list[str]:
        """Names of all subscribers."""
        return list(self._subscribers)

    def wanted_by(self, topic: str) -> list[str]:
        """Names of the subscribers that want a topic."""
        return [name for name, s in self._subscribers.items() if not s.topics or topic in s.topics]

    def deliver(self, item: Item, now: datetime) -> None:
        """Post one event to one subscriber.

        Raises:
            Unavailable: Not delivered as far as we know; the same event id is sent again.
        """
        subscriber = self._subscribers.get(item.sent_to)
        if subscriber is None:
            raise Unavailable(f"subscriber {item.sent_to} is not configured")
        body = json.dumps({**item.parameters, "event_id": item.key}, sort_keys=True).encode()
        key = signing.SigningKey(
            subscriber.key.id, subscriber.key.secret.get_secret_value().encode()
        )
        headers = signing.sign(OURSELVES, key, item.key, body, now, kind=item.work)
        headers |= {signing.KIND: item.work, "Content-Type": "application/json"}
        try:
            answer = self._http.post(
                subscriber.url, content=body, headers=headers, timeout=subscriber.timeout_seconds
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"{item.sent_to}: {type(error).__name__}") from error
        if not _OK <= answer.status_code < _REDIRECT:
            raise Unavailable(f"{item.sent_to}: answered {answer.status_code}")
