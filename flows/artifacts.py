"""What people look at on a run's page: tables, and a ring that fills."""

import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

EVERY_SECONDS = 1.0
"""A progress ring is redrawn this often at the most."""


def slug(text: str) -> str:
    """A text as an artifact key: lower-case letters, digits and dashes."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in plain.split("-") if part)


def table(key: str, rows: Sequence[dict[str, Any]], description: str) -> None:
    """Show a table; nothing is shown for no rows."""
    if rows:
        create_table_artifact(table=list(rows[:500]), key=key, description=description)


def page(key: str, markdown: str, description: str = "") -> None:
    """Show a page of Markdown."""
    create_markdown_artifact(markdown=markdown, key=key, description=description)


def progress(key: str, description: str) -> Callable[[int, int], None]:
    """A progress ring.

    Args:
        key: Lower-case letters, digits and dashes.
        description: What it counts.

    Returns:
        A function that takes what is done and the whole, for example bytes; it may be
        called as often as one likes, from any thread.
    """
    ring = cast("UUID", create_progress_artifact(0.0, key=key, description=description))
    last = [0.0]

    def update(done: int, total: int) -> None:
        moment = time.monotonic()
        ended = done >= total
        if not ended and moment - last[0] < EVERY_SECONDS:
            return
        last[0] = moment
        share = 100.0 if not total else min(100.0, 100.0 * done / total)
        update_progress_artifact(ring, progress=share, description=description)

    return update
