"""What a flow run took along, and how people see it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from flows import artifacts
from flows.outcome import Result
from flows.patience import aside

SHOW_SECONDS = 5.0
"""Pause between two pictures: each costs the engine three calls, whatever it shows."""

PERCENT = 100


@dataclass
class Company:
    """What a flow run took along.

    Attributes:
        name: Name of the flow run as it was started.
        rows: One line per unit, for people.
        tags: Tags by which the units are found.
        failed: Units that came to no end.
        in_a_row: How many of the last ones failed.
    """

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    failed: int = 0
    in_a_row: int = 0
    _shown: float = field(default_factory=time.monotonic)
    _ring: Callable[[int, int], None] | None = None

    def note(self, run: int, asked_as: str, result: Result | None, why: str) -> None:
        """Note one unit more.

        Args:
            run: Run number.
            asked_as: Key of the asking.
            result: What became of it; None when it came to no end.
            why: Why not.
        """
        self.failed += result is None
        self.in_a_row = 0 if result is not None else self.in_a_row + 1
        state, text = (result.name, result.message) if result else ("Failed", why)
        self.rows.append({"run": f"r{run:04d}", "state": state, "what": text, "asked as": asked_as})
        self.tags.append(f"run:{run:04d}")
        self.tags += [tag for tag in (result.tags if result else ()) if tag not in self.tags]

    def show(self, share: float) -> None:
        """Draw the table and the ring and say it in the run's name, every few seconds.

        Args:
            share: How much of what it may take along is used up; 1 is the end.
        """
        pause = time.monotonic() - self._shown
        if not self.rows or (share < 1 and pause < SHOW_SECONDS):
            return
        self._shown = time.monotonic()
        key = f"{artifacts.slug(self.name)}-along"
        if self._ring is None and share < 1:
            self._ring = artifacts.progress(f"{key}-ring", f"{self.name}: taking others along")
        if self._ring is not None:
            self._ring(int(PERCENT * share), PERCENT)
        artifacts.table(key, self.rows, "Taken along")
        run_id = flow_run.get_id()
        if run_id is not None:
            aside(lambda: _rename(UUID(str(run_id)), f"{self.name} +{len(self.rows)}"))

    def added_to(self, result: Result) -> Result:
        """The flow's own result, with what was taken along."""
        if not self.rows:
            return result
        text = f"{result.message}; {len(self.rows)} more taken along"
        text += f", {self.failed} of them failed" if self.failed else ""
        odd = ("outcome:along-failed",) if self.failed else ()
        data = {**result.data, "along": len(self.rows)}
        return Result(text, result.name, (*result.tags, *self.tags, *odd), data)


def _rename(run_id: UUID, name: str) -> None:
    with get_client(sync_client=True) as client:
        client.update_flow_run(run_id, name=name)
