"""The acts in which data are calibrated: darks, constants, corrections, one that fails."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from catalog.queries.calibration import CalibrationView, newest_request
from catalog.queries.calibration_list import calibrations
from catalog.queries.constants import runs_of_dark
from catalog.queries.darks import DarkView, dark_requests, versions_of_dark
from deployments.demo.acts import MANAGER, NUMBER, recipe, record, safe, until, view_of
from deployments.demo.cluster import DARK_TRAINS, DETECTOR
from deployments.demo.console import Stage
from deployments.demo.world import EXPERT, OFFLINE, World
from deployments.demo_files import RunRecipe
from deployments.demo_images import Images
from policies import links
from policies.vocabulary import CalibrationState, DarkState
from settings.links import link_secret

VERSIONS = "calibration_constant_versions"
JF = str(DETECTOR["identifier"])
DARKS = (21, 22, 23)
GOOD, UNCLEAR = 24, 25
PROC = "/gpfs/exfel/d/proc"


def _recipe(run: int, images: Images, **more: Any) -> RunRecipe:  # noqa: ANN401
    return recipe(
        run,
        aggregators=("DA01", "JNGFR01", "JNGFR02"),
        trains=DARK_TRAINS,
        images=images,
        detector=JF.removeprefix("MID_"),
        **more,
    )


def _take(here: World, run: int, images: Images, assessment: str, **more: Any) -> None:  # noqa: ANN401
    """Record a run, wait for its files, assess it."""
    record(here, _recipe(run, images, **more))
    until(f"r{run:04d} registered", lambda: view_of(here, run).inspected_at)
    here.operator.do(
        "run-assess",
        proposal=NUMBER,
        run=run,
        assessment=assessment,
        operator=MANAGER,
        comment="",
    )


def _request(here: World, run: int) -> CalibrationView | None:
    with here.database.read() as session:
        return newest_request(session, NUMBER, run)


def _over(here: World, run: int) -> bool:
    view = _request(here, run)
    return view is not None and view.state in {
        CalibrationState.AVAILABLE,
        CalibrationState.ERROR,
        CalibrationState.NOTHING,
    }


def _dark(here: World) -> DarkView:
    with here.database.read() as session:
        return dark_requests(session, NUMBER)[0]


def reservation(stage: Stage, here: World) -> None:
    """Nodes are kept for the participants' group."""
    with stage.act("a reservation on the cluster for the beamtime"):
        shown = here.cluster.run("scontrol", "show", "reservation", f"upex_{NUMBER}", "-o")
        stage.demand(
            f"Groups={NUMBER}-part" in shown.stdout,
            f"SLURM keeps nodes of upex-beamtime for group {NUMBER}-part: upex_{NUMBER}",
        )
        stage.values["Reservation"] = shown.stdout.strip().replace(" ", "\n")


def darks(stage: Stage, here: World) -> None:
    """Three dark runs become constants."""
    with stage.act("dark-request over three runs: jobs on SLURM, constants, report"):
        for stage_number, run in enumerate(DARKS):
            _take(here, run, Images(stage_number), "Good", run_type="Dark", sample="No sample")
        for run in DARKS:
            until(f"r{run:04d} in all three stores", partial(safe, here, run))
        form = {"proposal": NUMBER, "detector": JF, "operator": EXPERT}
        name, message = here.operator.do("dark-request", **form, runs=[21, 22])
        stage.demand(name == "Refused", f"two runs are refused: {message}")
        name, message = here.operator.do("dark-request", **form, runs=list(DARKS))
        stage.demand(name == "Completed", message)
        until("constants", lambda: _dark(here).state in {DarkState.FINISHED, DarkState.ERROR}, 180)
        request = _dark(here)
        stage.demand(request.state is DarkState.FINISHED, request.feedback)
        with here.database.read() as session:
            versions = versions_of_dark(session, request.id)
        stage.demand(
            len(versions) == 8 and not any(v.deployed for v in versions),  # noqa: PLR2004
            "8 constants of 2 modules are injected and wait for a person to deploy them",
        )
        known = here.calcat.tables.all(VERSIONS)
        rows = [r for r in known if r["raw_data_location"] == versions[0].raw_data_location]
        stage.demand(
            {v.ccv_id for v in versions} == {r["id"] for r in rows}
            and not any(r["flg_deployed"] for r in rows),
            "CalCat has the same 8, not deployed",
        )
        report = here.tree(OFFLINE) / request.report_url.lstrip("/")
        _show(stage, here, report, "dark")
        name, message = here.operator.do(
            "calibration-ask",
            proposal=NUMBER,
            ask="dark: deploy constants",
            runs=[request.id],
            operator=EXPERT,
            reason="the report looks right",
        )
        stage.demand(name == "Completed", message)


