"""Processes that run a flow's body without the engine and die where they are told to.

One process imports everything once and forks a child per order, so a child is a process of
its own that can be killed alone. The child's only changes: nobody draws pictures or tags
runs, because there is no engine, and a counter of crossings that ends it by SIGKILL. An
order is a line of JSON on standard input, the answer a line on standard output.
"""

import functools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from prefect.logging import disable_run_logger
from sqlmodel import Session

import flows.outcome
import flows.proposal_prepare
import flows.provisioning
import flows.release_one
import flows.run_closed
import flows.run_migrate
from flows import artifacts
from settings.model import CONFIG
from tasks.directory.steps import check_group, ensure_group
from tasks.storage.opening import OpenDoor

RECORDS = str(Path(flows.__file__).parents[1] / "tasks" / "records")
BODIES: dict[str, Callable[..., Any]] = {
    "proposal-prepare": flows.proposal_prepare.proposal_prepare.fn,
    "run-migrate": flows.run_migrate.run_migrate.fn,
    "release-one": flows.release_one.release_one.fn,
}
EVERY_FOLDER = 6
"""Making folders is a crossing so often."""


class Crossings:
    """Counts the boundaries that a body crosses; the chosen one is its last.

    Args:
        log: File that gets a line per crossing.
        last: Number of the crossing at which the process dies; None: it lives.
    """

    def __init__(self, log: str, last: int | None) -> None:
        self._log, self._last = log, last
        self._count = 0
        self._guard = threading.Lock()

    def cross(self, name: str) -> None:
        """One boundary more."""
        with self._guard:
            with open(self._log, "a", encoding="utf-8") as file:
                file.write(name + "\n")
            if self._count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
            self._count += 1


def _caller() -> str:
    """The function of the records that is committing."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(RECORDS) and not code.co_name.startswith("_"):
            return code.co_name
        frame = frame.f_back
    return "somebody"


def _cross_after(kind: type, verb: str, crossings: Crossings) -> None:
    done = getattr(kind, verb)

    @functools.wraps(done)
    def doing(*given: Any, **more: Any) -> Any:
        result = done(*given, **more)
        crossings.cross(f"{verb} is done")
        return result

    setattr(kind, verb, doing)


def _inject(crossings: Crossings, outbox: int, holder: str) -> None:
    commit = Session.commit

    def committing(session: Session) -> None:
        if threading.current_thread() is not threading.main_thread():
            return commit(session)
        name = _caller()
        crossings.cross(f"{name}: not committed")
        commit(session)
        if name in {"begin_step", "begin_migration"}:
            crossings.cross(f"{name}: committed")
        return None

    Session.commit = committing

    made = [0]
    mkdir = os.mkdir

    @functools.wraps(mkdir)
    def making(*given: Any, **more: Any) -> None:
        mkdir(*given, **more)
        made[0] += 1
        if made[0] % EVERY_FOLDER == 0:
            crossings.cross(f"folder {made[0]} is made")

    os.mkdir = making

    def ensuring(*given: Any) -> Any:
        state = ensure_group.fn(*given)
        crossings.cross(f"group {state.name} is there")
        return state

    flows.provisioning.ensure_group = ensuring
    flows.provisioning.check_group = check_group.fn
    copy = flows.run_migrate.copy_run

    def copying(*given: Any, **more: Any) -> Any:
        proof = copy(*given, **more, after_write=lambda *_: crossings.cross("a file is written"))
        crossings.cross("everything is copied")
        return proof

    flows.run_migrate.copy_run = copying
    for verb in ("open_folder", "way", "lead", "read_as_stranger"):
        _cross_after(OpenDoor, verb, crossings)
    flows.outcome._tag = lambda *_: None
    flows.outcome.flow_run = SimpleNamespace(
        get_id=lambda: holder, get_tags=lambda: [f"outbox:{outbox}"]
    )
    artifacts.table = lambda *_: None
    artifacts.progress = lambda *_: lambda *_: None


def _child(order: dict[str, Any]) -> None:
    os.environ[CONFIG] = order["config"]
    crossings = Crossings(order["log"], order["last"])
    _inject(crossings, order["outbox"], f"{order['outbox']}-{os.getpid()}")
    with disable_run_logger():
        try:
            state = BODIES[order["work"]](**order["parameters"])
            said = f"{state.name}: {state.message}"
        except BaseException as error:  # noqa: BLE001 - told to the test
            said = f"{type(error).__name__}: {error}"
    with open(order["log"], "a", encoding="utf-8") as file:
        file.write(f"= {said}\n")


def main() -> None:
    """Serve until standard input ends; children of one line of orders live side by side."""
    print("ready", flush=True)
    for line in sys.stdin:
        children: dict[int, dict[str, Any]] = {}
        for order in json.loads(line):
            pid = os.fork()
            if pid == 0:
                _child(order)
                sys.stdout.flush()
                os._exit(0)
            children[pid] = order
        codes = {}
        for pid, order in children.items():
            codes[order["log"]] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    main()
