"""What a transaction has learnt, so that it need not ask the database twice.

A writing transaction holds the catalog's write lock: what it has read stays true until it
ends. Everything is forgotten when it ends, and when any part of it is rolled back.
"""

from collections import deque
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, SQLModel, func, select

_KEY = "beamkeeper_memory"
_BLOCK = 64
"""Ids reserved at once on PostgreSQL."""

_drawn: WeakKeyDictionary[Any, dict[str, deque[int]]] = WeakKeyDictionary()
"""Ids of each database that are reserved and not used yet, by table."""


def memory(session: Session, what: str) -> dict[Any, Any]:
    """What this transaction knows of one kind; empty at first."""
    kinds: dict[str, dict[Any, Any]] = session.info.setdefault(_KEY, {})
    return kinds.setdefault(what, {})


def forget(session: Session) -> None:
    """Know nothing any more."""
    session.info.pop(_KEY, None)


def next_id(session: Session, table: type[SQLModel]) -> int:
    """An id for a new row, before it is written: others can refer to it at once.

    Every new row of such a table must get its id here.
    """
    name = str(table.__tablename__)
    if session.get_bind().dialect.name != "postgresql":
        return _count_on(session, table, name)
    # A drawn number stays ours, whatever is rolled back: it serves the next transaction too.
    ids = _drawn.setdefault(session.get_bind().engine.pool, {}).setdefault(name, deque())
    try:
        return ids.popleft()
    except IndexError:
        ids += _draw(session, name)
        return ids.popleft()


def _draw(session: Session, name: str) -> list[int]:
    drawn = session.connection().execute(
        sa.text("SELECT nextval(pg_get_serial_sequence(:t, 'id')) FROM generate_series(1, :n)"),
        {"t": name, "n": _BLOCK},
    )
    return [int(row[0]) for row in drawn]


def _count_on(session: Session, table: type[SQLModel], name: str) -> int:
    last: dict[str, int] = memory(session, "last ids")
    if name not in last:
        key: Any = table.id  # type: ignore[attr-defined]
        last[name] = session.exec(select(func.max(key))).one() or 0
    last[name] += 1
    return last[name]


@event.listens_for(Session, "after_soft_rollback")
def _rolled_back(session: Session, _previous: object) -> None:
    forget(session)


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    forget(session)
