"""A person says what a run is worth."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms import Person, ProposalNumber, Reason, RunNumber
from flows.outcome import Result, conduct
from policies import layout
from policies.vocabulary import Assessment, Work
from tasks.records import runs
from tasks.records.work import Working


@flow(name="run-assess", flow_run_name="p{proposal:06d} r{run:04d} {assessment}")
def run_assess(
    proposal: ProposalNumber,
    run: RunNumber,
    assessment: Assessment,
    operator: Person,
    comment: Reason = "",
) -> State[Any]:
    """Assess a run: Good and Unclear are migrated to Maxwell, Not interesting is not.

    Args:
        proposal: Proposal number, for example 900054.
        run: Run number.
        assessment: Good or Unclear: migrate data to Maxwell. Not interesting: data will not
            be migrated; it stays online. You may change your mind later.
        operator: Your account name; the history shows it.
        comment: Why, for those who come after you.
    """

    def body(_unit: Working) -> Result:
        move = runs.assess(proposal, run, assessment, comment, operator)
        label = layout.run_label(proposal, run)
        if not move.changed:
            return Result(f"{label} was {assessment} already")
        return Result(f"{label}: {move.source} ⇒ {move.target} ({assessment})")

    return conduct(Work.RUN_ASSESS, body, proposal=proposal, run=run)
