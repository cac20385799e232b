"""What waits for the same place is taken along by the flow that is there."""

import time
from collections.abc import Callable

from prefect import get_run_logger
from prefect.runtime import flow_run

from flows.company import Company
from flows.outcome import Result, refusal
from policies.along import FAILURES, goes_on
from policies.errors import BeamkeeperError, Missing, Refused, Unavailable
from policies.vocabulary import Work
from tasks.records.along import Convoy, Turn, limits

Each = Callable[[Turn], Result]
"""Does one unit."""


def take_along(work: Work, proposal: int, name: str, each: Each) -> Company:
    """Do what waits of the same work and proposal, one unit at a time.

    A unit that fails is noted and stays without an end, as if its own flow had failed. When
    several fail in a row the rest stays in the outbox.

    Args:
        work: The flow.
        proposal: Proposal number.
        name: Name of the flow run.
        each: Does one unit.
    """
    company, most, began = Company(name), limits(), time.monotonic()

    def seconds() -> float:
        return time.monotonic() - began

    with Convoy(work, proposal, str(flow_run.get_id() or "by-hand")) as convoy:
        while goes_on(
            len(company.rows), company.in_a_row, seconds(), most.units, most.seconds
        ) and (turn := _following(convoy)):
            result, why = _isolated(turn, each)
            company.note(turn.item.run or 0, turn.item.key, result, why)
            used = max(len(company.rows) / most.units, seconds() / most.seconds)
            company.show(min(used, 0.99))
    company.show(1)
    if company.in_a_row >= FAILURES:
        get_run_logger().warning("%d in a row failed: the rest waits", company.in_a_row)
    return company


def _following(convoy: Convoy) -> Turn | None:
    """The next unit; none when the catalog does not answer: what waits is on record there."""
    try:
        return convoy.following()
    except Unavailable as error:
        get_run_logger().warning("nothing more is taken along: %s", error.message)
        return None


def _isolated(turn: Turn, each: Each) -> tuple[Result | None, str]:
    """Do one unit; whatever goes wrong is its own failure and nobody else's."""
    try:
        result = each(turn)
    except Refused as error:
        result = refusal(error)
    except Missing as error:
        result = Result(error.message, "Refused", ("outcome:refused",))
    except BeamkeeperError as error:
        return _failed(turn, error.message)
    except Exception as error:  # noqa: BLE001 - one poison unit stops none of the others
        get_run_logger().debug("%s", turn.item.key, exc_info=True)
        return _failed(turn, f"{type(error).__name__}: {error}")
    turn.conclude(f"{result.name}: {result.message}")
    return result, ""


def _failed(turn: Turn, why: str) -> tuple[None, str]:
    get_run_logger().error("%s: %s", turn.item.key, why)
    turn.fail(why)
    return None, why
