"""The database of this process, and who asks."""

from datetime import datetime
from functools import cache

from catalog.engine import Database, Session
from catalog.queries.find import proposal_row
from catalog.queries.roles import person
from policies.actor import SYSTEM, Actor
from settings.clock import utc_now
from settings.model import load


@cache
def database() -> Database:
    """The catalog of this process, opened once."""
    return Database(load().database_url.get_secret_value(), pool_size=4)


def now() -> datetime:
    """The moment, aware, in UTC: the edge at which flows read the clock."""
    return utc_now()


def actor(session: Session, operator: str, number: int | None = None) -> Actor:
    """Who asks.

    Args:
        session: Any session.
        operator: Account name as typed into the form; empty means the system.
        number: Proposal number on which roles are computed; None for facility-wide ones.

    Raises:
        Missing: No such account or proposal.
    """
    if not operator.strip():
        return SYSTEM
    proposal = proposal_row(session, number) if number is not None else None
    return person(session, operator, proposal)
