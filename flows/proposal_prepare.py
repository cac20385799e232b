"""Everything that a beamtime needs, step by step, until Ready."""

from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows import artifacts
from flows.folders import Done
from flows.forms import Operator, ProposalNumber
from flows.outcome import Result, conduct
from flows.provisioning import STEPS
from policies.beamtime import OFFLINE_STEPS, ONLINE_STEPS, OPTIONAL_STEPS
from policies.errors import BeamkeeperError
from policies.layout import proposal_folder
from policies.vocabulary import BeamtimeEvent, BeamtimeState, StepName, StepState, Work
from tasks.records import beamtimes
from tasks.records.work import Working

_MOVES = (
    (BeamtimeState.NEW, OFFLINE_STEPS, BeamtimeEvent.OFFLINE_CONFIGURED),
    (BeamtimeState.GPFS_OFFLINE_DONE, ONLINE_STEPS, BeamtimeEvent.ONLINE_CONFIGURED),
    (BeamtimeState.GPFS_ONLINE_DONE, OPTIONAL_STEPS, BeamtimeEvent.MAKE_READY),
)


@flow(name="proposal-prepare", flow_run_name="p{proposal:06d} prepare")
def proposal_prepare(
    proposal: ProposalNumber,
    only: list[StepName] | None = None,
    operator: Operator = "",
) -> State[Any]:
    """Prepare a proposal: LDAP groups, GPFS offline, GPFS online, then Ready.

    Each step is idempotent, read back and recorded. Run it again after a failure: what is
    green is verified once more, the rest continues. On a proposal that is Ready already it
    repairs what drifted.

    Args:
        proposal: Proposal number.
        only: Steps to run; left out: all of them, in order, then the status moves on.
        operator: Your account name; empty when the system asks.
    """

    def body(unit: Working) -> Result:
        beamtimes.demand("beamtime:prepare", proposal, operator)
        steps = only or list(STEPS)
        done, missing = {}, []
        for state, needed, event in _MOVES:
            for name in (s for s in needed if s in steps):
                unit.check()
                try:
                    done[name] = _step(proposal, name, operator)
                except BeamkeeperError as error:
                    if name not in OPTIONAL_STEPS:
                        raise
                    missing.append(f"{name} is missing: {error.message}")
            if not only and beamtimes.proposal(proposal).state is state:
                beamtimes.advance(proposal, event)
        rows = [
            {"step": str(n), "state": str(d.state), "changes": d.changes, "what": d.message}
            for n, d in done.items()
        ]
        folder = proposal_folder(proposal)
        artifacts.table(f"{folder}-steps", rows, "Steps and what was read back")
        label = beamtimes.proposal(proposal).state.label
        changes = sum(d.changes for d in done.values())
        skipped = sum(d.state is StepState.SKIPPED for d in done.values())
        counted = f"{len(done) - skipped} steps green" + f", {skipped} skipped" * bool(skipped)
        told = "; ".join([f"{counted}, {changes} changes", *missing])
        tags = ("outcome:trouble",) if missing else ()
        return Result(f"{folder}: {label}; {told}", tags=tags)

    return conduct(Work.PROPOSAL_PREPARE, body, proposal=proposal)


def _step(proposal: int, name: StepName, operator: str) -> Done:
    """Run one step between its two records: intent before, outcome after."""
    beamtimes.begin_step(proposal, name, operator)
    try:
        done = STEPS[name](beamtimes.proposal(proposal))
    except BeamkeeperError as error:
        beamtimes.end_step(proposal, name, StepState.FAILED, error.message, {})
        raise
    beamtimes.end_step(proposal, name, done.state, done.message, done.proof)
    get_run_logger().info("%s: %s", name, done.message)
    return done
