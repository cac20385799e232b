"""The database's own clock, and whether this catalog is one to rehearse on."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlmodel import Session

from catalog.tables.rehearsal import Rehearsal


def database_now(session: Session) -> datetime:
    """What the database server's clock says, aware, in UTC; on SQLite the kernel's."""
    if session.get_bind().dialect.name == "sqlite":
        said = session.connection().execute(sa.text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"))
        return datetime.fromisoformat(str(said.scalar_one())).replace(tzinfo=UTC)
    said = session.connection().execute(sa.text("SELECT clock_timestamp()"))
    found = said.scalar_one()
    return datetime.fromisoformat(str(found)).astimezone(UTC)


def rehearsal(session: Session) -> Rehearsal | None:
    """The declaration that this catalog is one to rehearse on; None: it is a real one."""
    return session.get(Rehearsal, 1)
