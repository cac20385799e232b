"""Where calibration constants are kept, and how the constants catalogue (CalCat) is reached."""

import ipaddress
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class CalcatSettings(BaseModel):
    """One constants catalogue and the application that may write there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    """Base address, `https://host/path`; `oauth/token` and `api/` are below it. Plain `http` is
    accepted for loopback, and where no secret is sent."""
    client_id: SecretStr | None = None
    """OAuth application; None: a proxy inside the facility that asks for no token."""
    client_secret: SecretStr | None = None
    """Its secret; sent to this address and nowhere else."""
    user_email: str = ""
    """Whom requests are made for."""
    page_size: Annotated[int, Field(ge=1, le=500)] = 100
    """Rows asked for at once."""
    max_pages: Annotated[int, Field(ge=1)] = 100
    """A list of more pages is taken for an error of the catalogue."""
    max_answer_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024
    """An answer of more bytes is not read on."""
    connect_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    """Patience for the connection, seconds."""
    read_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Patience for the next bytes of an answer, seconds."""
    answer_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Patience for one whole answer, however busily it drips, seconds."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a step is tried again at once; what lasts longer is the flow's to retry."""
    max_wait_s: Annotated[float, Field(ge=0)] = 10.0
    """Longest pause between two attempts, seconds; a catalogue that asks for more gets a later
    run."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("url must begin with https:// and name a host")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("url is scheme://host[:port][/path] and nothing else")
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret belong together")
        if self.client_id is not None and not self.user_email:
            raise ValueError("user_email is needed with an OAuth application")
        if parts.scheme == "http" and self.client_id and not _is_loopback(parts.hostname):
            raise ValueError("plain http would send the secret in the clear; use https")
        return self

    @property
    def base(self) -> str:
        """The address without a slash at the end."""
        return self.url.rstrip("/")


class ConstantsSettings(BaseModel):
    """The constants store and the catalogue of what is in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Path
    """Folder that paths of constants begin below, absolute; the same on every node."""
    calcat: CalcatSettings | None = None
    """The constants catalogue; None: our own catalog alone knows the constants."""
    auto_deploy: bool = False
    """Whether new constants come into use without a person's decision."""

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        if not self.store.is_absolute():
            raise ValueError("store must be an absolute path")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
