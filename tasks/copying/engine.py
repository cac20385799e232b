"""Copying the files of a manifest with proof."""

import os
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from policies.errors import Denied, Invalid, Mismatch, Unavailable
from policies.manifest import ManifestEntry, check_manifest, manifest_hash
from tasks.copying.attempt import Attempt
from tasks.copying.blocks import BLOCK
from tasks.copying.crew import Crew
from tasks.copying.faults import room, translated
from tasks.copying.folders import Folder, folders_of, make_root
from tasks.copying.meter import Meter
from tasks.copying.model import (
    AfterWrite,
    Check,
    CopyOptions,
    CopyProof,
    Discrepancy,
    FileProof,
    Progress,
)
from tasks.copying.publish import Publisher
from tasks.copying.stage import Stage, Staged

BATCH_BYTES = 128 << 20
"""Small files are synced together up to this many bytes."""

BATCH_FILES = 256
"""And up to this many files."""

NAMED = 3
"""Files that the sentence of a mismatch names; its context names all."""

_DEFAULTS = CopyOptions()


def copy_run(
    source: Path,
    destination: Path,
    entries: Sequence[ManifestEntry],
    options: CopyOptions = _DEFAULTS,
    *,
    on_progress: Progress | None = None,
    should_continue: Check | None = None,
    after_write: AfterWrite | None = None,
) -> CopyProof:
    """Copy the files of a manifest and prove every one of them.

    Each file is read once, digested on the way and compared with the manifest, written
    under a hidden name, synced, read back from the medium and compared again. Only then
    it gets its name, in one step that never replaces anything, and the name is made
    durable. A file that is there already is read back and kept when it equals the
    manifest. So a copy that died is asked for again and goes on; asked for twice, it
    reads and writes nothing new. The source is only ever opened for reading.

    All hooks run in the caller's thread except `after_write`.

    Args:
        source: Folder with the files as registered.
        destination: Folder for the copies; made if only it is missing.
        entries: The manifest, taken at registration.
        options: How to copy.
        on_progress: Called with bytes done, bytes in all, files done, files in all.
        should_continue: Called every 50 ms and before anything is published. When it
            raises, nothing more is published, unfinished files are removed and the
            exception goes on to the caller.
        after_write: A seam for tests and demonstrations of faults: called from a
            worker's thread when a file is written and synced and not yet read back,
            with the path of the unfinished copy, which it may damage.

    Returns:
        The proof: every entry is at the destination, read back and equal.

    Raises:
        Invalid: A manifest that leaves its folder; a symbolic link where a folder must
            be; a destination inside the source or around it.
        Mismatch: Some files could not be proved: the source is not what was registered
            or changed meanwhile, what came back from the medium differs, or another file
            is in the way. All other files are published; `context['discrepancies']` has a
            row for each that is not. Nothing of the destination was replaced.
        Conflict: Another process is copying the same manifest to the same place.
        Denied: No room, no quota, no right, a read-only file system.
        Unavailable: A file system failed, or a folder is not there (perhaps not mounted).
            A source folder that holds none of the files counts as not mounted.
    """
    started = time.monotonic()
    check_manifest(entries)
    digest = manifest_hash(entries)
    with ExitStack() as stack:
        origin = stack.enter_context(_source(source, entries))
        _refuse_overlap(source, destination)
        target = stack.enter_context(_destination(destination, options))
        attempt = Attempt(target, digest)
        may_sweep = stack.enter_context(attempt.locked())
        stack.callback(attempt.clear)
        with translated("destination", str(destination), target.fd):
            target.make(folders_of(e.relative_path for e in entries), options.folder_mode)
            leftovers = attempt.sweep(entries) if may_sweep else ()
            absent = _absent(target, entries)
            _refuse_full(target, [e for e in entries if e.relative_path in absent])
        meter = Meter(sum(e.size_bytes for e in entries), len(entries), on_progress, passes=2)
        crew = stack.enter_context(Crew(_workers(entries, options), meter, should_continue))
        stage = Stage(origin, target, attempt, options, meter, after_write, crew.stop, absent)
        publisher = Publisher(target, attempt, options)
        proofs, faults = _conduct(crew, stage, publisher, meter, entries)
    if faults:
        raise _mismatch(faults, len(proofs), destination)
    meter.end()
    ordered = tuple(proofs[e.relative_path] for e in entries)
    return CopyProof(digest, ordered, leftovers, time.monotonic() - started)


