"""Everything of one machine as children of one process: used by `serve` and by the demo.

Start: what an earlier supervisor left is ended, then server, extra commands, deploy, zombies
closed, workers. Stop: workers drained, extra commands in reverse, server. A child that dies
is started again after a growing pause.
"""

import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from deployments.serving.children import (
    FIRST_PAUSE,
    LEFTOVER_SECONDS,
    LONGEST_PAUSE,
    STEADY_SECONDS,
    Child,
    Command,
    Spawner,
    asked_to_stop,
    module_command,
    refuse_second,
    wait_all,
    write_state,
)
from deployments.serving.deploy import POOLS_VARIABLE
from deployments.serving.drain import close_zombies, resume
from deployments.serving.processes import end_child, end_marked, spawn
from deployments.serving.server import api_of, server_command, wait_ready
from policies.errors import Misconfigured
from settings.engine import EngineSettings, Pool

LOG = logging.getLogger("beamkeeper.supervisor")


class Supervisor:
    """Starts, watches and stops the children; use it as a context manager or by `run`.

    Args:
        settings: The engine; port 0 is replaced by a free one (see `settings`).
        var: Folder of state file and logs.
        manifest: prefect.yaml.
        extra: Further commands (gateway, relay, stand-ins), in start order.
        environment: What all children inherit; None: this process's own.
        on_event: Called with a sentence at each step, for a progress display.
    """

    def __init__(
        self,
        settings: EngineSettings,
        var: Path,
        *,
        manifest: Path = Path("prefect.yaml"),
        extra: Sequence[Command] = (),
        environment: dict[str, str] | None = None,
        on_event: Callable[[str], None] = LOG.info,
    ) -> None:
        self.settings = settings.on_free_port()
        self.state_file = (var / "supervisor.json").resolve()
        self.logs = (var / "log").resolve()
        self._manifest = manifest.resolve()
        self._extra = list(extra)
        self._environment = dict(os.environ if environment is None else environment)
        self._tell = on_event
        self._children: dict[str, Child] = {}
        self._stopping = threading.Event()
        self._lock = threading.RLock()
        self._watcher: threading.Thread | None = None
        self._spawner = Spawner()

    def __enter__(self) -> Self:
        """Start everything; on an error what was started is stopped."""
        try:
            self.start()
        except BaseException:
            self.stop(drain_seconds=0)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Stop everything; at once if the body failed."""
        self.stop(drain_seconds=0 if error[0] else None)

    @property
    def mark(self) -> str:
        """What our descendants carry in their environment."""
        return str(self.state_file)

    def start(self) -> None:
        """Start all children.

        Raises:
            Conflict: Another supervisor of the same folder is alive.
            Unavailable: The engine does not come up.
            Misconfigured: A deployment could not be made.
        """
        refuse_second(self.state_file)
        if left := end_marked(self.mark, LEFTOVER_SECONDS):
            self._tell(f"ended {left} processes of an earlier start")
        self._write_state()
        server = self._launch(
            Command(
                "prefect-server",
                server_command(self.settings),
                self.settings.server_environment(),
                self.settings.ui_url,
                grace=15.0,
            )
        )
        self._tell("the flow engine starts")
        for command in self._extra:
            self._launch(command)
        wait_ready(self.settings, server.process)
        self.deploy()
        self._close_zombies()
        for command in self.worker_commands():
            self._launch(command)
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()
        self._write_state()
        self._tell(f"up: {self.settings.ui_url}")

    def run(self) -> None:
        """Start, serve until SIGTERM or SIGINT, drain and stop."""
        asked = asked_to_stop()
        with self:
            asked.wait()

    def wait(self) -> None:
        """Return at SIGTERM or SIGINT; the caller stops us."""
        asked_to_stop().wait()

    def deploy(self) -> dict[str, Any]:
        """Deploy prefect.yaml in a process of its own; return the summary.

        Raises:
            Misconfigured: With what the deploy said.
        """
        pools = json.dumps([pool.model_dump(mode="json") for pool in self.settings.pools])
        done = subprocess.run(  # noqa: S603
            module_command("deploy", "--manifest", str(self._manifest)),
            env={**self._child_environment(), POOLS_VARIABLE: pools},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Misconfigured(f"deploy failed: {done.stdout[-2000:]} {done.stderr[-2000:]}")
        summary: dict[str, Any] = json.loads(done.stdout)
        self._tell(f"{len(summary['deployed'])} deployments in place")
        return summary

    def worker_commands(self) -> list[Command]:
        """Return a command for each worker of this machine."""
        return [
            self._worker(pool, number)
            for pool in self.settings.pools
            for number in range(1, pool.workers + 1)
        ]

    def _worker(self, pool: Pool, number: int) -> Command:
        name = f"worker-{pool.name}-{number}"
        query = pool.query_seconds or self.settings.query_seconds
        options = {
            "--pool": pool.name,
            "--kind": pool.kind.value,
            "--name": name,
            "--limit": str(pool.limit),
            "--drain": str(self.settings.drain_seconds),
            "--manifest": str(self._manifest),
        }
        return Command(
            name,
            module_command("worker", *(word for pair in options.items() for word in pair)),
            {"PREFECT_WORKER_QUERY_SECONDS": str(query)},
            grace=self.settings.drain_seconds + 30.0,
        )

    def pid_of(self, name: str) -> int | None:
        """Return the present process id of a child, None while it is down."""
        child = self._children.get(name)
        return child.process.pid if child and child.process.poll() is None else None

    def command_of(self, name: str) -> Command:
        """Return the command of a child that runs, to start it again later."""
        return self._children[name].of

    def stop_child(self, name: str) -> None:
        """Stop one child and keep it down, as an operator would do with a unit."""
        with self._lock:
            child = self._children.pop(name, None)
        if child is not None:
            end_child(child.process, child.of.grace)
            self._write_state()

    def start_child(self, command: Command) -> None:
        """Start one more child, or one that was stopped."""
        self._launch(command)
        self._write_state()

    def stop(self, drain_seconds: float | None = None) -> None:
        """Stop all children in the right order; safe to call twice.

        Args:
            drain_seconds: How long running flows may go on; None: as the settings say.
        """
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        names = list(self._children)
        workers = [name for name in names if name.startswith("worker-")]
        self._tell("stopping: workers drain")
        self._stop_workers(workers, drain_seconds)
        for command in reversed(self._extra):
            self.stop_child(command.name)
        self.stop_child("prefect-server")
        for name in list(self._children):
            self.stop_child(name)
        end_marked(self.mark)
        self._spawner.close()
        self.state_file.unlink(missing_ok=True)
        self._tell("stopped")

    def _stop_workers(self, names: Sequence[str], drain_seconds: float | None) -> None:
        """Let all workers drain at the same time."""
        with self._lock:
            children = [self._children.pop(name) for name in names]
        for child in children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        if drain_seconds is not None:
            wait_all(children, drain_seconds)
            for child in children:
                if child.process.poll() is None:  # A second signal: wait no longer.
                    child.process.send_signal(signal.SIGTERM)
        for child in children:
            end_child(child.process, child.of.grace)

    def _launch(self, command: Command) -> Child:
        process = self._spawner.call(
            lambda: spawn(
                command.command,
                {**self._child_environment(), **command.environment},
                self.logs / f"{command.name}.log",
                self.mark,
            )
        )
        child = Child(command, process, time.monotonic())
        with self._lock:
            self._children[command.name] = child
        return child

    def _child_environment(self) -> dict[str, str]:
        # The port may have been chosen at this start; the settings of children must know it.
        port = {"BEAMKEEPER_ENGINE__PORT": str(self.settings.port)}
        return {**self._environment, **self.settings.environment(), **port}

    def _close_zombies(self) -> None:
        """Close what the workers of this machine left; others may still be at work."""
        ours = [command.name for command in self.worker_commands()]
        pools = [pool.name for pool in self.settings.pools if pool.workers]
        with api_of(self.settings) as api:
            resume(api, pools)
            if closed := close_zombies(api, pools, workers=ours):
                self._tell(f"closed {len(closed)} flow runs whose worker was gone")

    def _watch(self) -> None:
        """Start dead children again; ends when the supervisor stops."""
        while not self._stopping.wait(0.1):
            with self._lock:
                children = list(self._children.values())
            for child in children:
                self._revive(child, time.monotonic())

    def _revive(self, child: Child, now: float) -> None:
        if child.process.poll() is None or not child.of.restart:
            return
        if child.due is None:
            child.pause = FIRST_PAUSE if now - child.born > STEADY_SECONDS else child.pause
            child.due = now + child.pause
            self._tell(f"{child.of.name} ended with {child.process.returncode}")
        elif now >= child.due:
            with self._lock:
                if self._children.get(child.of.name) is not child:
                    return
                again = self._launch(child.of)
            again.pause = min(child.pause * 2, LONGEST_PAUSE)
            again.deaths = child.deaths + 1
            self._write_state()

    def _write_state(self) -> None:
        with self._lock:
            write_state(self.state_file, self.settings, dict(self._children))
