"""What the person in front of the demo sees: acts, steps, timings, and a picture at the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console


@dataclass
class Scene:
    """One act of the story.

    Attributes:
        title: What happens.
        seconds: How long it took.
        facts: What was seen, each a sentence that was checked.
    """

    title: str
    seconds: float = 0.0
    facts: list[str] = field(default_factory=list)


class Stage:
    """Plays acts and remembers what was seen."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.scenes: list[Scene] = []
        self.values: dict[str, Any] = {}

    @contextmanager
    def act(self, title: str) -> Iterator[Scene]:
        """One act; a failure inside is told with its title."""
        scene = Scene(title)
        self.scenes.append(scene)
        self.console.print(f"[bold cyan]▸ {title}[/]")
        began = time.monotonic()
        try:
            with self.console.status("…"):
                yield scene
        except BaseException:
            self.console.print(f"  [bold red]✗ {title}[/]")
            raise
        finally:
            scene.seconds = time.monotonic() - began
        self.console.print(f"  [dim]{scene.seconds:.1f} s[/]")

    def saw(self, fact: str) -> None:
        """Note a fact that was just checked."""
        self.scenes[-1].facts.append(fact)
        self.console.print(f"  [green]✓[/] {fact}", markup=True)

    def demand(self, holds: object, fact: str) -> None:
        """Check a fact and note it.

        Raises:
            AssertionError: It does not hold; the demo fails.
        """
        if not holds:
            raise AssertionError(fact)
        self.saw(fact)