def _conduct(
    crew: Crew,
    stage: Stage,
    publisher: Publisher,
    meter: Meter,
    entries: Sequence[ManifestEntry],
) -> tuple[dict[str, FileProof], list[Discrepancy]]:
    """Let the crew copy; publish what it proved."""
    proofs: dict[str, FileProof] = {}
    faults: list[Discrepancy] = []
    for results in crew.each(units(entries), stage.unit):
        proved = [item for item in results if isinstance(item, Staged)]
        faults += [item for item in results if isinstance(item, Discrepancy)]
        for item in publisher.publish(proved):
            if isinstance(item, Discrepancy):
                faults.append(item)
            else:
                proofs[item.relative_path] = item
                meter.file_done()
    return proofs, faults


def units(entries: Iterable[ManifestEntry]) -> Generator[list[ManifestEntry]]:
    """Cut a manifest into pieces of work: a large file each, small files in batches."""
    batch: list[ManifestEntry] = []
    size = 0
    for entry in entries:
        if entry.size_bytes > BLOCK:
            yield [entry]
            continue
        if len(batch) == BATCH_FILES or size + entry.size_bytes > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size_bytes
    if batch:
        yield batch


def _workers(entries: Sequence[ManifestEntry], options: CopyOptions) -> int:
    """How many work at a time."""
    large = any(entry.size_bytes > BLOCK for entry in entries)
    return options.workers if large else min(options.workers, options.batches)


def _source(path: Path, entries: Sequence[ManifestEntry]) -> Folder:
    """Open the source; one that holds nothing of the manifest is taken as not mounted."""
    with translated("source", str(path)):
        folder = Folder(path)
        try:
            there = any(folder.kind(e.relative_path) is not None for e in entries)
        except BaseException:
            os.close(folder.fd)
            raise
    if not there:
        os.close(folder.fd)
        raise Unavailable(
            f"source {path} holds none of the {len(entries)} files: is it mounted?",
            where="source",
            file=str(path),
        )
    return folder


def _destination(path: Path, options: CopyOptions) -> Folder:
    """Open the destination, made where it is missing.

    Raises:
        Unavailable: What it would be made in is missing.
    """
    with translated("destination", str(path)):
        missing = [p for p in (path, *path.parents) if not p.exists()]
        base = missing[-1].parent if missing else path
        if not _may_make(base, len(missing), options.below):
            raise Unavailable(
                f"destination {path}: {missing[-1]} does not exist: is it mounted?",
                where="destination",
                file=str(path),
            )
        for folder in (*reversed(missing), path):
            make_root(folder, options.folder_mode)
        return Folder(path)


def _may_make(base: Path, missing: int, below: Path | None) -> bool:
    if missing == 0:
        return True
    if below is None:
        return missing == 1
    return base.resolve().is_relative_to(below.resolve())


def _refuse_overlap(source: Path, destination: Path) -> None:
    """Refuse to copy a folder into itself: that would write into the source.

    Raises:
        Invalid: One of the two lies in the other.
    """
    one, other = source.resolve(), destination.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        why = f"{destination} and {source} lie in one another"
        raise Invalid(why, fields={"destination": why})


def _absent(target: Folder, entries: Sequence[ManifestEntry]) -> frozenset[str]:
    """Paths with nothing at the destination, from one look at each folder."""
    there = {
        f"{folder}/{name}" if folder else name
        for folder in {e.relative_path.rpartition("/")[0] for e in entries}
        for name in target.names(folder)
    }
    return frozenset(e.relative_path for e in entries) - there


def _refuse_full(target: Folder, missing: Sequence[ManifestEntry]) -> None:
    """Refuse before the first byte when the missing files cannot fit.

    Raises:
        Denied: Not enough room.
    """
    needed = sum(e.size_bytes for e in missing)
    free = room(target.fd)
    if needed > free:
        text = f"destination {target.path}: {needed:,} bytes are needed, {free:,} are free"
        raise Denied(text, where="destination", needed_bytes=needed, free_bytes=free)


def _mismatch(faults: Sequence[Discrepancy], proved: int, destination: Path) -> Mismatch:
    ordered = sorted(faults, key=lambda fault: fault.relative_path)
    shown = "; ".join(fault.sentence for fault in ordered[:NAMED])
    more = f"; and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    count = f"{len(ordered)} of {len(ordered) + proved} files"
    return Mismatch(
        f"{count} not proved at {destination}: {shown}{more}",
        discrepancies=[fault.as_record() for fault in ordered],
        num_proved=proved,
    )
