"""What a question says to the database, and how the database means to answer."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from catalog.engine import Database
from tests.catalog.growth.questions import Question


def asked(database: Database, question: Question) -> list[tuple[str, Any]]:
    """Every query of a question with its values, in order."""
    found: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        if statement.startswith(("SELECT", "WITH")):
            found.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        with database.read() as session:
            question(session)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return found


@dataclass(frozen=True)
class Access:
    """How one table is read.

    Attributes:
        table: Its name.
        index: The index used, empty for none.
        narrowed: Whether a condition leads into the index; False means all of it is read.
        rows: Rows looked at, those thrown away included; 0 where the database does not say.
    """

    table: str
    index: str
    narrowed: bool
    rows: int = 0


def postgresql_plan(session: Session, statement: str, values: object) -> list[Access]:
    """Accesses as PostgreSQL plans them, with what they came to."""
    explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
    plan = session.connection().exec_driver_sql(explain, values).scalar_one()
    return list(_walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def _walk(node: dict[str, Any]) -> Iterator[Access]:
    if "Relation Name" in node:
        lead = node
        while "Index Name" not in lead and lead.get("Plans"):
            lead = lead["Plans"][0]
        removed = [n for key, n in node.items() if key.startswith("Rows Removed by")]
        rows = (node["Actual Rows"] + sum(removed)) * node["Actual Loops"]
        index, narrowed = lead.get("Index Name", ""), "Index Cond" in lead
        yield Access(node["Relation Name"], index, narrowed, rows)
        if node["Node Type"] == "Bitmap Heap Scan":
            return
    for inner in node.get("Plans", ()):
        yield from _walk(inner)


def sqlite_plan(session: Session, statement: str, values: object) -> list[Access]:
    """Accesses as SQLite plans them."""
    rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    return [_read(row[3].split()) for row in rows if row[3].split()[0] in {"SCAN", "SEARCH"}]


def _read(words: list[str]) -> Access:
    """`SEARCH runs USING INDEX ix_… (…)`, `SCAN runs`, `SEARCH x USING INTEGER PRIMARY KEY (…)`."""
    index = ""
    if "USING" in words:
        rest = [w for w in words[words.index("USING") + 1 :] if w not in {"COVERING", "INTEGER"}]
        index = "primary key" if rest[0] == "PRIMARY" else rest[1]
    table = re.sub(r"_\d+$", "", words[1])  # a second look at the same table
    return Access(table, index, words[0] == "SEARCH" and words[-1].endswith(")"))
