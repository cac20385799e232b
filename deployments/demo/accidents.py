"""The acts in which something goes wrong: nothing is lost, nothing happens twice."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

from catalog.engine import Database
from catalog.queries.journal import history, verify
from deployments.demo.acts import (
    BIG,
    MANAGER,
    NUMBER,
    close_run,
    open_run,
    raw_folder,
    recipe,
    record,
    safe,
    until,
    view_of,
)
from deployments.demo.console import Stage
from deployments.demo.world import EXPERT, OFFLINE, World
from deployments.demo_files import write_run
from policies.vocabulary import RunState


def engine_down(stage: Stage, here: World) -> None:
    """A run is closed while the flow engine is away."""
    with stage.act("run-closed while Prefect is down"):
        command = here.supervisor.command_of("prefect-server")
        here.supervisor.stop_child("prefect-server")
        r = recipe(6)
        open_run(here, r)
        status = close_run(here, write_run(raw_folder(here), r))
        stage.demand(status == 202, "the gateway keeps the message and answers 202")  # noqa: PLR2004
        stage.demand(
            view_of(here, 6).state is RunState.CLOSED, "the catalog knows: r0006 is closed"
        )
        time.sleep(3)
        here.supervisor.start_child(command)
        until("r0006 registered", lambda: view_of(here, 6).inspected_at, 180)
        stage.saw("with Prefect back, r0006 was inspected by itself")


def corrupted_transfer(stage: Stage, here: World) -> None:
    """A byte flips on the way: found, source untouched, tried again, migrated."""
    with stage.act("one transfer corrupted on the way"):
        record(here, recipe(7, payload_bytes=BIG, sample="Lysozyme crystals"))
        until("r0007 registered", lambda: view_of(here, 7).inspected_at)
        flipper = _Flipper(here.tree(OFFLINE), "r0007")
        flipper.start()
        _assess(here, 7)
        until("the corruption is found", lambda: _failed(here, 7), 120)
        flipper.stop()
        (why,) = _failed(here, 7)[:1]
        stage.demand(flipper.flipped, f"a bit was flipped in {flipper.flipped}")
        stage.saw(f"found: {why}")
        name, message = here.operator.do(
            "operator-ask",
            proposal=NUMBER,
            ask="run: retry migration",
            run=7,
            operator=EXPERT,
            reason="the cable was exchanged",
        )
        stage.demand(name == "Completed", f"the expert does not wait for the ladder: {message}")
        until("r0007 in all three stores", lambda: safe(here, 7), 240)
        stage.saw("migrated, with the former copy set aside and never counted")


def _failed(here: World, run: int) -> list[str]:
    with here.database.read() as session:
        rows = history(session, NUMBER, run)
    return [row.reason for row in rows if row.event == "fail-migration"]


def killed_worker(stage: Stage, here: World) -> None:
    """A worker dies in the middle of a migration."""
    with stage.act("one worker killed -9 in the middle of a migration"):
        record(here, recipe(8, payload_bytes=BIG, sample="Lysozyme crystals"))
        until("r0008 registered", lambda: view_of(here, 8).inspected_at)
        _assess(here, 8)
        until("the copy runs", lambda: _parts(here.tree(OFFLINE), "r0008"), 60)
        pid = here.supervisor.pid_of("worker-offline-1")
        os.kill(pid or 0, signal.SIGKILL)
        stage.saw(f"worker-offline-1 (pid {pid}) was killed while r0008 was being copied")
        until("r0008 in all three stores", lambda: safe(here, 8), 240)
        until("the subscriber hears of it", lambda: _told(here, 8))
        stage.demand(_told(here, 8) == 1, "migrated once: one migration_complete")
        stage.demand(not _parts(here.tree(OFFLINE), "r0008"), "no half-written file is left")


def _told(here: World, run: int) -> int:
    return [(e["event"], e["run"]) for e in here.subscriber.events].count(
        ("migration_complete", run)
    )


def _assess(here: World, run: int) -> None:
    here.operator.do(
        "run-assess", proposal=NUMBER, run=run, assessment="Good", operator=MANAGER, comment=""
    )


def _parts(root: Path, run: str) -> list[Path]:
    return [p for p in root.rglob(f"{run}/.*part*") if p.exists()]


class _Flipper(threading.Thread):
    """Flips one byte of the first half-written file it sees: a faulty disk."""

    def __init__(self, root: Path, run: str) -> None:
        super().__init__(daemon=True)
        self._root, self._run, self._done = root, run, threading.Event()
        self.flipped = ""

    def run(self) -> None:
        while not self._done.is_set() and not self.flipped:
            for part in _parts(self._root, self._run):
                self._flip(part)
            time.sleep(0.002)

    def _flip(self, part: Path) -> None:
        try:
            with part.open("r+b", buffering=0) as file:
                if os.fstat(file.fileno()).st_size < BIG // 4:
                    return
                file.seek(70_000)
                byte = file.read(1)
                if byte in {b"", b"\x00"}:
                    return
                file.seek(70_000)
                file.write(bytes([byte[0] ^ 0x01]))
                os.fsync(file.fileno())
                self.flipped = part.name
        except FileNotFoundError:
            return

    def stop(self) -> None:
        """End."""
        self._done.set()
        self.join(timeout=5)


def tampered_copy(stage: Stage, here: World) -> None:
    """Somebody rewrites history in a copy of the database; it is named row by row."""
    with stage.act("beamkeeper journal verify: the chain, and a tampered copy"):
        with here.database.read() as session:
            verdict = verify(session)
        stage.demand(verdict.sound, f"{verdict.rows} rows, the chain holds")
        copy = here.folder / "tampered.db"
        _copy_database(here, copy)
        database = Database(f"sqlite:///{copy}")
        import sqlite3

        with sqlite3.connect(copy) as raw:
            raw.execute("UPDATE changes SET actor = 'somebody else' WHERE seq = 30")
            raw.execute("DELETE FROM changes WHERE seq = 40")
            raw.execute("UPDATE runs SET state = 'migrated' WHERE run_number = 4")
        raw.close()
        with database.read() as session:
            faults = verify(session).faults
        database.dispose()
        stage.values["Tampered copy"] = "\n".join(faults)
        for expected in ("row 30:", "row 40:", "(r0004)"):
            stage.demand(any(expected in f for f in faults), f"named: {expected}")


def _copy_database(here: World, copy: Path) -> None:
    import sqlite3

    source = here.folder / "catalog.db"
    with sqlite3.connect(source) as origin, sqlite3.connect(copy) as target:
        origin.backup(target)
    origin.close()
    target.close()
    shutil.copystat(source, copy)
