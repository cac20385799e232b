"""The way back of a release: folders closed again, and found closed by a stranger."""

from collections.abc import Iterable

from policies import opening
from policies.errors import Denied, Refused
from policies.opening import OpenGroup, link_of, open_root
from tasks import storage
from tasks.records import releases
from tasks.records.work import Working


def demand_stranger() -> None:
    """Make sure that reading as a stranger is possible here, before anything opens.

    Raises:
        Refused: It is not; the message says what is missing.
    """
    try:
        storage.door(storage.offline().identifier).read_as_stranger([])
    except Denied as no:
        raise Refused(f"nothing opens that cannot be proved: {no.message}") from no


def find_closed(unit: Working, group: OpenGroup) -> int:
    """Make sure that a stranger can neither list a group nor open its first file.

    Raises:
        Mismatch: It can be read.
    """
    unit.check()
    first = sorted(releases.files(group.group))[:1]
    paths = [group.path, *(f"{group.path}/{name}" for name in first)]
    return storage.door(group.repository).closed_to_strangers(paths)


def shut(unit: Working, groups: Iterable[OpenGroup], kept: list[OpenGroup], number: int) -> int:
    """Close folders again, take their links away, and look as a stranger.

    Args:
        unit: The lease.
        groups: What must be closed.
        kept: What of the proposal stays open.
        number: Proposal number.

    Returns:
        How many groups were closed.

    Raises:
        Mismatch: Something is still open.
    """
    home, mounts = releases.home(number), releases.mounts()
    offline, closed = storage.offline(), list(groups)
    ways = opening.ways(kept, home, mounts)
    # The ways first: whatever lies behind them is closed at once.
    for store, above in sorted({(g.repository, g.above) for g in closed}):
        storage.door(store).way(above, ways.get(above, 0))
    top = storage.door(offline.identifier)
    for group in closed:
        unit.check()
        storage.door(group.repository).close_folder(group.path)
        top.unlead(link_of(group, home, mounts), offline.link_text(group.path))
    if not kept:
        top.way(open_root(home, mounts), 0, make=True)
    for group in closed:
        find_closed(unit, group)
    return len(closed)
