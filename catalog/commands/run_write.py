"""How a run's row, its history and the work that follows are written: always together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from catalog.commands.journal import ask, record
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.actor import Actor
from policies.machine import Decision
from policies.run import VERSION, WIRE_STATUS, RunFacts
from policies.vocabulary import RunEvent, RunState, Subject


@dataclass(frozen=True)
class By:
    """Who asks, when and why."""

    actor: Actor
    now: datetime
    reason: str = ""


def apply(
    session: Session,
    proposal: Proposal,
    run: Run,
    decision: Decision[RunState, RunEvent, RunFacts],
    by: By,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write the decided row's target, the history and the work it asks for."""
    row = decision.row
    if run.state is not row.target:
        run.state_since = by.now
    run.state, run.flg_status, run.updated_at = row.target, WIRE_STATUS[row.target], by.now
    seq = write(
        session, proposal, run, row.event, row.source, by, details, override=decision.overridden
    )
    for work in row.then:
        ask(
            session,
            work,
            key=f"{work}:{proposal.number}:{run.run_number}:{seq}",
            fresh=True,
            now=by.now,
            parameters={"proposal": proposal.number, "run": run.run_number},
            proposal=proposal.number,
            run=run.run_number,
        )


def write(
    session: Session,
    proposal: Proposal,
    run: Run,
    event: str,
    source: RunState | None,
    by: By,
    details: Mapping[str, Any] | None = None,
    *,
    override: tuple[str, ...] = (),
) -> int:
    """Append a line to the run's history.

    Returns:
        Its number in the journal.
    """
    change = record(
        session,
        subject=Subject.RUN,
        subject_id=run.id or 0,
        proposal=proposal.number,
        run=run.run_number,
        event=event,
        source="---" if source is None else str(source),
        target=str(run.state),
        actor=by.actor,
        now=by.now,
        reason=by.reason,
        policy=VERSION,
        details=details,
        override=override,
    )
    return change.seq
