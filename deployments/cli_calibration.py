"""The command's verbs for calibration: ask, repeat, cancel, look; constants and their use."""

from datetime import timedelta
from typing import Annotated

import typer

from catalog.commands import calibration
from catalog.commands.calibration import Site
from catalog.queries import constants
from catalog.queries.calibration_list import CalibrationRow, calibrations
from catalog.queries.darks import dark_requests, versions_of_dark
from deployments.cli_common import (
    JsonFlag,
    OperatorOption,
    ReasonOption,
    database,
    plain,
    say,
    show,
    told,
)
from deployments.cli_records import Number, RunArgument, who_asks
from settings.clock import utc_now
from settings.model import load

calibration_app = typer.Typer(help="Corrected data and constants.", no_args_is_help=True)

Detectors = Annotated[list[str], typer.Option("--detector", help="Karabo id; may be repeated.")]


def _site() -> Site:
    here = load().calibration
    wait = timedelta(hours=here.wait_migration_hours)
    return Site(here.auto_when, wait, here.repeat_failed_only)


@calibration_app.command("request")
@told
def request(
    proposal: Number,
    run: RunArgument,
    detector: Detectors = [],  # noqa: B006 - typer wants a list
    operator: OperatorOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Ask for a run's corrected data; what is not migrated yet is waited for."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        asked = calibration.request(
            session, proposal, run, _site(), who, utc_now(), detectors=detector, reason=reason
        )
    say(asked, as_json=as_json, text=f"request {asked.request}: {asked.state.label}")


@calibration_app.command("repeat")
@told
def repeat(
    proposal: Number,
    run: RunArgument,
    operator: OperatorOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Ask once more: for the detectors that failed, or for all when none did."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        asked = calibration.repeat(session, proposal, run, _site(), who, utc_now(), reason)
    say(asked, as_json=as_json, text=f"request {asked.request}: {asked.state.label}")


@calibration_app.command("cancel")
@told
def cancel(
    proposal: Number,
    run: RunArgument,
    operator: OperatorOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Withdraw a run's open request; its jobs are cancelled, a former result stays."""
    with database().write() as session:
        who = who_asks(session, operator, proposal)
        state = calibration.cancel(session, proposal, run, who, utc_now(), reason)
    say({"state": state}, as_json=as_json, text=state.label)


@calibration_app.command("list")
@told
def list_calibrations(proposal: Number, run: int | None = None, as_json: JsonFlag = False) -> None:
    """Show requests, newest first, with what their jobs said."""
    with database().read() as session:
        found = calibrations(session, proposal, run)
    rows = [plain(row) | {"jobs": _jobs(row)} for row in found]
    columns = ["run", "request", "state", "kind", "requested_by", "requested_at", "reply", "jobs"]
    show(rows, columns, as_json=as_json, title=f"Calibrations of proposal {proposal}")


def _jobs(row: CalibrationRow) -> str:
    parts = [
        f"{execution.karabo_id} {job.step} {job.job_id}: {job.state}"
        + (f", {job.words}" if job.words else "")
        for execution in row.executions
        for job in execution.jobs
    ]
    parts += [f"{e.karabo_id}: {e.words}" for e in row.executions if e.words and not e.jobs]
    return "\n".join(parts)


@calibration_app.command("darks")
@told
def list_darks(proposal: Number, as_json: JsonFlag = False) -> None:
    """Show dark-run requests, newest first."""
    with database().read() as session:
        rows = [plain(row) for row in dark_requests(session, proposal)]
    for row in rows:
        row["runs"] = " ".join(f"r{part['run']:04d}" for part in row["parts"])
    columns = ["id", "state", "updated_at", "detector", "mode_name", "runs", "feedback"]
    show(rows, columns, as_json=as_json, title=f"Dark runs of proposal {proposal}")


@calibration_app.command("constants")
@told
def list_constants(proposal: Number, run: RunArgument, as_json: JsonFlag = False) -> None:
    """Show the constants that a run's corrected data were made with."""
    with database().read() as session:
        rows = [plain(use) for use in constants.constants_of_run(session, proposal, run)]
    columns = ["karabo_da", "calibration", "ccv_id", "path", "dark_run", "current"]
    show(rows, columns, as_json=as_json, title=f"Constants of run {run}")


@calibration_app.command("used-by")
@told
def used_by(
    dark_run: Annotated[int, typer.Argument(help="Number of a dark-run request.")],
    as_json: JsonFlag = False,
) -> None:
    """Show the runs whose corrected data were made with constants of a dark request."""
    with database().read() as session:
        rows = [plain(use) for use in constants.runs_of_dark(session, dark_run)]
    columns = ["run_label", "karabo_da", "calibration", "path", "current"]
    show(rows, columns, as_json=as_json, title=f"Uses of dark request {dark_run}")


@calibration_app.command("versions")
@told
def versions(
    dark_run: Annotated[int, typer.Argument(help="Number of a dark-run request.")],
    as_json: JsonFlag = False,
) -> None:
    """Show the constants that a dark request came to, and whether they are in use."""
    with database().read() as session:
        rows = [plain(version) for version in versions_of_dark(session, dark_run)]
    columns = ["physical_name", "calibration", "name", "path", "deployed", "begin_validity_at"]
    show(rows, columns, as_json=as_json, title=f"Constants of dark request {dark_run}")
