"""One beamtime, from the user portal to Closed, on real files and with real accidents."""

import traceback
from pathlib import Path

from deployments.demo import accidents, acts, calibration, endings, report
from deployments.demo.console import Stage
from deployments.demo.world import World, world
from policies.errors import BeamkeeperError

NUMBERS = [900054, 2012]


def play(folder: Path, *, keep: bool = False) -> int:
    """Play the demo.

    Args:
        folder: Where it lives.
        keep: Leave everything up afterwards, until Ctrl-C.

    Returns:
        Exit code: 0 when every fact held.
    """
    stage = Stage()
    try:
        with world(folder, lambda text: stage.console.print(f"  [dim]{text}[/]")) as here:
            _scenes(stage, here)
            page = report.write(here.folder, stage, here.database, NUMBERS)
            stage.console.print(f"[bold green]✓ every fact held[/]; report: {page}")
            if keep:
                _keep(stage, here)
    except (AssertionError, OSError, TimeoutError, BeamkeeperError) as error:
        stage.console.print(f"[bold red]the demo failed: {error}[/]")
        stage.console.print(traceback.format_exc(), markup=False)
        return 1
    return 0


def _scenes(stage: Stage, here: World) -> None:
    acts.portal(stage, here)
    acts.prepare(stage, here)
    acts.start(stage, here)
    acts.take_runs(stage, here)
    acts.closed_twice(stage, here)
    accidents.engine_down(stage, here)
    acts.assess(stage, here)
    accidents.corrupted_transfer(stage, here)
    accidents.killed_worker(stage, here)
    calibration.reservation(stage, here)
    calibration.darks(stage, here)
    calibration.corrections(stage, here)
    endings.finish(stage, here)
    endings.review(stage, here)
    endings.close(stage, here)
    endings.outside_views(stage, here)
    accidents.tampered_copy(stage, here)


def _keep(stage: Stage, here: World) -> None:
    user, _, password = here.settings.engine.auth_string().get_secret_value().partition(":")
    lines = [
        f"Prefect UI   {here.settings.engine.ui_url}   ({user}:{password})",
        f"gateway      http://127.0.0.1:{here.settings.gateway.port}/healthz",
        f"settings     {here.folder / 'beamkeeper.yaml'}  (BEAMKEEPER_CONFIG)",
        f"directory    {here.directory.url}",
        "Ctrl-C stops everything.",
    ]
    stage.console.print("\n".join(lines), markup=False)
    here.supervisor.wait()
    stage.console.print("stopping")
