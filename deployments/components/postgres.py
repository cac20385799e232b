"""PostgreSQL as a throw-away server, started by hand so that it also works for root.

`initdb` refuses to run as root; the server then runs as the `postgres` account of the Debian
package. Trusts everybody on loopback and does not sync unless asked: never a production server.
"""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.components import ports, processes
from deployments.components.scratch import scratch
from policies.errors import Misconfigured

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # type: ignore[import-untyped]  # noqa: N812

_PACKAGE = "postgresql"
_USER = "beamkeeper"
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """A PostgreSQL server; made by `postgres`.

    Attributes:
        port: TCP port on 127.0.0.1.
        folder: Where its data and its log live.
    """

    def __init__(self, folder: Path, port: int, options: dict[str, str]) -> None:
        self.folder = folder
        self.port = port
        self._options = options
        self._child: processes.Child | None = None
        self._numbers = itertools.count(1)

    @property
    def child(self) -> processes.Child:
        """The running server, for `pause`, `resume` and `kill`."""
        if self._child is None:
            raise Misconfigured("This PostgreSQL was never started.")
        return self._child

    def url(self, database: str, driver: str = "psycopg2") -> str:
        """SQLAlchemy URL of a database.

        Args:
            database: Its name.
            driver: `psycopg2`, or `asyncpg` for Prefect's own database.
        """
        return f"postgresql+{driver}://{_USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it (again) on the same port with the same data.

        Raises:
            Unavailable: It does not come up; the message ends with its log.
        """
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            **self._options,
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        argv: list[str | Path] = [_program("postgres"), "-D", self.folder / "data", *options]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client.
        self._child = processes.start(
            argv, log=self.folder / "log", user=_account(), stop_signal=signal.SIGINT
        )
        self._child.wait_ready(self._answers)

    def stop(self) -> None:
        """End it; open connections are cut."""
        self.child.stop()

    def create(self, name: str, template: str | None = None) -> str:
        """Create a database and return its URL.

        Args:
            name: Name of the new database.
            template: Database to copy, to which nobody may be connected; None = empty.
        """
        source = f"{_quoted(template)} STRATEGY file_copy" if template else "template0"
        self._execute(f"CREATE DATABASE {_quoted(name)} TEMPLATE {source}")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database and cut its connections; an absent one is fine."""
        self._execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    @contextlib.contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """A database of its own for the length of the block.

        Args:
            template: Name given to `make_template`; None = empty.

        Yields:
            Its SQLAlchemy URL.
        """
        name = f"t_{os.getpid()}_{next(self._numbers)}"
        url = self.create(name, template)
        try:
            yield url
        finally:
            self.drop(name)

    def make_template(self, name: str, fill: Callable[[str], None]) -> None:
        """Create a database once, to be copied many times by `database`.

        Args:
            name: Name of the template.
            fill: Gets the URL, creates tables and rows, closes its connections.
        """
        fill(self.create(name))

    def _answers(self) -> bool:
        from psycopg2 import OperationalError  # type: ignore[import-untyped]

        try:
            self._connect().close()
        except OperationalError:
            return False
        return True

    def _execute(self, statement: str) -> None:
        connection = self._connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def _connect(self) -> "Connection":
        import psycopg2

        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=_USER, dbname="postgres", connect_timeout=5
        )
        connection.autocommit = True
        return connection


@contextlib.contextmanager
def postgres(
    *,
    folder: Path | None = None,
    port: int | None = None,
    durable: bool = False,
    max_connections: int = 100,
) -> Iterator[Postgres]:
    """Run a server for the length of the block.

    Args:
        folder: Keeps the data there, also for the next time; its parents must be open to the
            `postgres` account when we are root. None = a scratch folder that is removed.
        port: Preferred port; None takes any free one.
        durable: Whether a commit survives a power cut; off is much faster.
        max_connections: Clients at once.

    Yields:
        The running server with an empty database `postgres`.

    Raises:
        Misconfigured: PostgreSQL is missing; names the Debian package.
        Unavailable: It does not come up.
    """
    _program("initdb")
    options = {"max_connections": str(max_connections)} | ({} if durable else _FAST)
    with contextlib.ExitStack() as stack:
        home = folder or stack.enter_context(scratch("postgres", in_memory=not durable))
        taken = ports.reserve(port)
        stack.callback(taken.release)
        _initialise(home)
        server = Postgres(home, taken.number, options)
        server.start()
        stack.callback(server.stop)
        yield server


def _initialise(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    account = _account()
    if account is not None:
        owner = pwd.getpwnam(account)
        os.chown(home, owner.pw_uid, owner.pw_gid)
    data = home / "data"
    if (data / "PG_VERSION").exists():
        return
    # What a killed initdb left behind is of no use.
    shutil.rmtree(data, ignore_errors=True)
    argv: list[str | Path] = [_program("initdb"), "-D", data, "-U", _USER, "-A", "trust"]
    argv += ["--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    if account is not None:
        setpriv = processes.require("setpriv", "util-linux")
        argv = [setpriv, f"--reuid={account}", f"--regid={account}", "--init-groups", "--", *argv]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=home)  # noqa: S603
    if done.returncode != 0:
        raise Misconfigured(f"initdb refused: {done.stderr.strip()}")


def _program(name: str) -> Path:
    def version(folder: Path) -> int:
        return int(folder.parent.name) if folder.parent.name.isdigit() else 0

    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    return processes.require(name, _PACKAGE, installed)


def _account() -> str | None:
    return "postgres" if os.geteuid() == 0 else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
