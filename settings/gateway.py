"""Who may send webhooks, who receives ours, and the keys that sign them."""

from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
"""A name that travels in headers and keys."""


class Key(BaseModel):
    """A signing key.

    Attributes:
        id: Name of the key; sent with every message, never the secret itself.
        secret: At least 16 characters.
        not_after: The key is refused from then on, aware; None means no end.
    """

    model_config = ConfigDict(extra="forbid")

    id: Name
    secret: SecretStr = Field(min_length=16)
    not_after: AwareDatetime | None = None


class Sender(BaseModel):
    """A machine that may call the gateway.

    Attributes:
        keys: One or two active keys: two while one is being replaced.
        instruments: Instrument identifiers it speaks for; empty means any.
    """

    model_config = ConfigDict(extra="forbid")

    keys: list[Key] = Field(min_length=1, max_length=2)
    instruments: list[str] = []

    @model_validator(mode="after")
    def _different_keys(self) -> "Sender":
        if len({key.id for key in self.keys}) < len(self.keys):
            raise ValueError("the two keys of a sender need different ids")
        return self


class Subscriber(BaseModel):
    """A program that wants our events.

    Attributes:
        url: Where events are posted to.
        key: Signs what we send.
        topics: Events it wants; empty means all.
        timeout_seconds: How long it may take to answer.
    """

    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern=r"^https?://")
    key: Key
    topics: list[str] = []
    timeout_seconds: float = Field(default=10.0, gt=0)


class GatewaySettings(BaseModel):
    """The webhook gateway.

    Attributes:
        host: Address to listen on.
        port: Port, 0 for a free one.
        max_body_bytes: Larger bodies are refused with 413.
        replay_window_seconds: How old or how far ahead a time stamp may be.
        max_batch: Messages written in one transaction at the most.
        max_waiting_bytes: Bodies that may wait to be written; more are answered 503.
        public_url: Address under which people reach the gateway, for links to reports; empty: that
            of host and port.
        read_seconds: How long a sender may take to send its body; slower ones get 408.
        senders: By name.
        subscribers: By name.
    """

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    port: int = 27000
    max_body_bytes: int = Field(default=4 * 1024 * 1024, gt=0)
    replay_window_seconds: int = Field(default=300, gt=0)
    max_batch: int = Field(default=64, gt=0)
    max_waiting_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    read_seconds: float = Field(default=30.0, gt=0)
    public_url: str = Field(default="", pattern=r"^(https?://[^/].*[^/])?$")
    senders: dict[Name, Sender] = {}
    subscribers: dict[Name, Subscriber] = {}

    @property
    def base(self) -> str:
        """Address for links, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"
