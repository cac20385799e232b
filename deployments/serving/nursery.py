"""Flow runs in forked children of a warm process.

A fresh interpreter needs about two seconds before a flow starts, nearly all of it imports.
Here one single-threaded process imports the engine and the flows once and forks a child
per run: the child is as isolated as a new process (own group, own memory, killed alone,
cancelled by SIGTERM) and starts in a fraction of the time.
"""

import importlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess

from policies.errors import Unavailable

ENGINE_MODULES = ("prefect", "prefect.flow_engine", "prefect.engine", "prefect.workers.process")
"""What every child needs before it can run a flow."""


PRELOAD_VARIABLE = "BEAMKEEPER_PRELOAD"
"""Environment variable that carries the modules to the fork server."""


def warm_context(modules: Sequence[str]) -> ForkServerContext:
    """Return a fork server whose children have `modules` and the engine imported.

    A module that fails to import is left out here and fails in the run that needs it,
    where an operator sees why.

    Args:
        modules: Dotted names of the flow modules.
    """
    # The fork server dies of any exception but ImportError in a module it preloads, so it
    # gets one module that imports the others with care.
    os.environ[PRELOAD_VARIABLE] = " ".join(modules)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*ENGINE_MODULES, "deployments.serving.preload"])
    return context


def start_child(
    context: ForkServerContext, environment: Mapping[str, str | None], folder: str
) -> ForkServerProcess:
    """Fork a child that executes the flow run named in its environment.

    Args:
        context: From `warm_context`.
        environment: Complete environment of the child; it holds `PREFECT__FLOW_RUN_ID`.
        folder: Working folder of the child.
    """
    clean = {key: value for key, value in environment.items() if value is not None}
    process = context.Process(target=_run, args=(clean, folder), daemon=False)
    process.start()
    return process


def warm_up(context: ForkServerContext) -> None:
    """Block until the fork server has imported everything and can fork at once.

    Raises:
        Unavailable: It cannot start a child.
    """
    first = context.Process(target=os.getpid)
    first.start()
    first.join()
    if first.exitcode != 0:
        raise Unavailable(f"the fork server does not work, its first child ended {first.exitcode}")


def _run(environment: dict[str, str], folder: str) -> None:
    """Become the flow run's process."""
    # Own group: a signal to the worker's group must not end the run behind its back.
    os.setpgid(0, 0)
    threading.Thread(target=_end_with_worker, name="worker-watch", daemon=True).start()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    logging.captureWarnings(capture=False)
    _execute()


def _end_with_worker() -> None:
    """Watch the worker; when it is gone nobody could deliver a cancel, so the run ends too."""
    worker = multiprocessing.parent_process()
    if worker is not None:
        worker.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _execute() -> None:
    """Do what `python -m prefect.engine` does, in this process."""
    runner = importlib.import_module("runpy")
    sys.argv = ["prefect.engine"]
    sys.modules.pop("prefect.engine", None)
    runner.run_module("prefect.engine", run_name="__main__", alter_sys=False)
