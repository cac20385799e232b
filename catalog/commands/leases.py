"""Who works on a unit right now.

A lease is exclusive access with a fencing token: whoever records an effect shows the
token, and a holder that was overtaken learns it before it writes anything.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from catalog.tables.journal import Lease
from policies.errors import Conflict, LeaseLost


@dataclass(frozen=True)
class Held:
    """A lease as its holder knows it.

    Attributes:
        key: The unit of work.
        holder: Who holds it.
        token: Fencing token; grows with every new holder.
        expires_at: When it ends unless renewed, aware.
    """

    key: str
    holder: str
    token: int
    expires_at: datetime


def acquire(session: Session, key: str, holder: str, now: datetime, duration: timedelta) -> Held:
    """Take a unit of work.

    A holder that asks again renews its own lease and keeps its token.

    Raises:
        Conflict: Somebody else holds it; the message says until when.
    """
    lease = session.get(Lease, key)
    ends = now + duration
    if lease is None:
        lease = Lease(key=key, holder=holder, acquired_at=now, expires_at=ends)
        session.add(lease)
    elif lease.released_at is None and lease.expires_at > now and lease.holder != holder:
        raise Conflict(
            f"{key} is being worked on by {lease.holder} until {lease.expires_at:%H:%M:%S} UTC",
            holder=lease.holder,
        )
    else:
        fresh = lease.holder != holder or lease.released_at is not None or lease.expires_at <= now
        lease.token += int(fresh)
        lease.holder, lease.expires_at, lease.released_at = holder, ends, None
        if fresh:
            lease.acquired_at = now
    session.flush()
    return Held(key, holder, lease.token, ends)


def check(session: Session, held: Held, now: datetime) -> None:
    """Make sure that the lease still stands, inside the transaction that writes.

    Raises:
        LeaseLost: It ended, or somebody else took over.
    """
    lease = session.get(Lease, held.key)
    alive = lease is not None and lease.released_at is None and lease.expires_at > now
    if lease is None or not alive or lease.token != held.token:
        raise LeaseLost(f"the lease on {held.key} is lost: nothing more is written", key=held.key)


def renew(session: Session, held: Held, now: datetime, duration: timedelta) -> Held:
    """Keep it longer.

    Raises:
        LeaseLost: It ended, or somebody else took over.
    """
    check(session, held, now)
    lease = session.get_one(Lease, held.key)
    lease.expires_at = now + duration
    session.flush()
    return Held(held.key, held.holder, held.token, lease.expires_at)


def release(session: Session, held: Held, now: datetime) -> None:
    """Give it back; nothing happens when it is already lost."""
    lease = session.get(Lease, held.key)
    if lease is not None and lease.token == held.token and lease.released_at is None:
        lease.released_at = now
        session.flush()
