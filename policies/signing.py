"""How messages between machines are signed.

`X-Beamkeeper-Signature: sha256=<hex>` is HMAC-SHA256 over five parts with a line feed
between them: time stamp, sender, kind, event id, body. The time stamp
(`X-Beamkeeper-Timestamp`, seconds since 1970, UTC) keeps an old message from being played
again later; the kind keeps one webhook's message from being played to another; the sender
keeps two senders apart that were given one secret. The first four cannot hold a line feed,
so no byte can move from one part to the next.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SIGNATURE = "X-Beamkeeper-Signature"
TIMESTAMP = "X-Beamkeeper-Timestamp"
EVENT_ID = "X-Beamkeeper-Event-ID"
SENDER = "X-Beamkeeper-Sender"
KEY_ID = "X-Beamkeeper-Key"
"""Name of the key, for people who look for the cause of a refusal; every active key is tried."""
KIND = "X-Beamkeeper-Kind"
"""What an event that we send is about; webhooks that we receive are named by their address."""

MAX_EVENT_ID = 128
_DIGITS = 10
"""Seconds with more digits lie beyond the year 2286."""


def event_id_rule(event_id: str) -> str:
    """The rule that an event id breaks, empty when none.

    Visible ASCII only: it travels in a header, where spaces at the ends and other letters
    are not safe.
    """
    if 0 < len(event_id) <= MAX_EVENT_ID and all("!" <= c <= "~" for c in event_id):
        return ""
    return f"{EVENT_ID} must be 1 to {MAX_EVENT_ID} visible ASCII characters"


@dataclass(frozen=True)
class SigningKey:
    """A key as the check needs it.

    Attributes:
        id: Name of the key.
        secret: The secret's bytes.
        not_after: Refused from then on, aware; None means no end.
    """

    id: str
    secret: bytes
    not_after: datetime | None = None

    def __repr__(self) -> str:
        return f"SigningKey({self.id!r})"


def _bytes(text: str) -> bytes:
    """A text's bytes, whatever a stranger put into it."""
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class _Said:
    """Everything that a signature covers."""

    timestamp: str
    sender: str
    kind: str
    event_id: str
    body: bytes

    def signature(self, secret: bytes) -> str:
        """The value of the signature header."""
        head = "\n".join((self.timestamp, self.sender, self.kind, self.event_id))
        said = _bytes(head) + b"\n" + self.body
        return "sha256=" + hmac.new(secret, said, "sha256").hexdigest()


def sign(
    sender: str, key: SigningKey, event_id: str, body: bytes, now: datetime, *, kind: str
) -> dict[str, str]:
    """Headers for a message.

    Args:
        sender: Our name at the receiver.
        key: The key to sign with.
        event_id: Unique name of the message; a repetition keeps it.
        body: The bytes that will be sent.
        now: The moment of sending, aware; a repetition is signed anew.
        kind: What it is: the webhook's name, or the topic of an event.
    """
    timestamp = str(int(now.timestamp()))
    return {
        SENDER: sender,
        KEY_ID: key.id,
        EVENT_ID: event_id,
        TIMESTAMP: timestamp,
        SIGNATURE: _Said(timestamp, sender, kind, event_id, body).signature(key.secret),
    }


@dataclass(frozen=True)
class Checked:
    """A signature that holds.

    Attributes:
        sent_at: The sender's time stamp, aware.
        key_id: Key that signed it.
    """

    sent_at: datetime
    key_id: str


def check(
    headers: Mapping[str, str],
    body: bytes,
    keys: tuple[SigningKey, ...],
    now: datetime,
    window: timedelta,
    *,
    kind: str,
) -> Checked | str:
    """Check a message.

    Args:
        headers: Headers with the names above, case-insensitive mapping or as written.
        body: The bytes as they came.
        keys: Active keys of the sender.
        now: The moment of receipt, aware.
        window: How far the time stamp may lie from now, either way.
        kind: What it must have been signed as: the webhook's name, or the topic of an event.

    Returns:
        What was proved, or the rule that is broken, in words without any secret.
    """
    timestamp, event_id = headers.get(TIMESTAMP, ""), headers.get(EVENT_ID, "")
    given = headers.get(SIGNATURE, "")
    if rule := event_id_rule(event_id):
        return rule
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _DIGITS):
        return f"{TIMESTAMP} must be seconds since 1970"
    sent_at = datetime.fromtimestamp(int(timestamp), UTC)
    said = _Said(timestamp, headers.get(SENDER, ""), kind, event_id, body)
    proved = None
    for key in keys:
        alive = key.not_after is None or now < key.not_after
        if hmac.compare_digest(_bytes(said.signature(key.secret)), _bytes(given)) and alive:
            proved = key.id
    if proved is None:
        return f"{SIGNATURE} does not match any active key of this sender"
    if abs(now - sent_at) > window:
        return f"{TIMESTAMP} is more than {window.total_seconds():.0f} s away from our clock"
    return Checked(sent_at, proved)
