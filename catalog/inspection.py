"""What a database really holds, compared with the tables that this program declares."""

import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection, Inspector

from catalog.migrations.options import OPTIONS
from catalog.tables import metadata

_CASTS = re.compile(r"::\s*(?:character varying|[a-z_]+)(?:\(\d+\))?(?:\[\])?")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")


def differences(connection: Connection) -> list[str]:
    """Tables, columns, types, keys and indexes that are missing, left over or different."""
    found = compare_metadata(MigrationContext.configure(connection, opts=OPTIONS), metadata)
    return [_sentence(item) for item in _flat(found)]


def _flat(found: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    for item in found:
        yield from _flat(item) if isinstance(item, list) else (item,)


def _sentence(item: tuple[Any, ...]) -> str:
    verb, *rest = item
    sort = verb.split("_", 1)[1].replace("fk", "foreign key").replace("_", " ")
    if verb.startswith("modify"):
        _schema, table, column, _known, former, wanted = rest
        return f"{table}.{column}: {sort} is {former!r}, expected {wanted!r}"
    thing = rest[-1]
    table = getattr(thing, "table", None)
    name = ".".join(str(part) for part in (getattr(table, "name", None), thing.name) if part)
    return f"{'missing' if verb.startswith('add') else 'left over'}: {sort} {name}"


def conditions(connection: Connection) -> list[str]:
    """Partial indexes whose condition is missing or different."""
    inspector, faults = sa.inspect(connection), []
    option = f"{connection.dialect.name}_where"
    for table in _tables(inspector):
        found = {index["name"]: index for index in inspector.get_indexes(table.name)}
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            wanted = index.dialect_options[connection.dialect.name].get("where")
            real: Any = found.get(str(index.name), {})
            held = real.get("dialect_options", {}).get(option)
            if real and plain(held) != plain(wanted):
                covers = "all rows" if held is None else held
                wants = "all rows" if wanted is None else wanted
                faults.append(f"index {index.name} covers {covers}, expected {wants}")
    return faults


def plain(condition: object) -> str:
    """A condition without what a database adds to it: casts, brackets, spaces."""
    text = _CASTS.sub("", str("" if condition is None else condition))
    return re.sub(r"[\s()\"]", "", text).casefold()


def words(connection: Connection) -> list[str]:
    """Columns whose check allows other words than the vocabulary, or has no check."""
    inspector, faults = sa.inspect(connection), []
    for table in _tables(inspector):
        allowed = {
            str(check["name"]): set(_LITERAL.findall(str(check["sqltext"])))
            for check in inspector.get_check_constraints(table.name)
        }
        for column in table.columns:
            if not isinstance(column.type, sa.Enum):
                continue
            wanted = set(column.type.enums)
            held = allowed.get(f"ck_{table.name}_{column.type.name}")
            if held is None:
                faults.append(f"{table.name}.{column.name}: no check of its words")
            elif held != wanted:
                odd = ", ".join(sorted(held ^ wanted))
                faults.append(f"{table.name}.{column.name}: the check differs in: {odd}")
    return faults


def _tables(inspector: Inspector) -> list[sa.Table]:
    real = set(inspector.get_table_names())
    return [table for table in metadata.sorted_tables if table.name in real]


def orphans(connection: Connection) -> list[str]:
    """Rows that refer to a row that does not exist, and keys that were never validated."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [f"{table} row {row} refers to no row of {other}" for table, row, other, _ in rows]
    unchecked = connection.exec_driver_sql(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint "
        "WHERE NOT convalidated AND connamespace = current_schema()::regnamespace ORDER BY 1, 2"
    )
    return [f"{table}: constraint {name} was never validated" for table, name in unchecked]


def integrity(connection: Connection) -> list[str]:
    """What the database says of its own file or indexes."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("PRAGMA integrity_check").scalars()
        return [f"the database file is damaged: {row}" for row in rows if row != "ok"]
    broken = connection.exec_driver_sql(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON oid = indexrelid "
        "WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace ORDER BY 1"
    )
    return [f"index {name} is not valid" for name in broken.scalars()]
