"""Writes many rows of a table with one statement, on both databases."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

EPOCH = datetime(2017, 9, 1, tzinfo=UTC)
"""When the first run began; one run follows another every ten minutes."""

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""The moment of every question."""


@dataclass(frozen=True)
class Writer:
    """Writes rows `i = first … last` of a table, each column an SQL expression over `i`."""

    connection: Connection

    @property
    def postgresql(self) -> bool:
        return self.connection.dialect.name == "postgresql"

    def at(self, seconds: str) -> str:
        """An instant, given as seconds of the Unix era."""
        if self.postgresql:
            return f"to_timestamp({seconds})"
        return f"strftime('%Y-%m-%d %H:%M:%f000', {seconds}, 'unixepoch')"

    def began(self, i: str, plus: int = 0) -> str:
        """When the i-th run began, and some seconds."""
        return self.at(f"({int(EPOCH.timestamp()) + plus} + ({i}) * 600)")

    def ago(self, wait: timedelta) -> str:
        return self.at(str(int((NOW - wait).timestamp())))

    def padded(self, value: str, digits: int) -> str:
        if self.postgresql:
            return f"lpad(({value})::text, {digits}, '0')"
        return f"printf('%0{digits}d', {value})"

    def hexed(self, value: str, digits: int) -> str:
        if self.postgresql:
            return f"lpad(to_hex(({value})::bigint), {digits}, '0')"
        return f"printf('%0{digits}x', {value})"

    def put(
        self,
        table: type[SQLModel],
        span: tuple[int, int],
        columns: dict[str, str],
        where: str = "true",
    ) -> None:
        """Insert; columns that are not named get the table's own defaults."""
        other = {
            name: self._literal(table, name, field.get_default(call_default_factory=True))
            for name, field in table.model_fields.items()
            if name not in columns and name != "id" and not field.is_required()
        }
        whole = columns | other
        cursor = self.connection.connection.cursor()
        cursor.execute(
            f"INSERT INTO {table.__tablename__} ({', '.join(whole)})"
            f" SELECT {', '.join(whole.values())} FROM {self._series(*span)} WHERE {where}"
        )
        cursor.close()

    def _series(self, first: int, last: int) -> str:
        if self.postgresql:
            return f"generate_series({first}::bigint, {last}::bigint) AS n(i)"
        return (
            f"(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n"
            f" WHERE i < {last}) SELECT i FROM n)"
        )

    def _literal(self, table: type[SQLModel], name: str, value: object) -> str:
        column = table.__table__.c[name]
        if value is None:
            return "NULL"
        if isinstance(column.type, sa.JSON):
            return f"'{json.dumps(value)}'"
        literal = sa.literal(value, column.type)
        dialect = self.connection.dialect
        return str(literal.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def rows(span: tuple[int, int], each: int) -> tuple[int, int]:
    """The span of rows when every one of a span has so many."""
    return (span[0] - 1) * each + 1, span[1] * each


def owner(each: int) -> str:
    """Of which i the row is, when every one has so many."""
    return f"((i - 1) / {each} + 1)"


def turn(each: int) -> str:
    """The how-many-eth of its owner a row is, from 0."""
    return f"((i - 1) % {each})"


def pick(value: str, *choices: str) -> str:
    """One of several expressions, by number from 0."""
    cases = " ".join(f"WHEN {n} THEN {choice}" for n, choice in enumerate(choices))
    return f"(CASE {value} {cases} END)"
