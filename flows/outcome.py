"""How every flow begins and ends: one unit of work, one outcome that people can read.

A refusal is a result: the run ends *Completed*, named "Refused", tagged `outcome:refused`,
with the reason and what is possible instead. Red is for broken things, and what broke is
asked for again by the catalog, not by the engine.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.patience import aside
from policies.errors import Conflict, LeaseLost, Missing, Refused
from policies.vocabulary import Work
from tasks.records.work import Working, conclude, working


@dataclass
class Result:
    """What a flow's body hands back.

    Attributes:
        message: One sentence for the run's page.
        name: Name of the final state.
        tags: Further tags for the run.
        data: Values for programs.
    """

    message: str
    name: str = "Completed"
    tags: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


Body = Callable[[Working], Result]


def conduct(
    work: Work,
    body: Body,
    *,
    proposal: int | None = None,
    run: int | None = None,
    afterwards: Callable[[Result], Result] | None = None,
) -> State[Any]:
    """Run a flow's body as a unit of work that only one worker holds.

    Args:
        work: The flow.
        body: What to do; gets the lease.
        proposal: Proposal number, None for facility-wide work.
        run: Run number, None for work on a proposal.
        afterwards: What to do beyond that, once it is on record; not in runs by hand.

    Returns:
        The final state of the flow run.
    """
    log = get_run_logger()
    holder = str(flow_run.get_id() or "by-hand")
    asked = _asked()
    try:
        with working(work, holder, proposal, run, asked) as unit:
            result = body(unit)
    except Refused as error:
        result = refusal(error)
    except Missing as error:
        result = Result(error.message, "Refused", ("outcome:refused",))
    except LeaseLost as error:
        log.warning(error.message)
        return Completed(name="Overtaken", message=error.message, data={})
    except Conflict as error:
        # Not concluded: whoever is at work may have looked too early, the sweep asks once more.
        log.info(error.message)
        _tag(proposal, run, ("outcome:already-running",))
        return Completed(name="AlreadyRunning", message=error.message, data={"ok": True})
    log.info(result.message)
    # The catalog first: the engine may be down by now, and the work is done all the same.
    for outbox_id in asked:
        conclude(outbox_id, f"{result.name}: {result.message}")
    if asked and afterwards is not None:
        result = afterwards(result)
    _tag(proposal, run, result.tags)
    return Completed(name=result.name, message=result.message, data=result.data or {"ok": True})


def refusal(error: Refused) -> Result:
    """A refusal as an outcome: the reason, and what is possible instead."""
    instead = f" Possible now: {', '.join(error.possible)}." if error.possible else ""
    text = error.message.rstrip(".") + "." + instead
    return Result(text, "Refused", ("outcome:refused",), {"refused": error.message})


def _tag(proposal: int | None, run: int | None, more: tuple[str, ...]) -> None:
    """Tag the run so that it is found: runs started from a form carry no tags yet."""
    run_id = flow_run.get_id()
    if run_id is None:
        return
    wanted = set(flow_run.get_tags() or []) | set(more) | {"beamkeeper"}
    wanted |= {f"proposal:{proposal}"} if proposal is not None else set()
    wanted |= {f"run:{run:04d}"} if run is not None else set()
    if wanted != set(flow_run.get_tags() or []):
        aside(lambda: _set_tags(UUID(str(run_id)), sorted(wanted)))


def _set_tags(run_id: UUID, tags: list[str]) -> None:
    with get_client(sync_client=True) as client:
        client.update_flow_run(run_id, tags=tags)


def _asked() -> list[int]:
    """Outbox rows that this flow run was started for."""
    pairs = [str(tag).partition(":") for tag in flow_run.get_tags() or []]
    return [int(number) for kind, _, number in pairs if kind == "outbox" and number.isdigit()]
