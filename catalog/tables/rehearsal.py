"""Whether this catalog is one to rehearse on."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from catalog.tables.base import text


class Rehearsal(SQLModel, table=True):
    """One row in a catalog to rehearse on, none in a real one; written before the first proposal.

    Only here may somebody ask with a clock that runs ahead of the database's own.
    """

    __tablename__ = "rehearsals"
    __table_args__ = (sa.CheckConstraint("id = 1", name="single"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    declared_by: str = Field(max_length=120)
    declared_at: datetime
    reason: str = text()
