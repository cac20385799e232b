"""A run's corrected data: jobs on record, submitted, seen to their end, results in place."""

from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows import artifacts, jobs, sightings
from flows.calibrating import plan
from flows.forms import ProposalNumber, RunNumber
from flows.outcome import Result, conduct
from flows.publishing import publish
from policies import layout
from policies.calibration import OPEN
from policies.errors import Missing
from policies.executions import ENDED_EXECUTIONS
from policies.vocabulary import CalibrationState, ExecutionState, Work
from tasks.batch import batch
from tasks.records import calibration
from tasks.records.calibration import CalibrationView
from tasks.records.work import Working


@flow(name="run-calibrate", flow_run_name="p{proposal:06d} r{run:04d}")
def run_calibrate(proposal: ProposalNumber, run: RunNumber) -> State[Any]:
    """Do what is due for a run's calibration.

    Asked for: the detectors are found in the raw files, their jobs are put on record and
    submitted to SLURM. Jobs over: results are read back, put in their place and registered.
    Withdrawn: its jobs are cancelled. Run it again at any time: nothing is done twice.

    Args:
        proposal: Proposal number.
        run: Run number.
    """

    def body(unit: Working) -> Result:
        label = layout.run_label(proposal, run)
        view = _view(proposal, run)
        if view.state not in OPEN:
            gone = jobs.withdraw(view.executions, batch()) if view.executions else 0
            return Result(
                f"{label}: {view.state.label}" + (f", {gone} jobs cancelled" * bool(gone))
            )
        if view.state is CalibrationState.WAITING or not view.migrated:
            return Result(f"{label}: waits for its migration")
        if view.state is CalibrationState.REQUESTED:
            words = _begin(view, proposal, run, unit)
            view = _view(proposal, run)
            if view.state not in OPEN:
                return Result(f"{label}: {words or view.state.label}")
        return _go_on(view, proposal, run, unit)

    return conduct(Work.RUN_CALIBRATE, body, proposal=proposal, run=run)


def _view(proposal: int, run: int) -> CalibrationView:
    view = calibration.newest(proposal, run)
    if view is None:
        raise Missing(f"{layout.run_label(proposal, run)} was never asked to be calibrated")
    return view


def _begin(view: CalibrationView, proposal: int, run: int, unit: Working) -> str:
    planned, strangers, notes = plan(view, proposal, run, configured=batch() is not None)
    for note in notes:
        get_run_logger().warning(note)
    if strangers:
        words = ", ".join(strangers)
        get_run_logger().warning("not on record, so not calibrated: %s", words)
    calibration.begin(proposal, run, planned, unit.held)
    return f"no detector on record; the run holds {', '.join(strangers)}" if strangers else ""


def _go_on(view: CalibrationView, proposal: int, run: int, unit: Working) -> Result:
    label = layout.run_label(proposal, run)
    cluster = batch()
    if cluster is not None:
        for line in jobs.submit(view.executions, cluster, unit):
            get_run_logger().info(line)
    view = _view(proposal, run)
    artifacts.table(artifacts.slug(f"{label} jobs"), sightings.rows(view.executions), "Batch jobs")
    if any(e.state not in ENDED_EXECUTIONS for e in view.executions):
        open_jobs = [e.karabo_id for e in view.executions if e.state not in ENDED_EXECUTIONS]
        return Result(f"{label}: SLURM works on {', '.join(open_jobs)}")
    jobs.withdraw(view.executions, cluster)
    for execution in view.executions:
        if execution.state is ExecutionState.SUCCEEDED:
            publish(view, execution, run, unit)
    state, reply = calibration.conclude(proposal, run, unit.held)
    tags = () if state is CalibrationState.AVAILABLE else ("outcome:trouble",)
    return Result(f"{label}: {reply}", tags=tags)
