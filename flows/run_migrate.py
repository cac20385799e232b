"""A run moves to Maxwell: copy, read back, compare, prove; then the second copy."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import artifacts
from flows.forms import ProposalNumber, RunNumber
from flows.outcome import Result, conduct
from policies import layout
from policies.errors import BeamkeeperError, Denied, Mismatch, Unavailable
from policies.vocabulary import RunState, Work
from tasks.copying import CopyOptions, CopyProof, copy_run
from tasks.records import beamtimes, runs
from tasks.records.runs import MigrationPlan, Target
from tasks.records.work import Working
from tasks.storage import link_run, local_path, mount


@flow(name="run-migrate", flow_run_name="p{proposal:06d} r{run:04d}")
def run_migrate(proposal: ProposalNumber, run: RunNumber) -> State[Any]:
    """Copy a run from the online to the offline storage, with proof, then to dCache.

    Every file is digested while it is read and read back from the destination's medium. The
    source is never touched. A copy that cannot be proved ends the attempt; the next is due
    after a pause. Run it again at any time: what is proved is not copied again.

    Args:
        proposal: Proposal number.
        run: Run number.
    """

    def body(unit: Working) -> Result:
        plan = runs.begin_migration(proposal, run, unit.held)
        for target in plan.targets:
            failure = _copy(plan, target, unit)
            if failure is not None:
                return failure
        label = layout.run_label(proposal, run)
        stores = ", ".join(t.repository for t in plan.targets)
        return Result(f"{label}: verified copies in {stores}")

    return conduct(Work.RUN_MIGRATE, body, proposal=proposal, run=run)


def _copy(plan: MigrationPlan, target: Target, unit: Working) -> Result | None:
    """Make and prove one copy; a result when the attempt ends here."""
    if not target.done:
        try:
            proof = _prove(plan, target, unit)
        except (Mismatch, Denied, Unavailable) as error:
            return _failed(plan, target, unit, error)
        runs.record_copy(plan.proposal, plan.run, target.repository, proof.as_record(), unit.held)
        _show(plan, target, proof)
    if runs.run(plan.proposal, plan.run).state is RunState.MIGRATING:
        view = beamtimes.proposal(plan.proposal)
        link_run(*layout.home_of(view.path), plan.run, target.path)
        runs.complete_migration(plan.proposal, plan.run, unit.held)
    return None


def _prove(plan: MigrationPlan, target: Target, unit: Working) -> CopyProof:
    label = layout.run_label(plan.proposal, plan.run)
    key = artifacts.slug(f"{label} {target.tier}")
    ring = artifacts.progress(key, f"{label} to {target.repository}")
    return copy_run(
        local_path(plan.source.repository, plan.source.path),
        local_path(target.repository, target.path),
        plan.manifest,
        options=CopyOptions(replace_suspect=True, below=mount(target.repository)),
        on_progress=lambda done, total, *_: ring(done, total),
        should_continue=unit.check,
    )


def _failed(plan: MigrationPlan, target: Target, unit: Working, error: BeamkeeperError) -> Result:
    """End the attempt; the run stays where it is and the next attempt is due."""
    label = layout.run_label(plan.proposal, plan.run)
    runs.suspect_copy(plan.proposal, plan.run, target.repository, error.message, unit.held)
    due = runs.fail_migration(plan.proposal, plan.run, unit.held, error.message)
    if runs.run(plan.proposal, plan.run).state is RunState.MIGRATED:
        text = f"{label}: migrated; the copy in {target.repository} is still missing:"
        return Result(f"{text} {error.message}", "CopyMissing", ("outcome:copy-missing",))
    when = f"the next attempt is due at {due:%H:%M:%S} UTC" if due else "a person must ask"
    text = f"{label}: not migrated to {target.repository}: {error.message}; {when}"
    return Result(text, "NotMigrated", ("outcome:not-migrated",))


def _show(plan: MigrationPlan, target: Target, proof: CopyProof) -> None:
    rows = [
        {
            "file": f.relative_path,
            "bytes": f.size_bytes,
            "xxh3_128": f.xxh3_128,
            "adler32": f.adler32,
            "outcome": str(f.outcome),
            "read back": str(f.read_back),
        }
        for f in proof.files
    ]
    label = layout.run_label(plan.proposal, plan.run)
    key = artifacts.slug(f"{label} {target.tier} proof")
    artifacts.table(key, rows, f"Proof of the copy in {target.repository}")
