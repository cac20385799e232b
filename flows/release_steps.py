"""The steps of a release: sums, rights, reading as a stranger."""

from collections.abc import Callable
from typing import Any

from flows import artifacts
from flows.release_back import find_closed
from policies import layout, opening
from policies.errors import Mismatch
from policies.opening import Opening, link_of, open_root
from policies.vocabulary import ReleaseStep
from tasks import storage
from tasks.copying import public_sums
from tasks.records import releases
from tasks.records.work import Working
from tasks.storage.opening import Wanted

CLOSED_KINDS = ("usr", "scratch")
"""Folders of a proposal that never open with its data."""


def digests(unit: Working, found: Opening) -> None:
    """Read every file once: the sum of the registration again, and one for the public.

    Files on tape only are not read: that would bring them all back to disk.

    Raises:
        Mismatch: A file is not what was registered.
    """
    label = layout.proposal_folder(found.proposal)
    total = sum(g.byte_size for g in found.groups if not g.tape_only) or 1
    ring = artifacts.progress(f"{label}-release-sums", f"{label}: bytes read for the public")
    before, new, read = 0, 0, 0
    for group in found.groups:
        start = before
        before += group.byte_size
        if group.tape_only:
            continue
        known = releases.files(group.group)
        missing = {path: size for path, (size, _, sha) in known.items() if not sha}
        folder = storage.local_path(group.repository, group.path)
        sums = public_sums(
            folder,
            missing,
            on_progress=_from(ring, start, total),
            should_continue=unit.check,
        )
        for path, one in sums.items():
            size, adler32, _ = known[path]
            if (one.size_bytes, one.adler32) != (size, adler32):
                raise Mismatch(
                    f"{group.label}/{path}: {one.size_bytes} bytes with sum {one.adler32},"
                    f" on record are {size} with {adler32}"
                )
        read += len(sums)
        saved = {path: one.sha256 for path, one in sums.items()}
        new += releases.save_digests(group.group, saved, unit.held)
    ring(total, total)
    _done(unit, found, ReleaseStep.DIGESTS, f"{read} files read", {"files": read, "new": new})


def _from(ring: Callable[[int, int], None], start: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _all: ring(min(start + done, total), total)


def rights(unit: Working, found: Opening) -> None:
    """Let everybody read the folders, pass to them, and find them by links.

    Raises:
        Mismatch: Something did not keep its rights, or something else is in the way.
    """
    home, mounts = releases.home(found.proposal), releases.mounts()
    offline, changed = storage.offline(), 0
    for group in found.groups:
        unit.check()
        door = storage.door(group.repository)
        changed += door.open_folder(group.path, on_entry=lambda _seen: unit.check())
        changed += door.way(group.above, opening.PASS)
    top = storage.door(offline.identifier)
    changed += top.way(open_root(home, mounts), opening.READ, make=True)
    for group in found.groups:
        changed += top.lead(link_of(group, home, mounts), offline.link_text(group.path))
    proof = {"groups": len(found.groups), "changed": changed}
    _done(unit, found, ReleaseStep.RIGHTS, f"{len(found.groups)} folders are readable", proof)


def stranger(unit: Working, found: Opening) -> None:
    """Read as somebody without any right; and find closed what is to stay closed.

    Raises:
        Mismatch: A file cannot be read, or one can that must not.
    """
    home, mounts = releases.home(found.proposal), releases.mounts()
    read = 0
    door = storage.door(storage.offline().identifier)
    for group in found.groups:
        unit.check()
        known = releases.files(group.group)
        link = link_of(group, home, mounts).path
        wanted = [
            Wanted(f"{link}/{name}", known[name][0], content=not group.tape_only)
            for name in opening.samples(sorted(known))
        ]
        read += door.read_as_stranger(wanted)
    closed = sum(find_closed(unit, group) for group in found.siblings)
    others = [layout.real_folder(kind, *home, mounts) for kind in CLOSED_KINDS]
    closed += door.closed_to_strangers(others)
    proof = {"files_read": read, "closed_looked_at": closed}
    _done(unit, found, ReleaseStep.ANONYMOUS, f"a stranger has read {read} files", proof)


def _done(
    unit: Working, found: Opening, step: ReleaseStep, words: str, proof: dict[str, Any]
) -> None:
    releases.done(found, step, unit.held, words, proof)
