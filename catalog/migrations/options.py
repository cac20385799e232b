"""How alembic compares and writes; shared by running, checking and rendering."""

from typing import Any, Literal

import sqlalchemy as sa
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from catalog.tables import metadata
from catalog.tables.base import BigId, Json

_NAMED = ((Json, "JSON"), (BigId, "KEY"))


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our column types the way a reader of a revision wants to see them."""
    if kind != "type":
        return False
    if isinstance(item, AutoString):
        length = item.impl.length if isinstance(item.impl, sa.String) else None
        return f"sa.String(length={length})" if length else "sa.String()"
    if isinstance(item, UTCDateTime):
        return "INSTANT"
    return next((name for known, name in _NAMED if item is known), False)


OPTIONS: dict[str, Any] = {
    "target_metadata": metadata,
    "render_as_batch": True,
    "render_item": render_item,
    "compare_type": True,
    "compare_server_default": False,
    "transaction_per_migration": False,
    "transactional_ddl": True,
}
"""One transaction for the whole train: SQLite and PostgreSQL both roll DDL back."""
