"""The database: one way to read, one way to write.

Writers take turns. A writing session holds the catalog's write lock from its first
statement (SQLite: `BEGIN IMMEDIATE`; PostgreSQL: one advisory lock), so what a command
read is still true when it writes, the journal's chain has one end, and two operators at
once are simply one after the other. Commands take milliseconds; readers never wait.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from policies.errors import Unavailable

WRITE_LOCK = 0x62656D6B
"""Key of PostgreSQL's advisory lock for writers."""

BUSY_MS = 30_000
"""How long a writer waits for its turn, in milliseconds."""

IDLE_MS = 120_000
"""How long a PostgreSQL writer may sit idle with the lock before the server ends it: a frozen
process must not stop the facility, in milliseconds."""

__all__ = ["Database", "Session"]


class Database:
    """A catalog database.

    Args:
        url: SQLAlchemy address, `sqlite:///…` or `postgresql+psycopg2://…`.
        pool_size: Connections kept open (PostgreSQL).
    """

    def __init__(self, url: str, pool_size: int = 8) -> None:
        options: dict[str, Any] = {}
        if url.startswith("sqlite"):
            options = {"connect_args": {"timeout": BUSY_MS / 1000, "check_same_thread": False}}
        else:
            options |= {"pool_size": pool_size, "max_overflow": pool_size}
        if "psycopg2" in url.partition("://")[0]:
            # Many changed rows of one table go in one round trip, as new ones do.
            options["executemany_mode"] = "values_plus_batch"
        self.engine = sa.create_engine(url, **options)
        self._writer = self.engine.execution_options(beamkeeper_writes=True)
        _listen(self.engine)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return str(self.engine.dialect.name)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A writing session: commits at the end, rolls back on any error.

        Raises:
            Unavailable: The database does not answer or the lock was not to be had.
        """
        with translated(), Session(self._writer, expire_on_commit=False) as session:
            _begin(session)
            yield session
            session.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A reading session: sees one moment, can write nothing.

        Raises:
            Unavailable: The database does not answer.
        """
        with translated(), Session(self.engine, expire_on_commit=False) as session:
            _begin(session)
            yield session
            session.rollback()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def translated() -> Iterator[None]:
    """Say `Unavailable` where the database does not answer."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig).splitlines()[0] if error.orig else "no answer"
        raise Unavailable(f"the catalog database does not answer: {text}") from error


def _begin(session: Session) -> None:
    """Begin the transaction, on another connection where the kept one turns out dead.

    The first statement of a transaction shows whether the server is still there; no other
    statement has to ask for it.
    """
    try:
        session.connection()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        session.rollback()
        session.connection()


def _listen(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    else:
        event.listen(engine, "begin", _postgresql_begin)


def _sqlite_connect(connection: Any, _record: object) -> None:  # noqa: ANN401
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("beamkeeper_writes")
    # before BEGIN: a connection that a reader gave back may not begin a writing transaction
    connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql_begin(connection: Connection) -> None:
    if connection.get_execution_options().get("beamkeeper_writes"):
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = {BUSY_MS}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}; "
            f"SELECT pg_advisory_xact_lock({WRITE_LOCK})"
        )
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
