"""The last acts: finish, review, close, and what others see afterwards."""

import subprocess
import sys
from pathlib import Path

from catalog.queries.runs import run_table
from deployments.components.slapd import GROUPS_BASE
from deployments.demo.acts import (
    MANAGER,
    NUMBER,
    close_run,
    open_run,
    raw_folder,
    recipe,
    state_of,
    until,
    view_of,
)
from deployments.demo.console import Stage
from deployments.demo.world import EXPERT, LEADER, OFFLINE, World
from deployments.demo_files import write_run
from policies.layout import KINDS
from policies.vocabulary import BeamtimeState, RunState


def finish(stage: Stage, here: World) -> None:
    """Refused while a run is open."""
    with stage.act("beamtime-finish: refused while a run is open, then done"):
        r = recipe(9, run_type="Test DAQ", sample="No sample")
        open_run(here, r)
        name, message = here.operator.do("beamtime-finish", proposal=NUMBER, operator=MANAGER)
        stage.demand(name == "Refused" and "r0009" in message, f"refused: {message}")
        written = write_run(raw_folder(here), r)
        (written.folder / "RAW-R0001-DA01-S00000.h5").write_bytes(b"a file of another run")
        close_run(here, written)
        until("r0009 registered", lambda: view_of(here, 9).inspected_at)
        stage.demand(view_of(here, 9).findings, "a stray file in r0009 is a finding, not a crash")
        name, message = here.operator.do("beamtime-finish", proposal=NUMBER, operator=MANAGER)
        stage.demand(state_of(here) is BeamtimeState.FINISHED, message)


def review(stage: Stage, here: World) -> None:
    """Refused while a run is unassessed."""
    with stage.act("beamtime-review: refused while a run is unassessed, then done"):
        name, message = here.operator.do("beamtime-review", proposal=NUMBER, operator=LEADER)
        stage.demand(name == "Refused" and "r0009" in message, f"refused: {message}")
        here.operator.do(
            "run-assess",
            proposal=NUMBER,
            run=9,
            assessment="Not interesting",
            operator=EXPERT,
            comment="shutter was closed",
        )
        shifts = {"proposal": NUMBER, "operator": LEADER}
        name, message = here.operator.do(
            "operator-ask", ask="beamtime: fill delivered shifts", value="12", **shifts
        )
        stage.demand(name == "Completed", message)
        name, message = here.operator.do("beamtime-review", **shifts)
        stage.demand(state_of(here) is BeamtimeState.REVIEWED, message)


def close(stage: Stage, here: World) -> None:
    """Frozen."""
    with stage.act("beamtime-close: folders become read-only"):
        _, message = here.operator.do("beamtime-close", proposal=NUMBER, operator=LEADER)
        stage.demand(state_of(here) is BeamtimeState.CLOSED, message)


def outside_views(stage: Stage, here: World) -> None:
    """What others see: the peer's validator, the directory, the file system."""
    with stage.act("what others see: extra-data-validate, LDAP, getfacl"):
        with here.database.read() as session:
            migrated = [r.run for r in run_table(session, NUMBER) if r.state is RunState.MIGRATED]
        for run in migrated:
            (folder,) = [p for p in here.tree(OFFLINE).rglob(f"d/raw/**/r{run:04d}") if p.is_dir()]
            done = _shell("extra-data-validate", str(folder))
            stage.demand(done.returncode == 0, f"extra-data-validate accepts r{run:04d}")
        with here.directory.admin() as connection:
            connection.search(GROUPS_BASE, "(cn=*)", attributes=["cn", "memberUid", "member"])
            stage.values["LDAP groups"] = "\n".join(e.entry_to_ldif() for e in connection.entries)
        stage.demand(
            "900054-dmgt" in stage.values["LDAP groups"], "both groups are in the directory"
        )
        stage.demand(
            "dufresl" not in stage.values["LDAP groups"],
            "nobody without an accepted data policy is in a group",
        )
        roots = [p for p in sorted((here.folder / "storage").rglob("p900054")) if p.is_dir()]
        acl = _shell("getfacl", "-R", "-n", "-p", *(str(p) for p in roots)).stdout
        stage.values["getfacl of the closed proposal"] = acl[:6000]
        writable = [line for line in acl.splitlines() if _grants_write(line)]
        stage.demand(
            len(roots) > len(KINDS) and not writable,
            f"no write bit is left in the {len(roots)} trees of the closed proposal",
        )


def _grants_write(line: str) -> bool:
    """Whether a line lets somebody write, now or once the mask is lifted; defaults too."""
    return (
        not line.startswith("#")
        and "w" in line.split("#", maxsplit=1)[0].rstrip().rpartition(":")[2]
    )


def _shell(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).parent / program
    command = [str(beside) if beside.exists() else program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
