"""Rows made quickly are the rows that their class would have made."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from catalog.engine import Database
from catalog.tables.base import metadata
from catalog.tables.journal import Change, Obligation, Outbox
from catalog.tables.making import made
from policies.vocabulary import Duty

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = sorted(
    (mapper.class_ for mapper in Outbox._sa_registry.mappers), key=lambda table: table.__name__
)


def given(table: type[SQLModel]) -> dict[str, object]:
    """Some value for each column that must be given."""
    return {name: object() for name, field in table.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_like_its_class(table):
    values = given(table)
    quick, slow = made(table, **values), table(**values)
    for column in sa.inspect(table).column_attrs:
        assert getattr(quick, column.key) == getattr(slow, column.key)
    assert sa.inspect(quick).transient
    assert quick.model_fields_set == set(values)


def test_every_table_is_there():
    assert {table.__tablename__ for table in TABLES} == set(metadata.tables)


def test_what_is_missing_or_unknown_is_named():
    with pytest.raises(TypeError, match="Obligation: missing or unknown columns: due_at, dutty"):
        made(Obligation, key="k", dutty=Duty.AUTO_QUALITY, duty=Duty.AUTO_QUALITY, created_at=NOW)


def test_defaults_that_are_made_are_not_shared():
    values = given(Change)
    one, other = made(Change, **values), made(Change, **values)
    mutable = [name for name in Change.model_fields if isinstance(getattr(one, name), dict | list)]
    assert mutable
    assert all(getattr(one, name) is not getattr(other, name) for name in mutable)


def test_written_and_changed_like_any_other(database: Database):
    with database.write() as session:
        session.add(
            made(
                Obligation,
                key="made",
                duty=Duty.AUTO_QUALITY,
                due_at=NOW,
                created_at=NOW,
            )
        )
    with database.write() as session:
        row = session.execute(sa.select(Obligation).where(Obligation.key == "made")).scalar_one()
        assert row.due_at == NOW
        assert row.settled_at is None
        row.outcome = "done"
    with database.read() as session:
        row = session.execute(sa.select(Obligation).where(Obligation.key == "made")).scalar_one()
        assert row.outcome == "done"
