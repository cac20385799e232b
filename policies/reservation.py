"""The reservation of cluster nodes for a beamtime: its name, its window, what differs.

Source: name `upex_NNNNNN` on partition `upex-beamtime` as used in public job scripts; the
margins before and after the beamtime are ours.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from policies.errors import Refused
from policies.vocabulary import BeamtimeState

VERSION = "reservation-1"
"""Version of these rules."""

RESERVED_IN = frozenset(
    {
        BeamtimeState.NEW,
        BeamtimeState.GPFS_OFFLINE_DONE,
        BeamtimeState.GPFS_ONLINE_DONE,
        BeamtimeState.READY,
        BeamtimeState.ACTIVE,
    }
)
"""Beamtime states in which nodes may be kept; from its end on they are given back."""

_SLACK = timedelta(seconds=60)
"""SLURM keeps whole minutes in places; less than this is no difference."""


def name(number: int) -> str:
    """Name of a proposal's reservation."""
    return f"upex_{number:06d}"


def window(
    beamtimes: Sequence[tuple[datetime, datetime]],
    before: timedelta,
    after: timedelta,
    now: datetime,
) -> tuple[datetime, datetime]:
    """When nodes are kept: from before the first beamtime until after the last one.

    Args:
        beamtimes: Begin and end of each, aware.
        before: Margin before the first.
        after: Margin after the last.
        now: The moment, aware: a window that has begun begins now.

    Raises:
        Refused: No beamtime is known, or the window is over.
    """
    if not beamtimes:
        raise Refused("the proposal has no beamtime: there is nothing to reserve nodes for")
    begin = min(b for b, _ in beamtimes) - before
    end = max(e for _, e in beamtimes) + after
    if end <= now:
        raise Refused(f"the reservation's window ended at {end:%Y-%m-%d %H:%M} UTC")
    return max(begin, now), end


def changes(
    wanted: tuple[datetime, datetime, int, str], shown: tuple[datetime, datetime, int, str]
) -> list[str]:
    """What of a reservation has to change: `begin_at`, `end_at`, `nodes`, `group`.

    Args:
        wanted: Begin, end, number of nodes, group.
        shown: The same as the cluster shows it; a begin that lies behind both is no difference.
    """
    found = []
    if abs(wanted[0] - shown[0]) > _SLACK and not _begun(wanted, shown):
        found.append("begin_at")
    if abs(wanted[1] - shown[1]) > _SLACK:
        found.append("end_at")
    if wanted[2] != shown[2]:
        found.append("nodes")
    if wanted[3] != shown[3]:
        found.append("group")
    return found


def _begun(
    wanted: tuple[datetime, datetime, int, str], shown: tuple[datetime, datetime, int, str]
) -> bool:
    """Whether the reservation runs and is wanted to: `wanted` begins now, it began before."""
    return shown[0] <= wanted[0] <= shown[1]
