"""Walks over what users made: no link is followed, nothing is opened that could answer back.

Files are reached by descriptors that name them without opening them (`O_PATH`), so a pipe
cannot block, a device cannot act, a file on tape is not staged, and a name that is swapped
for a link on the way changes nothing outside. Memory grows with the depth only.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from policies.errors import Mismatch
from tasks.storage import rights
from tasks.storage.ground import FOLDER
from tasks.storage.port import OnEntry
from tasks.storage.rights import NewRights

DEEPEST = 200
"""Folders inside each other that are walked; two descriptors are open for each."""

_SHOWN = 5
_NAME = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Walk:
    """What a walk came to.

    Attributes:
        files: Entries that are no folders.
        folders: Folders.
        size_bytes: Sum of sizes of regular files.
        disk_bytes: What they take on disk.
        changed: Entries whose rights were set.
        left: Entries that are not as they should be, with the reason; the first few.
        left_count: How many.
    """

    files: int = 0
    folders: int = 0
    size_bytes: int = 0
    disk_bytes: int = 0
    changed: int = 0
    left: list[str] = field(default_factory=list)
    left_count: int = 0

    def leave(self, where: str, why: str) -> None:
        """Note an entry that stays as it is."""
        self.left_count += 1
        if len(self.left) < _SHOWN:
            self.left.append(f"{where!a} {why}")


@dataclass
class _Level:
    handle: int
    names: Iterator[os.DirEntry[str]]
    end: Callable[[], None]
    where: str


class TreeWalker:
    """One walk below an open folder.

    Args:
        top: Descriptor of the folder; its own rights are not touched.
        wanted: What an entry's rights shall be; None only counts.
        on_entry: Called every thousand entries.
        apply: False: an entry that would change is left and noted.
    """

    def __init__(
        self,
        top: int,
        wanted: NewRights | None,
        on_entry: OnEntry | None = None,
        *,
        apply: bool = True,
    ) -> None:
        self.seen, self._apply = Walk(), apply
        self._top, self._wanted = top, wanted
        self._on_entry = on_entry or (lambda _seen: None)
        self._device = os.fstat(top).st_dev
        self._levels: list[_Level] = []

    def run(self) -> Walk:
        """Walk; every folder before what is inside, so that nobody adds behind our back."""
        self._enter(os.open(".", FOLDER, dir_fd=self._top), "")
        try:
            while self._levels:
                level = self._levels[-1]
                entry = next(level.names, None)
                if entry is None:
                    self._leave_level()
                else:
                    self._visit(level, entry)
        finally:
            while self._levels:
                self._leave_level()
        return self.seen

    def _enter(self, handle: int, where: str) -> None:
        names = os.scandir(handle)
        self._levels.append(_Level(handle, names, names.close, where))

    def _leave_level(self) -> None:
        level = self._levels.pop()
        level.end()
        os.close(level.handle)

    def _visit(self, level: _Level, entry: os.DirEntry[str]) -> None:
        where = f"{level.where}{entry.name}"
        try:
            seen = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(seen.st_mode):
                self._folder(level.handle, entry.name, where)
            else:
                self._file(level.handle, entry.name, where, seen)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.EACCES, errno.ELOOP, errno.ENOTDIR}:
                raise
            self.seen.leave(where, f"({error.strerror})")
        total = self.seen.files + self.seen.folders
        if total % 1000 == 0:
            self._on_entry(total)

    def _folder(self, parent: int, name: str, where: str) -> None:
        handle = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=parent)
        entered = False
        try:
            seen = os.fstat(handle)
            if seen.st_dev != self._device:
                self.seen.leave(where, "is another file system")
                return
            self.seen.folders += 1
            self._set(handle, seen.st_mode, where)
            if len(self._levels) >= DEEPEST:
                self.seen.leave(where, f"is deeper than {DEEPEST} folders")
                return
            self._enter(handle, f"{where}/")
            entered = True
        finally:
            if not entered:
                os.close(handle)

    def _file(self, parent: int, name: str, where: str, seen: os.stat_result) -> None:
        self.seen.files += 1
        if stat.S_ISREG(seen.st_mode):
            self.seen.size_bytes += seen.st_size
            self.seen.disk_bytes += seen.st_blocks * 512
        if self._wanted is None or stat.S_ISLNK(seen.st_mode):
            return
        handle = os.open(name, _NAME, dir_fd=parent)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISLNK(mode) and not stat.S_ISDIR(mode):
                self._set(f"/proc/self/fd/{handle}", mode, where)
        finally:
            os.close(handle)

    def _set(self, place: int | str, mode: int, where: str) -> None:
        if self._wanted is None:
            return
        now = rights.read(place, mode)
        wanted = self._wanted(now)
        if wanted == now:
            return
        if not self._apply:
            self.seen.leave(where, now.worst())
            return
        try:
            rights.write(place, now, wanted)
        except PermissionError as error:
            self.seen.leave(where, f"({error.strerror})")
        else:
            self.seen.changed += 1


def change(handle: int, name: str, wanted: NewRights, on_entry: OnEntry | None) -> int:
    """Set rights below a folder, then look again.

    Args:
        handle: Descriptor of the folder.
        name: Its path for messages.
        wanted: `rights.frozen`, or `rights.thawed` of a plan.
        on_entry: Called every thousand entries, in both walks.

    Returns:
        How many entries were changed.

    Raises:
        Mismatch: Something is not as it should be after all; the message names the first few.
    """
    done = TreeWalker(handle, wanted, on_entry).run()
    check = remaining(handle, wanted, on_entry)
    if check.left_count:
        shown = "; ".join(check.left)
        raise Mismatch(
            f"{name}: {check.left_count} entries did not keep their rights: {shown}",
            left=check.left_count,
            changed=done.changed,
        )
    return done.changed


def remaining(handle: int, wanted: NewRights, on_entry: OnEntry | None = None) -> Walk:
    """Walk without changing anything; `left` holds what `wanted` would change."""
    return TreeWalker(handle, wanted, on_entry, apply=False).run()
