"""The one place that reads the wall clock.

For rehearsals the clock can be moved ahead: `BEAMKEEPER_PRETENDED_CLOCK` names a file with one
number, the seconds to add. The same code then runs with the later time, in every process at
once. A real catalog refuses to open anything on such a clock (`policies.clocks`).
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

PRETENDED = "BEAMKEEPER_PRETENDED_CLOCK"
"""Environment variable that names the file; unset: the clock is true."""


def utc_now() -> datetime:
    """The moment, aware, in UTC. Decisions never call this: they are told."""
    return datetime.now(UTC) + ahead()  # noqa: TID251


def ahead() -> timedelta:
    """How far the clock was moved ahead; zero for a true one.

    Raises:
        ValueError: The file says something else than a number of seconds from zero on.
    """
    path = os.environ.get(PRETENDED)
    if not path:
        return timedelta()
    try:
        text = Path(path).read_text()
    except FileNotFoundError:
        return timedelta()
    seconds = float(text)
    if not seconds >= 0:
        raise ValueError(f"{PRETENDED}: {path}: a clock is moved ahead only, not by {text.strip()}")
    return timedelta(seconds=seconds)


def move_to(moment: datetime) -> timedelta:
    """Move the pretended clock ahead so that it now says a moment.

    Args:
        moment: Aware; not before what the clock says.

    Returns:
        How far it is ahead of the true one.

    Raises:
        ValueError: No pretended clock is set up, or the moment has passed on it.
    """
    path = os.environ.get(PRETENDED)
    if not path:
        raise ValueError(f"set {PRETENDED} first")
    step = moment - utc_now()
    if step < timedelta():
        raise ValueError(f"{moment.isoformat()} has passed; a clock is moved ahead only")
    total = ahead() + step
    beside = Path(f"{path}.new")
    beside.write_text(f"{total.total_seconds()}\n")
    beside.replace(path)
    return total
