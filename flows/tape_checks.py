"""Looking at a proposal's files in the tape store: before, while and after disk copies go."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.archival import TapeCopy
from policies.errors import Mismatch, Missing
from policies.vocabulary import Locality
from tasks.records import archival
from tasks.records.work import Working
from tasks.tape.port import Seen, Tape


@dataclass
class Count:
    """How far it is, and what was seen.

    Attributes:
        ring: Shows it.
        steps: Looks at copies in all.
        done: Looks so far.
        files: Files seen on tape only.
        byte_size: Their bytes.
        digest: Over everything that was read back.
    """

    ring: Callable[[int, int], None]
    steps: int
    done: int = 0
    files: int = 0
    byte_size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def step(self) -> None:
        """One copy more was looked at."""
        self.done += 1
        self.ring(self.done, self.steps)


def survey(unit: Working, door: Tape, copies: list[TapeCopy], count: Count) -> None:
    """Find every file of every copy on tape, with the size and the sum on record.

    Raises:
        Mismatch: One does not fit.
    """
    for copy in archival.with_files(copies):
        unit.check()
        _look(door, copy)
        count.step()


def give_up(unit: Working, door: Tape, copies: list[TapeCopy], count: Count) -> None:
    """Ask for every file to be on tape only; each is looked at again right before.

    Raises:
        Mismatch: One does not fit any more.
    """
    for copy in archival.with_files(copies):
        seen = _look(door, copy)
        for file in copy.files:
            unit.check()
            if seen[file.name].locality is Locality.ONLINE_AND_NEARLINE:
                door.release_disk(f"{copy.folder}/{file.name}")
        count.step()


def not_yet(unit: Working, door: Tape, copies: list[TapeCopy], count: Count) -> int:
    """How many files still have a disk copy; what is seen goes on record.

    Raises:
        Mismatch: One does not fit any more.
    """
    left = 0
    for copy in archival.with_files(copies):
        unit.check()
        seen = _look(door, copy)
        places = {seen[file.name].locality for file in copy.files}
        left += sum(seen[file.name].locality is not Locality.NEARLINE for file in copy.files)
        archival.saw(copy.replica, places.pop() if len(places) == 1 else None, unit.held)
        for file in copy.files:
            count.files += 1
            count.byte_size += file.byte_size
            line = f"{copy.folder}/{file.name}\t{file.byte_size}\t{seen[file.name].adler32}\n"
            count.digest.update(line.encode())
        count.step()
    return left


def proof_of(count: Count) -> Mapping[str, Any]:
    """What goes on record at the end."""
    return {
        "files": count.files,
        "byte_size": count.byte_size,
        "sha256_of_listing": count.digest.hexdigest(),
    }


def _look(door: Tape, copy: TapeCopy) -> Mapping[str, Seen]:
    where = f"run {copy.run}"
    if not copy.files:
        raise Mismatch(f"{where} has no files on record")
    try:
        seen = door.look(copy.folder)
    except Missing as error:
        raise Mismatch(f"{where}: {error.message}") from error
    for file in copy.files:
        found = seen.get(file.name)
        if found is None:
            raise Mismatch(f"{where}: {file.name} is not in the tape store")
        if fault := file.misfit(found.locality, found.size_bytes, found.adler32):
            raise Mismatch(f"{where}: {fault}")
    return seen
