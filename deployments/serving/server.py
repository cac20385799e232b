"""Start the engine's server and know when it can be used.

The command line holds no secret: the environment of the child does.
"""

import subprocess
import sys
import time
from pathlib import Path

from deployments.serving.rest import EngineApi
from policies.errors import Unavailable
from settings.engine import EngineSettings

READY_SECONDS = 120.0
"""First start with migrations takes 4 to 16 s; a loaded machine several times that."""


def server_command(settings: EngineSettings) -> list[str]:
    """Return the command that runs the server in the foreground."""
    return [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        settings.host,
        "--port",
        str(settings.port),
    ]


def start_server(
    settings: EngineSettings, log: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start the server as a child and return at once.

    Args:
        settings: With a port other than 0.
        log: File that gets its output.
        environment: What the child inherits besides `settings.server_environment()`.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            server_command(settings),
            env={**environment, **settings.server_environment()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def api_of(settings: EngineSettings, *, patience: float = 20.0) -> EngineApi:
    """Return a client of the server that the settings name."""
    return EngineApi(settings.api_url, settings.auth_string(), patience=patience)


def wait_ready(
    settings: EngineSettings,
    server: "subprocess.Popen[bytes] | None" = None,
    seconds: float = READY_SECONDS,
) -> None:
    """Block until server and database answer.

    Args:
        settings: Where the server is.
        server: The child, if it is ours: its early end is noticed.
        seconds: Longest wait.

    Raises:
        Unavailable: It ended, or did not answer in time.
    """
    end = time.monotonic() + seconds
    with api_of(settings) as api:
        while not api.is_ready():
            if server is not None and server.poll() is not None:
                raise Unavailable(f"the flow engine's server ended with {server.returncode}")
            if time.monotonic() > end:
                raise Unavailable(f"the flow engine does not answer after {seconds:.0f} s")
            time.sleep(0.1)
        # `ready` is open to all: only this shows that the password fits.
        api.get("version")


def check_scheduler(api: EngineApi, seconds: float = 30.0) -> int:
    """Prove that schedules turn into runs; a broken one is silent otherwise.

    With an SQLAlchemy that the engine does not know, everything looks healthy, runs started
    by hand work, and no scheduled run is ever made. Needs a deployment with a schedule.

    Args:
        api: The engine.
        seconds: Longest wait; plans are made every 5 s for changed deployments.

    Returns:
        The number of runs planned.

    Raises:
        Unavailable: None was planned.
    """
    planned = {"flow_runs": {"tags": {"all_": ["auto-scheduled"]}}}
    end = time.monotonic() + seconds
    while not (found := int(api.post("flow_runs/count", planned))):
        if time.monotonic() > end:
            raise Unavailable("the flow engine plans no scheduled runs; see its server log")
        time.sleep(0.25)
    return found
