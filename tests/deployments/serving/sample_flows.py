"""Small flows for the tests of the serving package; they leave traces in files."""

import os
import time
from pathlib import Path
from typing import Annotated

from prefect import flow
from pydantic import Field


def _trace(folder: str, what: str) -> None:
    with Path(folder, "trace").open("a", encoding="utf-8") as handle:
        handle.write(f"{what} {os.getpid()} {time.time()}\n")


@flow(name="sample-quick")
def sample_quick(folder: str, number: Annotated[int, Field(ge=0)] = 0) -> int:
    """Leave one line.

    Args:
        folder: Where the trace goes.
        number: Told back.
    """
    _trace(folder, f"quick-{number}")
    return number


@flow(name="sample-slow")
def sample_slow(folder: str, seconds: float = 60.0) -> None:
    """Leave a line, sleep in short steps, leave another one.

    Args:
        folder: Where the trace goes.
        seconds: How long to sleep.
    """
    _trace(folder, "begin")
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            time.sleep(0.05)
    finally:
        _trace(folder, "cleanup")
    _trace(folder, "end")
