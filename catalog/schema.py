"""The catalog's schema over its life: bring it up to date, check it, refuse a stale one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from catalog import inspection, migrations
from catalog.engine import Database, translated
from policies.errors import Misconfigured

_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps its context in module globals: one upgrade per process at a time."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, found beside the installed package.

    Args:
        connection: What the revisions run on; None to look at the scripts only.
    """
    folder = str(Path(migrations.__file__).parent).replace("%", "%%")
    made = Config()
    made.set_main_option("script_location", folder)
    made.attributes["connection"] = connection
    return made


def head() -> str:
    """The revision that this program was written for."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    if found is None:
        raise Misconfigured("this installation has no database revisions")
    return found


def revision(database: Database) -> str | None:
    """The revision the database stands at; None for an empty one.

    Raises:
        Unavailable: The database does not answer.
    """
    with database.read() as session:
        return _revision(session.connection())


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema to this program's revision.

    Everything happens in one transaction under the catalog's write lock: a second upgrade
    at the same time waits and finds nothing to do, a failed or killed one leaves the
    schema as it was.

    Returns:
        The revision before (None for an empty database) and after.

    Raises:
        Misconfigured: The database was made by another version that this one does not know,
            or rows would be left without what they refer to.
        Unavailable: The database does not answer or the lock was not to be had.
    """
    with _ONE_AT_A_TIME, _migrating(database) as connection:
        before = _revision(connection)
        _demand_known(before)
        command.upgrade(config(connection), "head")
        if orphans := inspection.orphans(connection):
            raise Misconfigured(f"the upgrade is undone: {orphans[0]}", orphans=orphans)
    return before, head()


@contextmanager
def _migrating(database: Database) -> Iterator[Connection]:
    """A writing connection; SQLite's foreign keys rest, for it rebuilds tables to change them."""
    with translated(), database.engine.connect() as connection:
        connection.execution_options(beamkeeper_writes=True)
        _enforce(connection, on=False)
        try:
            with connection.begin():
                yield connection
        finally:
            _enforce(connection, on=True)


def _enforce(connection: Connection, *, on: bool) -> None:
    """Switch SQLite's foreign keys; the pragma has no effect inside a transaction."""
    raw = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" and raw is not None:
        raw.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _demand_known(current: str | None) -> None:
    scripts = ScriptDirectory.from_config(config())
    if current and current not in {script.revision for script in scripts.walk_revisions()}:
        raise Misconfigured(
            f"the catalog database is at revision {current}, which this program does not know: "
            "it was made by another, probably newer, version; install that one",
            revision=current,
            head=head(),
        )


def demand_current(database: Database) -> None:
    """Refuse to work on a schema that is not exactly this program's.

    Raises:
        Misconfigured: Empty, stale or newer; the message says what to do.
        Unavailable: The database does not answer.
    """
    current, wanted = revision(database), head()
    if current == wanted:
        return
    _demand_known(current)
    stands = f"at revision {current}" if current else "empty"
    raise Misconfigured(
        f"the catalog database is {stands}, this program needs {wanted}: "
        "run `beamkeeper db upgrade`",
        revision=current,
        head=wanted,
    )


def check(database: Database) -> list[str]:
    """Compare the database with what this program expects, and with itself.

    Looks at the revision, tables, columns, types, keys, indexes with their conditions,
    words allowed by checks, rows that refer to nothing and, on SQLite, the file's integrity.

    Returns:
        One sentence per fault, empty when all is well.

    Raises:
        Unavailable: The database does not answer.
    """
    faults: list[str] = []
    try:
        demand_current(database)
    except Misconfigured as stale:
        faults.append(stale.message)
    with database.read() as session:
        connection = session.connection()
        if not sa.inspect(connection).has_table("alembic_version"):
            return faults
        faults += inspection.differences(connection)
        faults += inspection.conditions(connection)
        faults += inspection.words(connection)
        faults += inspection.orphans(connection)
        faults += inspection.integrity(connection)
    return faults
