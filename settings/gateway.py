"""Who may send webhooks, who receives ours, and the keys that sign them."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Key(BaseModel):
    """A signing key.

    Attributes:
        id: Name of the key; sent with every message, never the secret itself.
        secret: At least 16 characters.
        not_after: The key is refused from then on, aware; None means no end.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    secret: SecretStr = Field(min_length=16)
    not_after: datetime | None = None


class Sender(BaseModel):
    """A machine that may call the gateway.

    Attributes:
        keys: One or two active keys: two while one is being replaced.
        instruments: Instrument identifiers it speaks for; empty means any.
    """

    model_config = ConfigDict(extra="forbid")

    keys: list[Key] = Field(min_length=1, max_length=2)
    instruments: list[str] = []


class Subscriber(BaseModel):
    """A program that wants our events.

    Attributes:
        url: Where events are posted to.
        key: Signs what we send.
        topics: Events it wants; empty means all.
        timeout_seconds: How long it may take to answer.
    """

    model_config = ConfigDict(extra="forbid")

    url: str
    key: Key
    topics: list[str] = []
    timeout_seconds: float = 10.0


class GatewaySettings(BaseModel):
    """The webhook gateway.

    Attributes:
        host: Address to listen on.
        port: Port, 0 for a free one.
        max_body_bytes: Larger bodies are refused with 413.
        replay_window_seconds: How old or how far ahead a time stamp may be.
        max_batch: Messages written in one transaction at the most.
        senders: By name.
        subscribers: By name.
    """

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    port: int = 27000
    max_body_bytes: int = 4 * 1024 * 1024
    replay_window_seconds: int = 300
    max_batch: int = 64
    senders: dict[str, Sender] = {}
    subscribers: dict[str, Subscriber] = {}
