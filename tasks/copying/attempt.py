"""One attempt at a copy: its hidden names, its lock, what dead attempts left behind."""

import contextlib
import errno
import fcntl
import os
import secrets
import threading
from collections.abc import Generator, Sequence

from policies.errors import Conflict
from policies.manifest import ManifestEntry
from tasks.copying.faults import translated
from tasks.copying.folders import Folder, folders_of

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})


class Attempt:
    """Names that belong to this attempt alone.

    Two attempts at one manifest in one folder never run at a time: the second is refused
    while the first lives. The kernel ends the lock with the process, so whatever has the
    plan's name and is found by the holder was left by the dead.

    Args:
        destination: Where the copy goes.
        manifest: Hash of the manifest.
    """

    def __init__(self, destination: Folder, manifest: str) -> None:
        self._destination = destination
        self._plan = manifest[:16]
        self._token = f"{self._plan}-{secrets.token_hex(4)}"
        self._live: set[str] = set()
        self._guard = threading.Lock()

    def part(self, relative_path: str) -> str:
        """Hidden path of a file's unfinished copy, beside its place; removed if not `done`."""
        folder, slash, name = relative_path.rpartition("/")
        path = f"{folder}{slash}.{name}.part-{self._token}"
        with self._guard:
            self._live.add(path)
        return path

    def aside(self, relative_path: str) -> str:
        """Hidden path that a differing destination file is renamed to."""
        folder, slash, name = relative_path.rpartition("/")
        return f"{folder}{slash}.quarantine-{name}-{self._token}"

    def done(self, part: str) -> None:
        """An unfinished copy got its name."""
        with self._guard:
            self._live.discard(part)

    def discard(self, part: str) -> None:
        """Remove an unfinished copy that cannot be used; best effort, `clear` tries again."""
        with contextlib.suppress(OSError):
            self._destination.remove(part)
            self.done(part)

    def clear(self) -> None:
        """Remove every unfinished copy of this attempt, as far as the medium lets us."""
        for part in sorted(self._live):
            self.discard(part)

    @contextlib.contextmanager
    def locked(self) -> Generator[bool]:
        """Hold the plan's lock at this destination.

        Yields:
            Whether it is held; False where the file system knows no locks.

        Raises:
            Conflict: Another process is copying the same manifest to this place.
        """
        name = f".copy-{self._plan}.lock"
        with translated("destination", name, self._destination.fd):
            fd, held = self._lock(name)
        try:
            yield held
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self._destination.fd)
            os.close(fd)

    def _lock(self, name: str) -> tuple[int, bool]:
        folder = self._destination.fd
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name, flags, 0o600, dir_fd=folder)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The former holder may have removed the name between our two calls.
                if os.path.samestat(os.fstat(fd), os.stat(name, dir_fd=folder)):
                    return fd, True
            except FileNotFoundError:
                pass
            except BlockingIOError as error:
                os.close(fd)
                where = f"{self._destination.path}"
                text = f"another process is copying the same files to {where}"
                raise Conflict(text, destination=where) from error
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    return fd, False
                os.close(fd)
                raise
            os.close(fd)

    def sweep(self, entries: Sequence[ManifestEntry]) -> tuple[str, ...]:
        """Remove what dead attempts at this very manifest left; nothing else is touched.

        Returns:
            The paths removed, sorted.
        """
        paths = {entry.relative_path for entry in entries}
        removed = []
        for folder in sorted({"", *folders_of(paths)}):
            for name in self._destination.names(folder):
                original, found, _ = name.rpartition(f".part-{self._plan}-")
                inside = f"{folder}/" if folder else ""
                if found and f"{inside}{original[1:]}" in paths:
                    self._destination.remove(f"{inside}{name}")
                    removed.append(f"{inside}{name}")
        return tuple(removed)
