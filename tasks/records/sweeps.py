"""What is due or stuck, drained item by item: one poison item never stops the rest."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from catalog.commands import inbox, outbox, sweeping
from catalog.queries.calibration_list import stuck_calibrations
from catalog.queries.lost import unconcluded
from catalog.queries.sweeps import Due, Stuck, due_obligations, stuck_runs, uninspected_runs
from policies.errors import BeamkeeperError
from settings.model import load
from tasks.records.base import database, now

log = logging.getLogger("beamkeeper.sweeps")


def _lost_after() -> timedelta:
    """A flow handed over this long ago without a live lease is asked for again."""
    return timedelta(seconds=load().work.lost_after_seconds)


@dataclass(frozen=True)
class Swept:
    """What a sweep did with one item.

    Attributes:
        what: The item, in words.
        outcome: What was done, or why not.
        trouble: Whether a person should look.
    """

    what: str
    outcome: str
    trouble: bool = False


def sweep_inbox() -> dict[str, int]:
    """Try held messages again; answers how many ended in which state."""
    with database().write() as session:
        return inbox.retry_held(session, now())


def sweep_lost() -> list[Swept]:
    """Ask again for flows that never came to an end."""
    with database().read() as session:
        items = unconcluded(session, now(), _lost_after())
    return [_isolated(f"{item.work} {item.key}", _again(item.id)) for item in items]


def sweep_stuck() -> list[Swept]:
    """Ask again for runs that head for another state and do not get there."""
    with database().read() as session:
        found = stuck_runs(session, now()) + uninspected_runs(session, now())
        found += stuck_calibrations(session, now())
    return [
        _isolated(f"p{s.proposal:06d} r{s.run:04d} {s.state}: {s.why}", _push(s)) for s in found
    ]


def sweep_due() -> list[Swept]:
    """Drain obligations whose time has come."""
    with database().read() as session:
        items = due_obligations(session, now())
    return [_isolated(_words(item), _fulfil(item)) for item in items]


def _isolated(what: str, act: Callable[[], str]) -> Swept:
    try:
        return Swept(what, act())
    except BeamkeeperError as error:
        return Swept(what, error.message, trouble=True)
    except Exception as error:
        log.exception("%s", what)
        return Swept(what, f"a fault of this program: {type(error).__name__}: {error}", True)


def _again(outbox_id: int) -> Callable[[], str]:
    def act() -> str:
        with database().write() as session:
            key = outbox.ask_again(session, outbox_id, "no end and no live lease", now())
        return f"asked again as {key}" if key else "given up: a person must ask"

    return act


def _push(item: Stuck) -> Callable[[], str]:
    def act() -> str:
        with database().write() as session:
            return f"asked again as {sweeping.push(session, item, now(), _lost_after())}"

    return act


def _fulfil(item: Due) -> Callable[[], str]:
    def act() -> str:
        site = load().automatic
        automatic = sweeping.Automatic(start=site.start, finish=site.finish, close=site.close)
        with database().write() as session:
            return sweeping.fulfil(session, item.id, automatic, now())

    return act


def _words(item: Due) -> str:
    run = f" r{item.run:04d}" if item.run is not None else ""
    return f"{item.duty} p{item.proposal or 0:06d}{run}"
