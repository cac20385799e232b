"""Giving proved copies their names; the only step that others can see."""

import os
from collections.abc import Sequence

from tasks.copying import libc
from tasks.copying.attempt import Attempt
from tasks.copying.faults import translated
from tasks.copying.folders import Folder
from tasks.copying.model import (
    CopyOptions,
    Discrepancy,
    DiscrepancyKind,
    FileProof,
    Outcome,
)
from tasks.copying.stage import Staged


class Publisher:
    """Renames within the destination; never onto a file that is there.

    Args:
        destination: Where the copies are.
        attempt: Hidden names.
        options: Whether a differing file may be moved aside.
    """

    def __init__(self, destination: Folder, attempt: Attempt, options: CopyOptions) -> None:
        self._destination, self._attempt, self._options = destination, attempt, options

    def publish(self, staged: Sequence[Staged]) -> list[FileProof | Discrepancy]:
        """Name the copies and make the names durable.

        Args:
            staged: Copies that were read back and are equal.

        Returns:
            For each the proof, or the conflict with a file that appeared meanwhile.

        Raises:
            Denied: No right to rename.
            Unavailable: The file system failed; what was renamed stays and is equal.
        """
        results = [self._one(item) for item in staged]
        # Also for what was there: an attempt that died may have renamed and not synced.
        for path in sorted({item.entry.relative_path.rpartition("/")[0] for item in staged}):
            with (
                translated("destination", path, self._destination.fd),
                self._destination.parent(f"{path}/." if path else ".") as (folder, _),
            ):
                os.fsync(folder)
        return results

    def _one(self, staged: Staged) -> FileProof | Discrepancy:
        entry = staged.entry
        aside = ""
        if staged.part:
            with translated("destination", entry.relative_path, self._destination.fd):
                try:
                    aside = self._name(staged.part, entry.relative_path)
                except FileExistsError:
                    self._attempt.discard(staged.part)
                    kind = DiscrepancyKind.CHANGED
                    why = "a file appeared during the copy"
                    return Discrepancy(entry.relative_path, kind, "destination", found=why)
            self._attempt.done(staged.part)
        return FileProof(
            entry.relative_path,
            entry.size_bytes,
            entry.xxh3_128,
            entry.adler32,
            Outcome.COPIED if staged.part else Outcome.KEPT,
            staged.read_back,
            aside,
        )

    def _name(self, part: str, relative_path: str) -> str:
        """Rename; give the name that a differing file was moved to, empty if none was."""
        with self._destination.parent(relative_path) as (folder, name):
            hidden = part.rpartition("/")[2]
            try:
                libc.rename_new(folder, hidden, name)
            except FileExistsError:
                if not self._options.replace_suspect:
                    raise
            else:
                return ""
            aside = self._attempt.aside(relative_path)
            libc.rename_new(folder, name, aside.rpartition("/")[2])
            libc.rename_new(folder, hidden, name)
            return aside
