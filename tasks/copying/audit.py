"""Comparing a folder with its manifest, byte for byte."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from policies.errors import BeamkeeperError, Denied, Invalid, Unavailable
from policies.manifest import ManifestEntry, check_manifest, path_fault
from tasks.copying.blocks import Arena
from tasks.copying.compare import difference, wrong_size
from tasks.copying.crew import Crew
from tasks.copying.digests import ChangedError, read_through
from tasks.copying.faults import translated
from tasks.copying.folders import Folder, NotAFileError
from tasks.copying.meter import Meter
from tasks.copying.model import Check, Discrepancy, DiscrepancyKind, Progress

_HERE = "copy"


def verify_run(
    folder: Path,
    entries: Sequence[ManifestEntry],
    *,
    on_progress: Progress | None = None,
    should_continue: Check | None = None,
    workers: int = 4,
) -> list[Discrepancy]:
    """Re-read a copy from the medium and compare it with its manifest.

    Nothing is written. Hidden names of unfinished copies and of files set aside are not
    counted as extra.

    Args:
        folder: Where the copy is.
        entries: The manifest.
        on_progress: Called with bytes done, bytes in all, files done, files in all.
        should_continue: Called every 50 ms; raises to end the work.
        workers: Files at work at a time.

    Returns:
        Differences by path; empty when the folder holds exactly the manifest.

    Raises:
        Invalid: A manifest that leaves its folder.
        Unavailable: The folder is not there (perhaps not mounted) or cannot be listed.
        Denied: No right to list it.
    """
    check_manifest(entries)
    with translated(_HERE, str(folder)):
        root = Folder(folder)
    with root:
        with translated(_HERE, str(folder)):
            present = set(root.files())
        meter = Meter(sum(e.size_bytes for e in entries), len(entries), on_progress)
        found = [
            Discrepancy(path, DiscrepancyKind.EXTRA, _HERE)
            for path in present - {e.relative_path for e in entries}
            if not _ours(path)
        ]
        with Crew(workers, meter, should_continue) as crew:

            def check(entry: ManifestEntry, arena: Arena) -> Discrepancy | None:
                return _check(root, entry, arena, crew.stop, meter)

            for fault in crew.each(entries, check):
                meter.file_done()
                if fault is not None:
                    found.append(fault)
    meter.end()
    return sorted(found, key=lambda fault: (fault.relative_path, fault.kind))


def _ours(path: str) -> bool:
    """Whether a path is a hidden name of this package, beside names a manifest may hold."""
    return path_fault(path) == "has a name kept for unfinished copies"


def _check(
    root: Folder, entry: ManifestEntry, arena: Arena, stop: threading.Event, meter: Meter
) -> Discrepancy | None:
    """Compare one file; what cannot be read is a difference, not an exception."""
    path = entry.relative_path
    try:
        with translated(_HERE, path):
            return _compare(root, entry, arena, stop, meter)
    except (Denied, Invalid, Unavailable) as error:
        return Discrepancy(path, _kind(error), _HERE, found=error.message)
    except NotAFileError:
        return Discrepancy(path, DiscrepancyKind.NOT_A_FILE, _HERE)
    except ChangedError:
        return Discrepancy(path, DiscrepancyKind.CHANGED, _HERE)


def _kind(error: BeamkeeperError) -> DiscrepancyKind:
    """Missing when nothing is there; else the file system refused."""
    gone = isinstance(error.__cause__, FileNotFoundError)
    return DiscrepancyKind.MISSING if gone else DiscrepancyKind.UNREADABLE


def _compare(
    root: Folder, entry: ManifestEntry, arena: Arena, stop: threading.Event, meter: Meter
) -> Discrepancy | None:
    with root.opened(entry.relative_path) as file:
        size = os.fstat(file.fd).st_size
        if size != entry.size_bytes:
            return wrong_size(entry, size, _HERE)
        os.fsync(file.fd)
        if not file.direct:
            file.forget()
        found = read_through(file, arena, stop, lambda block, _: meter.add(len(block)))
        return difference(entry, found, _HERE)
