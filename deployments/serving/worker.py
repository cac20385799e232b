"""Start one worker: `python -m deployments.serving.worker --pool online`.

How it runs flows, how many at once, and how long it drains is what the settings say of its
pool; options of the command line win. Address and password of the engine come from the environment
(`settings.engine.EngineSettings.environment`), never from the command line.
"""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
from pydantic import SecretStr

from deployments.serving.drain import close_zombies
from deployments.serving.manifest import read_manifest
from deployments.serving.rest import EngineApi
from policies.errors import Misconfigured, Unavailable
from settings.engine import EngineSettings, PoolKind
from settings.model import load

LOG = logging.getLogger("beamkeeper.worker")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a worker until SIGTERM or SIGINT, then drain it.

    Args:
        arguments: Command line without the program's name; None: the real one.
    """
    asked = parse(arguments)
    _close_own_zombies(asked)
    flows = tuple(entry.module for entry in read_manifest(asked.manifest).of_pool(asked.pool))
    left = anyio.run(_serve, asked, flows)
    # Threads of an in-process worker cannot be ended, so nothing is waited for here.
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(1 if left else 0)


def _close_own_zombies(asked: argparse.Namespace) -> None:
    """Report as crashed what a worker of this name had when it died.

    A server that is down now is no reason not to start: the worker waits for it.
    """
    auth = os.environ.get("PREFECT_API_AUTH_STRING")
    with EngineApi(
        os.environ["PREFECT_API_URL"], SecretStr(auth) if auth else None, patience=5.0
    ) as api:
        try:
            for name in close_zombies(api, [asked.pool], workers=[asked.name]):
                LOG.warning("closed %s, left by an earlier worker of this name", name)
        except Unavailable as error:
            LOG.warning("cannot look for runs left behind: %s", error.message)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; what it leaves out is taken from the settings.

    Args:
        arguments: Command line without the program's name; None: the real one.

    Raises:
        Misconfigured: The settings have no such pool.
    """
    asked = _parser().parse_args(arguments)
    asked.name = asked.name or f"{asked.pool}-{socket.gethostname()}"
    if None in (asked.kind, asked.limit, asked.drain):
        _complete(asked, load().engine)
    return asked


def _complete(asked: argparse.Namespace, engine: EngineSettings) -> None:
    pool = next((pool for pool in engine.pools if pool.name == asked.pool), None)
    if pool is None:
        known = ", ".join(pool.name for pool in engine.pools)
        raise Misconfigured(f"engine.pools has no pool {asked.pool}; it has {known}")
    asked.kind = asked.kind or pool.kind
    asked.limit = asked.limit or pool.limit
    asked.drain = engine.drain_seconds if asked.drain is None else asked.drain


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.serving.worker")
    parser.add_argument("--pool", required=True)
    parser.add_argument("--kind", type=PoolKind, default=None)
    parser.add_argument("--name", default=None, help="unique; default: pool and host name")
    parser.add_argument("--limit", type=int, default=None, help="runs at once")
    parser.add_argument("--drain", type=float, default=None, help="seconds")
    parser.add_argument("--manifest", type=Path, default=Path("prefect.yaml"))
    return parser


async def _serve(asked: argparse.Namespace, flows: tuple[str, ...]) -> int:
    """Serve until a signal; return how many runs had to be ended."""
    # Here, not above: the nursery must not import the engine a second time through us.
    from deployments.serving.forked import ForkedWorker
    from deployments.serving.inprocess import InProcessWorker

    common = {"work_pool_name": asked.pool, "name": asked.name, "limit": asked.limit}
    worker = (
        InProcessWorker(**common, create_pool_if_not_found=False)
        if asked.kind is PoolKind.INPROCESS
        else ForkedWorker(**common, create_pool_if_not_found=False, preload=flows)
    )
    left = 0
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as group:
            group.start_soon(worker.start)
            async for _ in signals:
                break
            LOG.warning("worker %s drains for up to %s s", worker.name, asked.drain)
            async with anyio.create_task_group() as drain:

                async def impatient() -> None:
                    async for _ in signals:
                        worker.hurried = True

                drain.start_soon(impatient)
                left = await worker.drain(asked.drain)
                drain.cancel_scope.cancel()
            group.cancel_scope.cancel()
    return left


if __name__ == "__main__":
    main()
