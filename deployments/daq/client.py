"""Sends run messages to the gateway and loses none of them.

Every message is a file in the spool before it is sent, and the file goes away only after
the gateway has answered for it. A message keeps its event id for ever, so sending it twice
has one effect; it is signed anew each time, so it is never too old.
"""

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from policies import signing
from policies.errors import Invalid
from policies.messages import MessageKind

_RETRY = frozenset({401, 408, 425, 429, 500, 502, 503, 504})
"""Answers after which the message stays in the spool; 401 because a key may be mended."""


@dataclass(frozen=True)
class Receipt:
    """What became of a message.

    Attributes:
        event_id: The message's name.
        delivered: Whether the gateway has answered for it.
        status: HTTP status, 0 without an answer.
        answer: The gateway's JSON, empty without one.
    """

    event_id: str
    delivered: bool
    status: int
    answer: dict[str, Any]


class DaqClient:
    """A client of the gateway.

    Args:
        url: Address of the gateway, without `/hooks`.
        sender: Our name there.
        key: Signing key.
        spool: Folder for messages that are not answered for yet; made when missing.
        timeout_seconds: How long an answer may take.
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
        self._spool = spool
        self._http = httpx.Client(timeout=timeout_seconds)
        spool.mkdir(parents=True, exist_ok=True)

    def send(
        self, kind: MessageKind, body: Mapping[str, Any], event_id: str | None = None
    ) -> Receipt:
        """Spool a message, then send everything that waits, oldest first.

        Returns:
            The receipt of this message; `delivered` is False while it stays in the spool.
        """
        name = event_id or uuid.uuid4().hex
        self._write(kind, body, name)
        receipts = {receipt.event_id: receipt for receipt in self.flush()}
        return receipts.get(name, Receipt(name, delivered=False, status=0, answer={}))

    def flush(self) -> list[Receipt]:
        """Send what waits, in order; stops at the first message that must wait."""
        receipts = []
        with self._alone():
            for path in self.waiting():
                receipt = self._post(path)
                receipts.append(receipt)
                if not receipt.delivered:
                    break
                self._finish(path, receipt)
        return receipts

    def waiting(self) -> list[Path]:
        """Messages in the spool, oldest first."""
        return sorted(self._spool.glob("*.json"))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes with one spool send one after the other."""
        with (self._spool / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, kind: MessageKind, body: Mapping[str, Any], event_id: str) -> None:
        if not event_id.isprintable() or "/" in event_id or not event_id:
            raise Invalid("event_id must be printable, without /", fields={"event_id": "printable"})
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        path = self._spool / f"{stamp}-{uuid.uuid4().hex[:8]}.json"
        text = json.dumps({"kind": kind, "event_id": event_id, "body": dict(body)})
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        folder = os.open(self._spool, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _post(self, path: Path) -> Receipt:
        message = json.loads(path.read_text(encoding="utf-8"))
        body = json.dumps(message["body"], sort_keys=True).encode()
        event_id = message["event_id"]
        headers = signing.sign(self._sender, self._key, event_id, body, datetime.now(UTC))
        headers["Content-Type"] = "application/json"
        url = f"{self._url}/hooks/daq/{message['kind']}"
        try:
            answer = self._http.post(url, content=body, headers=headers)
        except httpx.HTTPError:
            return Receipt(event_id, delivered=False, status=0, answer={})
        delivered = answer.status_code not in _RETRY
        return Receipt(event_id, delivered, answer.status_code, _json(answer))

    def _finish(self, path: Path, receipt: Receipt) -> None:
        """An accepted message goes; a refused one is kept beside, for people."""
        if receipt.status < 400:  # noqa: PLR2004
            path.unlink(missing_ok=True)
            return
        refused = self._spool / "refused"
        refused.mkdir(exist_ok=True)
        (refused / f"{path.stem}.answer").write_text(json.dumps(receipt.answer), encoding="utf-8")
        path.rename(refused / path.name)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
