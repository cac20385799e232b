"""What every table shares: column helpers, names of constraints, the metadata.

No `from __future__ import annotations` in this package: SQLModel reads the annotations.
"""

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = SQLModel.metadata

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64-bit key that SQLite can still count up."""

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
"""JSON values; JSONB on PostgreSQL."""


def word(kind: type[StrEnum], default: StrEnum | None = None, *, index: bool = False) -> Any:  # noqa: ANN401
    """A column that holds one word of a closed set, stored by value with a check.

    Args:
        kind: The set of words.
        default: Value of a new row; None makes it mandatory.
        index: Whether to index the column.
    """
    column_type = sa.Enum(
        kind,
        native_enum=False,
        length=40,
        values_callable=lambda members: [member.value for member in members],
        create_constraint=True,
        name=kind.__name__.lower(),
    )
    if default is None:
        return Field(sa_type=column_type, index=index)
    return Field(default=default, sa_type=column_type, index=index)


def json_dict() -> Any:  # noqa: ANN401
    """A mandatory JSON object, empty by default."""
    return Field(default_factory=dict, sa_type=Json, nullable=False)


def json_list() -> Any:  # noqa: ANN401
    """A mandatory JSON list, empty by default."""
    return Field(default_factory=list, sa_type=Json, nullable=False)


def big_key() -> Any:  # noqa: ANN401
    """A 64-bit primary key that counts up."""
    return Field(default=None, primary_key=True, sa_type=BigId)


def text(default: str = "") -> Any:  # noqa: ANN401
    """Text of any length, empty by default."""
    return Field(default=default, sa_type=sa.Text, nullable=False)


def link(target: str, *, index: bool = True, unique: bool = False) -> Any:  # noqa: ANN401
    """A mandatory foreign key."""
    return Field(foreign_key=target, index=index, unique=unique)


def maybe_link(target: str, *, index: bool = False) -> Any:  # noqa: ANN401
    """An optional foreign key."""
    return Field(default=None, foreign_key=target, index=index)
