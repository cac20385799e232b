"""The acts of the story in which everybody does what they should."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from catalog.queries.journal import history
from catalog.queries.proposals import proposal_view
from catalog.queries.runs import run_view
from catalog.views import HistoryRow, RunView
from deployments.demo.console import Stage
from deployments.demo.world import DCACHE, OFFLINE, ONLINE, World
from deployments.demo_files import RunRecipe, WrittenRun, write_run
from policies import layout
from policies.messages import MessageKind
from policies.vocabulary import BeamtimeState, RunState

NUMBER, SECOND = 900054, 2012
MANAGER = "lindqva"
BIG = 160 * 1024 * 1024
"""Payload per file of the runs that are disturbed while they are copied, in bytes."""


def until(what: str, holds: Callable[[], object], seconds: float = 120) -> None:
    """Wait for something.

    Raises:
        TimeoutError: It does not happen.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for: {what}")
        time.sleep(0.2)


def view_of(here: World, run: int, number: int = NUMBER) -> RunView:
    """A run as the catalog has it now."""
    with here.database.read() as session:
        return run_view(session, number, run)


def state_of(here: World, number: int = NUMBER) -> BeamtimeState:
    """A beamtime's status now."""
    with here.database.read() as session:
        return proposal_view(session, number).state


def portal(stage: Stage, here: World) -> None:
    """Two proposals come from the user portal."""
    with stage.act("portal-sync takes over two proposals from the UPEX export"):
        name, message = here.operator.do("portal-sync")
        stage.demand(name == "Completed", message)
        with here.database.read() as session:
            roles = [1 if m.data_manager else 2 for m in proposal_view(session, NUMBER).team]
        stage.demand(roles == [1] * 6 + [2] * 3, f"team of p900054: data access roles {roles}")


def prepare(stage: Stage, here: World) -> None:
    """Groups, folders, ACLs; then Ready."""
    with stage.act("proposal-prepare: LDAP groups, GPFS offline, GPFS online, Ready"):
        runs = [here.operator.start("proposal-prepare", proposal=n) for n in (NUMBER, SECOND)]
        for number, run in zip((NUMBER, SECOND), runs, strict=True):
            end = here.operator.wait(run)
            stage.demand(end["state_name"] == "Completed", end["state"]["message"])
            stage.demand(state_of(here, number) is BeamtimeState.READY, f"p{number:06d} is Ready")
        again = here.operator.do("proposal-prepare", proposal=NUMBER)
        stage.demand("0 changes" in again[1], f"a second time: {again[1]}")


def start(stage: Stage, here: World) -> None:
    """Only who may, and only one per instrument."""
    with stage.act("beamtime-start by a data manager"):
        name, message = here.operator.do("beamtime-start", proposal=NUMBER, operator="nakahay")
        stage.demand(name == "Refused", f"a participant is refused: {message}")
        name, message = here.operator.do("beamtime-start", proposal=NUMBER, operator=MANAGER)
        stage.demand(state_of(here) is BeamtimeState.ACTIVE, message)


def recipe(run: int, **more: object) -> RunRecipe:
    """What the DAQ writes for a run of the story."""
    options: dict[str, object] = {
        "proposal": NUMBER,
        "run": run,
        "instrument": "MID",
        "aggregators": ("DA01", "JNGFR01"),
        "begin_at": datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=5),
        **more,
    }
    return RunRecipe(**options)  # type: ignore[arg-type]


def raw_folder(here: World) -> Path:
    """Where the DAQ writes: the online storage of SASE 2."""
    with here.database.read() as session:
        path = proposal_view(session, NUMBER).path
    return Path(here.tree(ONLINE[1])) / path.lstrip("/")


def open_run(here: World, r: RunRecipe) -> None:
    """The DAQ says that it begins."""
    body = {
        "proposal": NUMBER,
        "run": r.run,
        "run_type": r.run_type,
        "sample": r.sample,
        "begin_at": (r.begin_at or datetime.now(UTC)).isoformat(),
        "first_train": r.first_train,
    }
    here.daq.send(MessageKind.RUN_OPENED, body, f"open-{r.run}")