def corrections(stage: Stage, here: World) -> None:
    """Good and Unclear runs are calibrated by themselves; one job fails and is repeated."""
    with stage.act("automatic calibration of a Good and an Unclear run; one fails, is repeated"):
        here.operator.do(
            "operator-ask",
            proposal=NUMBER,
            ask="proposal: set preferred data output",
            value="Processed",
            operator=EXPERT,
            reason="",
        )
        _take(here, GOOD, Images(0, 300.0), "Good", sequences=2, sample="Silver behenate")
        until("r0024 calibrated", partial(_over, here, GOOD), 180)
        stage.demand(
            (done := _request(here, GOOD)) and done.state is CalibrationState.AVAILABLE,
            f"r0024: {_reply(here, GOOD)}; jobs ran in {_place(here, GOOD)}",
        )
        home = _home(here, GOOD)
        files = sorted(path.name for path in home.glob("CORR-*.h5"))
        stage.demand(len(files) == 4, f"{len(files)} CORR files in proc, registered, one copy")  # noqa: PLR2004
        with here.database.read() as session:
            back = runs_of_dark(session, _dark(here).id)
        stage.demand(
            {use.run_label for use in back} == {"p900054 r0024"},
            "its constants lead back to the dark request, and the dark request to this run",
        )
        (report,) = _reports(here, GOOD)
        site = here.settings
        answer = httpx.get(links.link(site.gateway.base, link_secret(site), report), timeout=10)
        stage.demand(answer.content[:4] == b"%PDF", "the link on the run's page opens the report")
        _show(stage, here, here.tree(OFFLINE) / report.lstrip("/"), "correction")
        until("run_corrections_complete", lambda: _told(here, GOOD))
        _fails_and_is_repeated(stage, here)


def _fails_and_is_repeated(stage: Stage, here: World) -> None:
    store = sorted((here.folder / "caldb_store").rglob("*.h5"))[0]
    kept = store.with_suffix(".kept")
    shutil.copy2(store, kept)
    store.chmod(0o644)
    with store.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff\x00\xff")
    _take(here, UNCLEAR, Images(0, 200.0), "Unclear", sample="Silver behenate")
    until("r0025 has failed", partial(_over, here, UNCLEAR), 180)
    view = _request(here, UNCLEAR)
    words = view.executions[0].words if view else ""
    stage.demand("damaged" in words, f"r0025 with damaged constants: {words}")
    kept.replace(store)
    name, message = here.operator.do(
        "calibration-ask",
        proposal=NUMBER,
        ask="repeat",
        runs=[UNCLEAR],
        operator=MANAGER,
        reason="constants restored",
    )
    stage.demand(name == "Completed", message)
    until("r0025 calibrated", lambda: _state(here, UNCLEAR) is CalibrationState.AVAILABLE, 180)
    stage.saw(f"r0025: {_reply(here, UNCLEAR)}")


def _state(here: World, run: int) -> CalibrationState | None:
    view = _request(here, run)
    return view.state if view else None


def _reply(here: World, run: int) -> str:
    with here.database.read() as session:
        return calibrations(session, NUMBER, run)[0].reply


def _reports(here: World, run: int) -> tuple[str, ...]:
    with here.database.read() as session:
        return calibrations(session, NUMBER, run)[0].reports


def _place(here: World, run: int) -> str:
    view = _request(here, run)
    execution = view.executions[0] if view else None
    if execution is None:
        return "nowhere"
    return f"{execution.partition}, reservation {execution.reservation or 'none'}"


def _told(here: World, run: int) -> bool:
    wanted = ("run_corrections_complete", run)
    return wanted in [(e["event"], e["run"]) for e in here.subscriber.events]


def _home(here: World, run: int) -> Path:
    (home,) = (here.tree(OFFLINE) / PROC.lstrip("/")).glob(f"MID/*/p{NUMBER}/r{run:04d}")
    return home


def _show(stage: Stage, here: World, report: Path, what: str) -> None:
    """Keep a report and its picture where the demo's own report shows them."""
    stage.demand(report.read_bytes().startswith(b"%PDF"), f"the report is a PDF: {report.name}")
    shutil.copy2(report, here.folder / f"{what}.pdf")
    pictures = sorted((here.tree(OFFLINE) / PROC.lstrip("/")).rglob("_*/overview.png"))
    newest = max(pictures, key=lambda path: path.stat().st_mtime)
    shutil.copy2(newest, here.folder / f"{what}.png")
    stage.values.setdefault("pictures", []).append(what)
