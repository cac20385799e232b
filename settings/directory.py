"""How this site's LDAP directory is reached and how it stores groups."""

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class GroupLayout(StrEnum):
    """How a directory says that somebody is in a group."""

    RFC2307 = "rfc2307"
    """`posixGroup` is the structural class; members are login names in `memberUid`."""
    RFC2307BIS = "rfc2307bis"
    """`groupOfNames` with an auxiliary `posixGroup`; members are DNs in `member`."""


class TlsMode(StrEnum):
    """How the connection to the directory is protected."""

    OFF = "off"
    """Plain text; accepted for a loopback address only, because the password crosses the wire."""
    STARTTLS = "starttls"
    """Plain connection that is upgraded before the bind."""
    LDAPS = "ldaps"
    """TLS from the first byte."""


class DirectorySettings(BaseModel):
    """One LDAP server and the account that may write our groups there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    """`ldap://host:port`, or `ldaps://host:port` when `tls` is ldaps; no trailing slash."""
    bind_dn: Annotated[str, Field(min_length=1)]
    """DN of the service account."""
    password: Annotated[SecretStr, Field(min_length=1)]
    """Its password; an empty one would be an anonymous bind that looks like success."""
    people_base: Annotated[str, Field(min_length=1)]
    """DN below which people are searched (whole subtree)."""
    groups_base: Annotated[str, Field(min_length=1)]
    """DN directly below which our groups live; must exist."""
    gid_search_base: str | None = None
    """DN below which no other group may carry a gid of ours; None = `groups_base`."""
    layout: GroupLayout = GroupLayout.RFC2307BIS
    """What a group looks like there."""
    write_member_uids: bool = False
    """With rfc2307bis: keep `memberUid` beside `member`, for clients that read only the former."""
    person_class: str = "posixAccount"
    """Object class that somebody must have to be a member."""
    placeholder_dn: str | None = None
    """Member that every `groupOfNames` keeps, since the class forbids none; None = `bind_dn`."""
    tls: TlsMode = TlsMode.STARTTLS
    """Protection of the connection; certificates are always verified."""
    ca_file: Path | None = None
    """PEM file of the accepted authorities; None = the system's."""
    connect_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    """Patience for the TCP connection and the TLS handshake, seconds."""
    receive_timeout_s: Annotated[int, Field(ge=1)] = 10
    """Patience for each answer, whole seconds (the library takes no others)."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 200
    """Entries asked for at once; below the server's size limit."""
    gid_first: Annotated[int, Field(ge=1000)] = 700_000
    """First gid that proposal groups may have."""
    gid_last: Annotated[int, Field(ge=1000)] = 799_999
    """Last gid that proposal groups may have."""

    @property
    def placeholder(self) -> str:
        """The placeholder member that is in force."""
        return self.placeholder_dn or self.bind_dn

    @model_validator(mode="after")
    def _url_fits(self) -> Self:
        parts = urlsplit(self.url)
        wanted = "ldaps" if self.tls is TlsMode.LDAPS else "ldap"
        if parts.scheme != wanted:
            raise ValueError(f"url must begin with {wanted}:// when tls is {self.tls}")
        if not parts.hostname or parts.path or parts.query or parts.username:
            raise ValueError("url is scheme://host:port and nothing else, without a trailing slash")
        if self.tls is TlsMode.OFF and not _is_loopback(parts.hostname):
            raise ValueError(
                "tls = off would send the password in the clear; use starttls or ldaps"
            )
        if self.gid_last < self.gid_first:
            raise ValueError("gid_last is below gid_first")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
