"""Where a harvest goes on: a signed note that the harvester carries, so nothing is stored here.

The place is a key (time stamp, row id) and no number of rows: a record that changes during a
harvest moves to its end and is seen again, none is left out.
"""

import base64
import binascii
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from policies.oai import TOKEN_LIFE, Asked, Fault, FaultCode, Verb, stamp

_SIGNED = 16
"""Bytes of the signature that a token carries."""


@dataclass(frozen=True)
class Place:
    """How far a harvest has come.

    Attributes:
        last_at: Time stamp of the last record given, aware, full seconds.
        last_id: Its row id.
        cursor: Records given so far.
        total: Records that the whole list had at its beginning.
    """

    last_at: datetime
    last_id: int
    cursor: int
    total: int


def expires(now: datetime) -> datetime:
    """Until when a token that is written now may be used."""
    return now + TOKEN_LIFE


def write(asked: Asked, place: Place, secret: bytes, now: datetime) -> str:
    """A token.

    Args:
        asked: The request whose list goes on.
        place: How far it has come.
        secret: Key of the signature.
        now: When, aware.
    """
    said: dict[str, Any] = {
        "v": str(asked.verb),
        "p": asked.prefix,
        "s": asked.set_spec,
        "f": asked.since.isoformat() if asked.since else "",
        "u": asked.until.isoformat() if asked.until else "",
        "at": stamp(place.last_at),
        "id": place.last_id,
        "n": [place.cursor, place.total],
        "e": int(expires(now).timestamp()),
    }
    body = json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_sign(body, secret) + body).decode().rstrip("=")


def read(asked: Asked, secret: bytes, now: datetime) -> tuple[Asked, Place] | Fault:
    """The list that a token goes on with.

    Args:
        asked: A request with a token.
        secret: Key of the signature.
        now: When, aware.

    Returns:
        The request as it was at its beginning and the place, or what is wrong with the token.
    """
    foreign = Fault(FaultCode.BAD_RESUMPTION, "this is not a token of this list")
    said = _open(asked.token, secret)
    if said is None or said["v"] != asked.verb:
        return foreign
    if said["e"] <= now.timestamp():
        return Fault(FaultCode.BAD_RESUMPTION, "the token is too old; begin again")
    whole = Asked(
        Verb(said["v"]),
        prefix=said["p"],
        set_spec=said["s"],
        since=_moment(said["f"]),
        until=_moment(said["u"]),
        token=asked.token,
        said=asked.said,
    )
    at = datetime.fromisoformat(said["at"]).astimezone(UTC)
    return whole, Place(at, said["id"], said["n"][0], said["n"][1])


def _open(token: str, secret: bytes) -> dict[str, Any] | None:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    signature, body = raw[:_SIGNED], raw[_SIGNED:]
    if not body or not hmac.compare_digest(signature, _sign(body, secret)):
        return None
    said: dict[str, Any] = json.loads(body)
    return said


def _sign(body: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, b"oai\n" + body, "sha256").digest()[:_SIGNED]


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
