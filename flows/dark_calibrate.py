"""Constants from dark runs: jobs on record, submitted, seen to their end, constants injected."""

from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows import artifacts, jobs, sightings
from flows.dark_plan import plan
from flows.forms import ProposalNumber
from flows.injecting import inject
from flows.outcome import Result, conduct
from policies import layout
from policies.dark import OPEN
from policies.errors import BeamkeeperError, Denied, Invalid, Misconfigured, Mismatch, Missing
from policies.executions import ENDED_EXECUTIONS
from policies.vocabulary import DarkState, ExecutionState, Work
from tasks.batch import batch
from tasks.records import configured, darks
from tasks.records.darks import DarkView
from tasks.records.work import Working


@flow(name="dark-calibrate", flow_run_name="p{proposal:06d} darks")
def dark_calibrate(proposal: ProposalNumber) -> State[Any]:
    """Do what is due for a proposal's dark-run requests.

    Asked for and every run migrated: the jobs are put on record and submitted to SLURM. Jobs
    over: constants go into the store and into the constants catalogue, not deployed. Run it
    again at any time: nothing is done twice.

    Args:
        proposal: Proposal number.
    """

    def body(unit: Working) -> Result:
        told, trouble = [], False
        for view in darks.due(proposal):
            unit.check()
            try:
                told.append(_one(view, unit))
            except BeamkeeperError as error:
                if error.retry:
                    raise
                trouble = True
                told.append(f"request {view.id}: {error.message}")
        folder = layout.proposal_folder(proposal)
        tags = ("outcome:trouble",) if trouble else ()
        return Result(f"{folder}: {'; '.join(told) or 'no dark request is due'}", tags=tags)

    return conduct(Work.DARK_CALIBRATE, body, proposal=proposal)


def _one(view: DarkView, unit: Working) -> str:
    label, cluster = f"request {view.id} of {view.detector}", batch()
    if view.state not in OPEN:
        return f"{label}: {jobs.withdraw(view.executions, cluster)} jobs to cancel"
    if view.state is DarkState.WAITING or not all(part.migrated for part in view.parts):
        return f"{label}: waits for the migration"
    if view.state is DarkState.REQUESTED:
        try:
            planned = plan(view, configured=cluster is not None)
        except (Missing, Invalid, Mismatch, Denied, Misconfigured) as error:
            darks.fail(view.proposal, view.id, error.message, unit.held)
            return f"{label}: {error.message}"
        darks.begin(view.proposal, view.id, planned, unit.held)
    view = _again(view)
    if cluster is not None:
        for line in jobs.submit(view.executions, cluster, unit):
            get_run_logger().info(line)
        view = _again(view)
    key = artifacts.slug(f"dark {view.id} jobs")
    artifacts.table(key, sightings.rows(view.executions), f"Batch jobs of {label}")
    if any(e.state not in ENDED_EXECUTIONS for e in view.executions):
        return f"{label}: SLURM works on it"
    jobs.withdraw(view.executions, cluster)
    return f"{label}: {_end(view, unit)}"


def _again(view: DarkView) -> DarkView:
    found = darks.one(view.proposal, view.id)
    if found is None:
        raise Missing(f"dark-run request {view.id} is gone")
    return found


def _end(view: DarkView, unit: Working) -> str:
    good = [e for e in view.executions if e.state is ExecutionState.SUCCEEDED]
    if not good:
        words = "\n".join(e.words for e in view.executions if e.words) or "no job ended well"
        return f"{darks.fail(view.proposal, view.id, words, unit.held).label}, {words}"
    try:
        result = inject(view, good[0])
    except (Mismatch, Denied, Invalid, Misconfigured) as error:
        darks.fail(view.proposal, view.id, error.message, unit.held)
        return error.message
    unit.check()
    state = darks.finish(view.proposal, view.id, result, unit.held)
    rows = [
        {"module": c.physical_name, "constant": c.calibration, "version": c.name, "file": c.path}
        for c in result.constants
    ]
    artifacts.table(artifacts.slug(f"dark {view.id} constants"), rows, "New constants")
    if result.report_name:
        path = f"{result.report_folder}/{result.report_name}"
        key = artifacts.slug(f"dark {view.id} report")
        artifacts.link(key, configured.report_link(path), f"Report of {view.detector}")
    return f"{state.label}, {len(rows)} constants injected, report {result.report_name}"
