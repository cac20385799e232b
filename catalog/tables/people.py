"""People and service accounts."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from catalog.tables.base import json_list, text


class User(SQLModel, table=True):
    """Somebody with an account; no passwords, no screening details.

    `roles` holds application roles (`admin` or a service role), never a responsibility on
    a proposal: those are computed.
    """

    __tablename__ = "users"

    id: int | None = Field(default=None, primary_key=True)
    provider: str = "ldap"
    uid: str = Field(unique=True)
    email: str = ""
    contact_email: str | None = None
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    nickname: str | None = None
    orcid: str | None = None
    """`0000-0002-1825-0097`."""
    affiliation: str = ""
    affiliation_ror: str = ""
    """`https://ror.org/01wp2jz98`."""
    flg_upex_acceptances: bool = False
    upex_synced_at: datetime | None = None
    ldap_synced_at: datetime | None = None
    flg_ldap_account_valid: bool = False
    flg_service_account: bool = False
    ldap_ou: str | None = None
    ldap_description: str | None = None
    ldap_destination_indicator: str | None = None
    logbook_user_id: str | None = None
    roles: list[Any] = json_list()
    description: str = text()
    created_at: datetime | None = None
    updated_at: datetime | None = None
