"""The mounted root of a repository: proof that it is there, and safe ways down from it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from policies import layout
from policies.errors import Mismatch, Missing, Unavailable
from policies.layout import XFEL, Mounts
from tasks.storage.faults import speaking

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
PRIVATE, _SHARED = 0o700, 0o755


@dataclass(frozen=True)
class Ground:
    """One repository's place on this machine.

    Attributes:
        identifier: Repository identifier.
        root: Folder under which its paths lie.
        marker: Name of the file that proves the mount; empty: no proof is asked for.
        marker_folders: Catalog paths of the folders that hold it; empty: the root.
        trees: The facility's trees. Above proposals they are the administrators': links are
            followed there, and nowhere else.
        archive: Root under which dCache's paths lie here; None: it is not mounted here.
    """

    identifier: str
    root: Path
    marker: str = ".beamkeeper-storage"
    marker_folders: tuple[str, ...] = ()
    trees: Mounts = XFEL
    archive: Path | None = None

    def path(self, universal: str) -> Path:
        """A path of the catalog as it is here.

        Raises:
            Invalid: It climbs or is not plain.
        """
        return Path(layout.place(str(self.root), universal))

    def demand_mounted(self) -> None:
        """Make sure that the storage is here: an empty mount point is no storage.

        Raises:
            Unavailable: The root or a marker is missing.
            Mismatch: It is another repository's.
        """
        folders = [self.path(f) for f in self.marker_folders] or [self.root]
        for folder in folders:
            if not folder.is_dir():
                raise Unavailable(f"{self.identifier}: {folder} is not there: is it mounted?")
            if self.marker:
                self._read_marker(folder / self.marker)

    def _read_marker(self, path: Path) -> None:
        try:
            said = path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as error:
            raise Unavailable(
                f"{self.identifier}: the marker {path} cannot be read: is it mounted?"
            ) from error
        if said != self.identifier:
            raise Mismatch(
                f"{path} says {said[:80]!a}, not {self.identifier}: another storage is mounted here"
            )

    @contextmanager
    def folder(self, universal: str, *, make: bool = False, mode: int = PRIVATE) -> Iterator[int]:
        """Open a folder step by step from the root; below the trees no link is followed.

        Args:
            universal: Path as the catalog names it.
            make: Whether missing folders are made, those above for everybody to pass (0755).
            mode: Of the last one when it is made: private until it gets its rights.

        Yields:
            A descriptor that is closed after the block. Errors of the file system inside the
            block are translated.

        Raises:
            Unavailable, Denied, Mismatch, Missing: As `faults.speaking`.
        """
        names = layout.components(universal)
        self.demand_mounted()
        with speaking(f"{self.identifier}: {universal}"):
            handle = os.open(self.root, FOLDER)
            try:
                for depth, name in enumerate(names):
                    last = depth + 1 == len(names)
                    bits = (mode if last else _SHARED) if make else None
                    inner = _step(handle, name, self._follows(universal, depth), bits)
                    os.close(handle)
                    handle = inner
                yield handle
            finally:
                os.close(handle)

    def ensure_shared(self, universal: str) -> bool:
        """Make a folder that many proposals share; one that exists is left as it is.

        Returns:
            Whether it was made.

        Raises:
            Unavailable, Denied, Mismatch: As `folder`.
        """
        try:
            with self.folder(universal):
                return False
        except Missing:
            pass
        with self.folder(universal, make=True, mode=_SHARED):
            return True

    def _follows(self, universal: str, depth: int) -> bool:
        for tree in self.trees.prefixes():
            if f"{universal}/".startswith(f"{tree}/"):
                return depth < len(layout.components(tree))
        return False


def _step(handle: int, name: str, follow: bool, mode: int | None) -> int:
    """Open one folder below an open one, making it where a mode is given."""
    made = False
    if mode is not None:
        with suppress(FileExistsError):
            os.mkdir(name, mode, dir_fd=handle)
            made = True
    inner = os.open(name, FOLDER if follow else FOLDER | os.O_NOFOLLOW, dir_fd=handle)
    if made and mode is not None and os.fstat(inner).st_mode & 0o777 != mode:
        os.fchmod(inner, mode)
    return inner