def close_run(here: World, written: WrittenRun, event_id: str | None = None) -> int:
    """The DAQ says that it ended; answers the gateway's HTTP status, 0 while it is away."""
    r = written.recipe
    body = {
        "proposal": NUMBER,
        "run": r.run,
        "end_at": (r.end_at or datetime.now(UTC)).isoformat(),
        "last_train": r.last_train,
        "files": [
            {
                "filename": f.filename,
                "relative_path": f"{layout.run_folder(r.run)}/",
                "size": f.size_bytes,
                "checksum": f.checksum,
            }
            for f in written.files
        ],
    }
    return here.daq.send(MessageKind.RUN_CLOSED, body, event_id or f"close-{r.run}").status


def record(here: World, r: RunRecipe) -> WrittenRun:
    """Open, write, close."""
    open_run(here, r)
    written = write_run(raw_folder(here), r)
    close_run(here, written)
    return written


def take_runs(stage: Stage, here: World) -> None:
    """Runs of all kinds, one every few seconds."""
    modules = tuple(f"JNGFR{m:02d}" for m in range(1, 9))
    with stage.act("the DAQ opens and closes runs; run-closed reads and registers the files"):
        record(here, recipe(1, run_type="Dark", sample="No sample"))
        record(here, recipe(2, aggregators=("DA01", *modules), sequences=3, trains=60))
        record(here, recipe(3, sample="Silver behenate"))
        record(here, recipe(4, run_type="Test DAQ", sample="No sample"))
        for run in (1, 2, 3, 4):
            until(f"r{run:04d} registered", partial(_inspected, here, run))
        big = view_of(here, 2)
        stage.demand(
            big.num_files == len(modules) * 3 + 3,
            f"r0002: 9 aggregators × 3 sequences, {big.num_files} files",
        )
        stage.demand(
            not any(view_of(here, n).findings for n in (1, 2, 3, 4)), "no findings on sound runs"
        )


def _inspected(here: World, run: int) -> bool:
    return view_of(here, run).inspected_at is not None


def closed_twice(stage: Stage, here: World) -> None:
    """The same message again, and the same facts under another name."""
    with stage.act("the same run-closed sent twice"):
        r = recipe(5)
        written = record(here, r)
        before = len(_past(here, 5))
        status = close_run(here, written)
        stage.demand(status == 202, "the repetition is answered alike (202)")  # noqa: PLR2004
        close_run(here, written, "close-5-under-another-name")
        until("r0005 registered", lambda: view_of(here, 5).inspected_at)
        closes = [row for row in _past(here, 5) if row.event == "close"]
        stage.demand(len(closes) == 1 and before, "one close on record, one inspection asked for")


def _past(here: World, run: int) -> list[HistoryRow]:
    with here.database.read() as session:
        return list(history(session, NUMBER, run))


def assess(stage: Stage, here: World) -> None:
    """Good, Unclear, Not interesting."""
    with stage.act("run-assess: Good, Unclear, Not interesting; good runs move to Maxwell"):
        words = {1: "Good", 2: "Good", 3: "Unclear", 4: "Not interesting", 5: "Good", 6: "Good"}
        ids = [
            here.operator.start(
                "run-assess", proposal=NUMBER, run=n, assessment=w, operator=MANAGER, comment=""
            )
            for n, w in words.items()
        ]
        for run_id in ids:
            end = here.operator.wait(run_id)
            stage.demand(end["state_name"] == "Completed", end["state"]["message"])
        for n in (1, 2, 3, 5, 6):
            until(f"r{n:04d} in all three stores", partial(safe, here, n))
        stage.saw("r0001, r0002, r0003, r0005, r0006: verified online, offline and in dCache")
        stage.demand(
            view_of(here, 4).state is RunState.NOT_INTERESTING, "r0004 stays online, never migrated"
        )
        stage.demand(not list(here.tree(OFFLINE).rglob("r0004")), "nothing of r0004 is offline")
        until("events delivered", lambda: _events(here).count(("migration_complete", 2)))
        events = _events(here)
        stage.demand(
            events.count(("migration_complete", 2)) == 1,
            "migration_complete reached the subscriber",
        )


def _events(here: World) -> list[tuple[str, int]]:
    return [(e["event"], e["run"]) for e in here.subscriber.events]


def safe(here: World, run: int) -> bool:
    """Whether a run is migrated and its copy in dCache is proved too."""
    view = view_of(here, run)
    second = view.repositories.get(DCACHE) == "verified"
    return view.state is RunState.MIGRATED and second
