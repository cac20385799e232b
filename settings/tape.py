"""The store behind which tape is, and how much moves at once."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class TapeSettings(BaseModel):
    """dCache's REST interface, and what the site declares of its tapes.

    Attributes:
        url: Base address of the frontend, `https://host:3880`; plain `http` for loopback only.
        token: Bearer token or macaroon of an account that may change the quality of service.
        copies_per_file: Copies on tape per file. Locality proves one copy, not how many: the
            number is the site's statement, and archival asks for two.
        timeout_s: Patience for an answer, seconds.
        page: Files of one folder asked for at once.
        proposals_per_round: More archivals than this do not begin in one round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    token: SecretStr | None = None
    copies_per_file: Annotated[int, Field(ge=1, le=4)] = 1
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    page: Annotated[int, Field(ge=1, le=10_000)] = 1000
    proposals_per_round: Annotated[int, Field(ge=1)] = 10

    @model_validator(mode="after")
    def _fits(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("url must begin with https:// and name a host")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("plain http is for loopback only; use https")
        return self
