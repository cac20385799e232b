"""Talking to the engine on the side: shortly, and not at all while it does not answer.

By default a client tries for over a minute. That is right for a state that must be told and
wrong for a picture or a tag: a migration with four tables would stand still for minutes.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

log = logging.getLogger("beamkeeper.patience")

T = TypeVar("T")

RETRIES = 1
"""How often a call is tried again."""

DARK_SECONDS = 60.0
"""How long nothing more is tried after a call that failed."""


class _Dark:
    """Until when the engine is left alone; one for the process."""

    def __init__(self) -> None:
        self._until = 0.0
        self._guard = threading.Lock()

    def now(self) -> bool:
        """Whether nothing is tried at the moment."""
        with self._guard:
            return time.monotonic() < self._until

    def begin(self) -> None:
        """Leave the engine alone from now on."""
        with self._guard:
            self._until = time.monotonic() + DARK_SECONDS

    def end(self) -> None:
        """It answers again."""
        with self._guard:
            self._until = 0.0


dark = _Dark()
"""Whether the engine is left alone."""


def aside(act: Callable[[], T]) -> T | None:
    """Do something at the engine that the work does not depend on.

    Args:
        act: Calls the engine.

    Returns:
        What it answers, None when it was not done.
    """
    if dark.now():
        return None
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES}):
            return act()
    except httpx.HTTPError as error:
        dark.begin()
        log.warning("the engine does not answer (%s): nothing is shown", type(error).__name__)
        return None
