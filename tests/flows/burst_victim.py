"""Processes that run `run-closed` without the engine and die where they are told to.

As `tests.flows.victim`, for a flow that takes others along: orders are lines of JSON, each a
list of flows that run side by side.
"""

import json
import os
import signal
import sys
import threading
from types import SimpleNamespace
from typing import Any

from prefect.logging import disable_run_logger
from sqlmodel import Session

import flows.along
import flows.company
import flows.looking
import flows.outcome
import flows.run_closed
from flows import artifacts
from settings.model import CONFIG
from tests.flows.victim import Crossings, _caller

ONCE_COMMITTED = {"register", "following"}
"""Records whose transaction is a boundary after its commit, too."""


def _inject(crossings: Crossings, outbox: int, holder: str) -> None:
    commit = Session.commit

    def committing(session: Session) -> None:
        if threading.current_thread() is not threading.main_thread():
            return commit(session)
        name = _caller()
        crossings.cross(f"{name}: not committed")
        commit(session)
        if name in ONCE_COMMITTED:
            crossings.cross(f"{name}: committed")
        return None

    Session.commit = committing
    inspect, digest = flows.looking.inspect_run, flows.looking.digest_files

    def inspecting(folder: Any) -> Any:
        facts = inspect(folder)
        crossings.cross(f"{folder.name}: looked at")
        return facts

    def digesting(folder: Any, *given: Any, **more: Any) -> Any:
        found = digest(folder, *given, **more)
        crossings.cross(f"{folder.name}: read")
        return found

    flows.looking.inspect_run, flows.looking.digest_files = inspecting, digesting
    flows.outcome._tag = lambda *_: None
    me = SimpleNamespace(get_id=lambda: holder, get_tags=lambda: [f"outbox:{outbox}"])
    flows.outcome.flow_run = flows.along.flow_run = me
    flows.company.flow_run = SimpleNamespace(get_id=lambda: None)
    artifacts.table = lambda *_: None
    artifacts.progress = lambda *_: lambda *_: None


def _child(order: dict[str, Any]) -> None:
    os.environ[CONFIG] = order["config"]
    _inject(Crossings(order["log"], order["last"]), order["outbox"], order["holder"])
    with disable_run_logger():
        try:
            state = flows.run_closed.run_closed.fn(**order["parameters"])
            said = f"{state.name}: {state.message}"
        except BaseException as error:  # noqa: BLE001 - told to the test
            said = f"{type(error).__name__}: {error}"
    with open(order["log"], "a", encoding="utf-8") as file:
        file.write(f"= {said}\n")


def main() -> None:
    """Serve until standard input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        children = {}
        for order in json.loads(line):
            pid = os.fork()
            if pid == 0:
                _child(order)
                sys.stdout.flush()
                # Reader processes of the child end when its pipes close.
                os._exit(0)
            children[pid] = order
        codes = {}
        for pid, order in children.items():
            codes[order["log"]] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
