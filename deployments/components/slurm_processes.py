"""Processes of a throw-away SLURM that live apart from its daemons: jobs and their watchers."""

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path


def end(pids: Iterable[int]) -> None:
    """Kill processes; one that is gone already is no matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def holding(path: str) -> list[int]:
    """Processes that have a file open."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(handle.readlink() == Path(path) for handle in folder.iterdir()):
                found.append(int(folder.parent.name))
    return found


def running_on(conf: str, number: int) -> list[int]:
    """Processes of jobs on a node, by their environment."""
    wanted = {f"SLURM_CONF={conf}".encode(), f"SLURMD_NODENAME=max{number}".encode()}
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted <= set(path.read_bytes().split(b"\0")):
                found.append(int(path.parent.name))
    return found


def of_jobs(conf: str) -> list[int]:
    """Watchers and processes of all jobs; a person's shell that speaks to the cluster is none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "environ").read_bytes().split(b"\0")
            job = any(word.startswith(b"SLURM_JOB_ID=") for word in words)
            watcher = (folder / "comm").read_text(encoding="utf-8") == "slurmstepd\n"
            if f"SLURM_CONF={conf}".encode() in words and (job or watcher):
                found.append(int(folder.name))
    return found
