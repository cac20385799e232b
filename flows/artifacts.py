"""What people look at on a run's page: tables, and a ring that fills.

Pictures only: an engine that does not answer never stops the work that they show.
"""

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.patience import aside

EVERY_SECONDS = 1.0
"""A progress ring is redrawn this often at the most."""

LAST_SECONDS = 5.0
"""How long the end of the work waits for the ring to be full, at the most."""


def slug(text: str) -> str:
    """A text as an artifact key: lower-case letters, digits and dashes."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in plain.split("-") if part)


def table(key: str, rows: Sequence[dict[str, Any]], description: str) -> None:
    """Show a table; nothing is shown for no rows."""
    if rows:
        shown = list(rows[:500])
        aside(lambda: create_table_artifact(table=shown, key=key, description=description))


def page(key: str, markdown: str, description: str = "") -> None:
    """Show a page of Markdown."""
    aside(lambda: create_markdown_artifact(markdown=markdown, key=key, description=description))


def link(key: str, address: str, text: str) -> None:
    """Show a link."""
    aside(lambda: create_link_artifact(link=address, link_text=text, key=key))


def progress(key: str, description: str) -> Callable[[int, int], None]:
    """A progress ring.

    Args:
        key: Lower-case letters, digits and dashes.
        description: What it counts.

    Returns:
        A function that takes what is done and the whole, for example bytes; it may be
        called as often as one likes, from any thread, and never waits for the engine
        except shortly at the end.
    """
    ring = aside(lambda: create_progress_artifact(0.0, key=key, description=description))
    if ring is None:
        return lambda _done, _total: None
    return _Ring(cast("UUID", ring), description).update


class _Ring:
    """Redraws a ring beside the work, one picture at a time."""

    def __init__(self, ring: UUID, description: str) -> None:
        self._ring, self._description = ring, description
        self._last = 0.0
        self._hand: threading.Thread | None = None
        self._guard = threading.Lock()

    def update(self, done: int, total: int) -> None:
        """Show how far it is, unless the former picture is still being drawn."""
        ended = done >= total
        with self._guard:
            moment = time.monotonic()
            if not ended and (moment - self._last < EVERY_SECONDS or self._busy()):
                return
            self._last = moment
            if ended and self._hand is not None:
                self._hand.join(LAST_SECONDS)
            if self._busy():
                return
            share = 100.0 if not total else min(100.0, 100.0 * done / total)
            here = contextvars.copy_context()
            self._hand = threading.Thread(
                target=here.run, args=(self._post, share), name="ring", daemon=True
            )
            self._hand.start()
        if ended:
            self._hand.join(LAST_SECONDS)

    def _busy(self) -> bool:
        return self._hand is not None and self._hand.is_alive()

    def _post(self, share: float) -> None:
        aside(
            lambda: update_progress_artifact(
                self._ring, progress=share, description=self._description
            )
        )
