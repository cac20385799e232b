"""Work that a flow takes along when its own is done, and how many flows that needs.

A flow run costs the engine about two seconds of processor time, a small run's files a tenth.
So what waits for the same place is done one after the other by the flows that are there.
"""

from dataclasses import dataclass

from policies.vocabulary import Work

WORKS = frozenset({Work.RUN_CLOSED})
"""Flows that take further units of their own kind along: those of the same proposal."""

ASKINGS = 2
"""What was asked for more often gets a flow run of its own: people see it fail by itself."""

FAILURES = 3
"""So many failures in a row say that the place is in trouble, not the run: stop taking."""

STILL_SECONDS = 10.0
"""When nothing has moved for so long, long runs are at work: one flow more."""


@dataclass(frozen=True)
class Traffic:
    """How a proposal's units of one work get on.

    Attributes:
        starting: Flow runs that were asked for a moment ago and do not work yet.
        at_work: Flow runs that hold a lease.
        still_seconds: Since when nothing was taken up or ended; None: not for a long time.
    """

    starting: int = 0
    at_work: int = 0
    still_seconds: float | None = None


def room(traffic: Traffic, flows_at_once: int) -> int:
    """How many flow runs more are worth starting for what waits.

    Args:
        traffic: How the units get on.
        flows_at_once: Flows that a place gets while everything moves.
    """
    free = flows_at_once - traffic.starting - traffic.at_work
    if free > 0:
        return free
    still = traffic.still_seconds is None or traffic.still_seconds >= STILL_SECONDS
    return int(still and traffic.starting < flows_at_once)


def goes_on(taken: int, failures: int, seconds: float, most: int, longest: float) -> bool:
    """Whether a flow takes a further unit along.

    Args:
        taken: Units taken along so far.
        failures: How many of the last ones failed in a row.
        seconds: How long it has been taking along.
        most: Units at the most.
        longest: Seconds after which no further one is begun.
    """
    return taken < most and failures < FAILURES and seconds < longest
