"""How the user portal (UPEX) is reached."""

import ipaddress
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class PortalSettings(BaseModel):
    """One user portal and the account that may read its exports."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    """Base address, `https://host/path`; plain `http` is accepted for loopback only."""
    token: Annotated[SecretStr, Field(min_length=1)]
    """Bearer token of the service account; sent to this address and nowhere else."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    """Proposals asked for at once."""
    max_pages: Annotated[int, Field(ge=1)] = 1000
    """An export of more pages is taken for an error of the portal."""
    max_page_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024
    """A page of more bytes is not read on."""
    connect_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    """Patience for the connection, seconds."""
    read_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Patience for the next bytes of an answer, seconds."""
    page_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Patience for one whole page, however busily it drips, seconds."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a page is asked for again at once; what lasts longer is the flow's to retry."""
    max_wait_s: Annotated[float, Field(ge=0)] = 10.0
    """Longest pause between two attempts, seconds; a portal that asks for more gets a later run."""

    @model_validator(mode="after")
    def _url_fits(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("url must begin with https:// and name a host")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("url is scheme://host[:port][/path] and nothing else")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("plain http would send the token in the clear; use https")
        return self

    @property
    def base(self) -> str:
        """The address without a slash at the end."""
        return self.url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
