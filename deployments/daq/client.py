"""Sends run messages to the gateway and loses none of them.

Every message is a file in the spool before it is sent, and the file goes away only after
the gateway has answered for it. A message keeps its event id for ever, so sending it twice
has one effect; it is signed anew each time, so it is never too old.
"""

import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deployments.daq.spool import Spool, Spooled
from policies import signing
from policies.errors import Invalid
from policies.messages import MessageKind
from settings.clock import utc_now

_ACCEPTED = 202
_REFUSED = frozenset({400, 409, 413, 422})
"""Answers to this message for good. All others wait: a wrong key or address may be mended."""


@dataclass(frozen=True)
class Receipt:
    """What became of a message.

    Attributes:
        event_id: The message's name.
        delivered: Whether the gateway has answered for it, be it with a refusal.
        status: HTTP status, 0 without an answer.
        answer: The gateway's JSON, empty without one.
    """

    event_id: str
    delivered: bool
    status: int
    answer: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether the gateway keeps it and has no objection."""
        return self.delivered and self.status == _ACCEPTED


class DaqClient:
    """A client of the gateway.

    Args:
        url: Address of the gateway, without `/hooks`.
        sender: Our name there.
        key: Signing key.
        spool: Folder for messages that are not answered for yet; made when missing.
        timeout_seconds: How long an answer may take.

    Raises:
        Unavailable: The spool cannot be made.
    """

    def __init__(
        self,
        url: str,
        sender: str,
        key: signing.SigningKey,
        spool: Path,
        timeout_seconds: float = 10,
    ) -> None:
        self._url = url.rstrip("/")
        self._sender = sender
        self._key = key
        self._spool = Spool(spool)
        self._http = httpx.Client(timeout=timeout_seconds, follow_redirects=False)

    def close(self) -> None:
        """Close the connections; what waits stays in the spool."""
        self._http.close()

    def send(
        self, kind: MessageKind, body: Mapping[str, Any], event_id: str | None = None
    ) -> Receipt:
        """Spool a message, then send everything that waits, oldest first.

        Returns:
            The receipt of this message; `delivered` is False while it stays in the spool.

        Raises:
            Invalid: The event id or the body cannot travel; nothing is spooled.
            Unavailable: The spool cannot keep it; nothing is spooled.
        """
        name = event_id or uuid.uuid4().hex
        self.spool(kind, body, name)
        receipts = {receipt.event_id: receipt for receipt in self.flush()}
        return receipts.get(name, Receipt(name, delivered=False, status=0, answer={}))

    def spool(self, kind: MessageKind, body: Mapping[str, Any], event_id: str) -> Path:
        """Keep a message for the next `flush`.

        Raises:
            Invalid: The event id or the body cannot travel.
            Unavailable: The spool cannot keep it.
        """
        if rule := signing.event_id_rule(event_id):
            raise Invalid(rule, fields={"event_id": rule})
        try:
            return self._spool.put(kind, event_id, body)
        except (TypeError, ValueError) as error:
            raise Invalid(f"the body is no JSON: {error}", fields={"body": str(error)}) from error

    def flush(self) -> list[Receipt]:
        """Send what waits, in order; stops at the first message that must wait."""
        receipts = []
        with self._spool.sending():
            for path in self.waiting():
                message = self._spool.take(path)
                if message is None:
                    continue
                receipt = self._post(message)
                receipts.append(receipt)
                if not receipt.delivered:
                    break
                self._finish(path, receipt)
        return receipts

    def keep_flushing(self, stop: threading.Event, every_seconds: float = 5.0) -> None:
        """Send what waits again and again until told to stop."""
        while not stop.is_set():
            if self.waiting():
                self.flush()
            stop.wait(every_seconds)

    def waiting(self) -> list[Path]:
        """Messages in the spool, oldest first."""
        return self._spool.waiting()

    def _post(self, message: Spooled) -> Receipt:
        body = json.dumps(message.body, sort_keys=True).encode()
        headers = signing.sign(
            self._sender, self._key, message.event_id, body, utc_now(), kind=message.kind
        )
        headers["Content-Type"] = "application/json"
        url = f"{self._url}/hooks/daq/{message.kind}"
        try:
            answer = self._http.post(url, content=body, headers=headers)
        except httpx.HTTPError:
            return Receipt(message.event_id, delivered=False, status=0, answer={})
        content = _json(answer)
        # Something in between may say 202 too: only the gateway names our message.
        ours = answer.status_code == _ACCEPTED and content.get("event_id") == message.event_id
        delivered = ours or answer.status_code in _REFUSED
        return Receipt(message.event_id, delivered, answer.status_code, content)

    def _finish(self, path: Path, receipt: Receipt) -> None:
        """An accepted message goes; a refused one is kept beside, for people."""
        if receipt.accepted:
            self._spool.done(path)
        else:
            self._spool.put_aside(path, {"status": receipt.status, **receipt.answer})


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
