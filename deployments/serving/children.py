"""What a supervisor knows of its children, in memory and in its state file."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from deployments.serving.processes import started_at
from policies.errors import Conflict
from settings.engine import EngineSettings

T = TypeVar("T")

FIRST_PAUSE = 0.5
"""Seconds before a dead child is started again; doubles at each death."""
LONGEST_PAUSE = 30.0
LEFTOVER_SECONDS = 3.0
"""How long what an earlier supervisor left may take to end before it is killed."""
STEADY_SECONDS = 60.0
"""A child that lived this long starts again with the first pause."""


@dataclass
class Command:
    """A program that the supervisor keeps running.

    Attributes:
        name: Unique; name of its log file.
        command: Program and arguments, without secrets.
        environment: Added to what every child inherits.
        url: Where it answers, for the state file; None if nowhere.
        grace: Seconds that it may take to end after SIGTERM.
        restart: Whether it is started again when it ends.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    url: str | None = None
    grace: float = 10.0
    restart: bool = True


@dataclass
class Child:
    """A command and its present process."""

    of: Command
    process: "subprocess.Popen[bytes]"
    born: float
    pause: float = FIRST_PAUSE
    due: float | None = None
    deaths: int = 0


class Spawner:
    """The one thread that starts children.

    The kernel ends a child when the *thread* that started it ends, so that thread must
    live as long as the supervisor.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="spawner")

    def call(self, start: Callable[[], T]) -> T:
        """Run `start` in the thread and return what it returns."""
        return self._threads.submit(start).result()

    def close(self) -> None:
        """End the thread; children that still live are killed by the kernel."""
        self._threads.shutdown()


def asked_to_stop() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set from now on."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    return asked


def module_command(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this package."""
    return [sys.executable, "-m", f"deployments.serving.{name}", *arguments]


def wait_all(children: Iterable[Child], seconds: float) -> None:
    """Wait until all have ended, at most so long."""
    end = time.monotonic() + seconds
    waiting = list(children)
    while waiting and time.monotonic() < end:
        waiting = [child for child in waiting if child.process.poll() is None]
        time.sleep(0.05)


def refuse_second(state_file: Path) -> None:
    """Refuse to start beside a living supervisor of the same folder.

    Raises:
        Conflict: There is one.
    """
    try:
        state = json.loads(state_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if state["pid"] != os.getpid() and started_at(state["pid"]) == state["started"]:
        raise Conflict(f"another supervisor, pid {state['pid']}, uses {state_file}")


def write_state(state_file: Path, settings: EngineSettings, children: Mapping[str, Child]) -> None:
    """Write pid, addresses and children as JSON, at once or not at all; holds no secret."""
    state = {
        "pid": os.getpid(),
        "started": started_at(os.getpid()),
        "api_url": settings.api_url,
        "ui_url": settings.ui_url,
        "home": str(settings.home.resolve()),
        "children": {
            name: {
                "pid": child.process.pid,
                "started": started_at(child.process.pid),
                "url": child.of.url,
                "log": str(state_file.parent / "log" / f"{name}.log"),
                "restarts": child.deaths,
            }
            for name, child in children.items()
        },
    }
    state_file.parent.mkdir(parents=True, exist_ok=True)
    draft = state_file.with_suffix(".new")
    draft.write_text(json.dumps(state, indent=2), encoding="utf-8")
    draft.replace(state_file)
