"""Free TCP ports on loopback that parallel test runs and the demo do not take from each other.

The ports lie below the kernel's ephemeral range (32768 on Linux), where an outgoing connection
could sit on them. Between "found free" and "the server listens" a lock file keeps other runs of
ours away; the kernel drops the lock when its holder dies, so a crash leaves nothing to clean.
"""

import fcntl
import os
import secrets
import socket
import tempfile
from pathlib import Path

from policies.errors import Misconfigured, Unavailable

FIRST = 20000
"""First port of the pool."""
LAST = 26999
"""Last port of the pool; the demo's default ports begin at 27000."""
EPHEMERAL = 32768
"""Ports from here on are refused."""


class Port:
    """A port that is ours until `release`.

    Attributes:
        number: The TCP port.
    """

    def __init__(self, number: int, lock: int) -> None:
        self.number = number
        self._lock: int | None = lock

    def release(self) -> None:
        """Give it back; may be called twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def reserve(preferred: int | None = None) -> Port:
    """Take a free port.

    Args:
        preferred: Port to take when it is free; None takes any of the pool.

    Raises:
        Misconfigured: `preferred` is not between 1 and 32767.
        Unavailable: Every port of the pool is taken.
    """
    if preferred is not None and not 0 < preferred < EPHEMERAL:
        raise Misconfigured(f"Port {preferred} is not between 1 and {EPHEMERAL - 1}.")
    size = LAST - FIRST + 1
    start = secrets.randbelow(size)
    pool = (FIRST + (start + step) % size for step in range(size))
    for number in [preferred, *pool] if preferred is not None else pool:
        port = _take(number)
        if port is not None:
            return port
    raise Unavailable(f"No free port between {FIRST} and {LAST}.")


def _take(number: int) -> Port | None:
    lock = os.open(_folder() / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as trial:
            # As servers do: a port in TIME_WAIT is free.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(("127.0.0.1", number))
    except OSError:
        os.close(lock)
        return None
    return Port(number, lock)


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"beamkeeper-ports-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid():
        raise Misconfigured(f"{folder} belongs to somebody else; remove it.")
    return folder
