"""Children that never outlive us: how they are started, recognised and ended.

A child dies with its supervisor (the kernel kills it), leads a group of its own (so that a
terminal's Ctrl-C reaches only the supervisor) and carries a mark in its environment by
which a later supervisor finds what an earlier one left behind.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

MARK = "BEAMKEEPER_SUPERVISED_BY"
"""Environment variable of every descendant: the state file's absolute path."""

KILL_SECONDS = 10.0
"""How long a process may take to end after SIGTERM before it is killed."""


def spawn(
    command: Sequence[str], environment: Mapping[str, str], log: Path, mark: str
) -> "subprocess.Popen[bytes]":
    """Start a child that the kernel kills when this process dies.

    Args:
        command: Program and arguments; no secrets, they are readable for all users.
        environment: Complete environment.
        log: File that its output is appended to.
        mark: Value of `MARK`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    guard = shutil.which("setpriv")
    guarded = [guard, "--pdeathsig", "KILL", "--", *command] if guard else list(command)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            guarded,
            env={**environment, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def started_at(pid: int) -> int | None:
    """Return a process's start in clock ticks since boot, None if it is gone.

    Together with the pid it names one process for ever; a pid alone is reused.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def marked(mark: str) -> list[int]:
    """Return the living processes that carry the mark, without this one."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in environment and started_at(int(entry.name)) is not None:
            found.append(int(entry.name))
    return found


def end_marked(mark: str, seconds: float = KILL_SECONDS) -> int:
    """End every process that carries the mark: SIGTERM, then SIGKILL.

    Returns:
        How many there were.
    """
    first = marked(mark)
    for pid in first:
        _send(pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while (left := marked(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    while left:
        for pid in left:
            _send(pid, signal.SIGKILL)
        time.sleep(0.05)
        left = marked(mark)
    return len(first)


def end_child(child: "subprocess.Popen[bytes]", seconds: float = KILL_SECONDS) -> int:
    """End one child politely, then by force; return its exit code."""
    if child.poll() is None:
        _send(child.pid, signal.SIGTERM)
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        _send(child.pid, signal.SIGKILL)
        return child.wait()


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
