"""A storage that is mounted here: folders, owners, ACLs, links; no step follows a link.

If it is down, folders cannot be prepared or frozen; the catalog keeps what it knows.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from policies import layout
from policies.access import FolderPlan, LinkPlan, Plan
from policies.errors import BeamkeeperError, Denied, Mismatch, Unavailable
from tasks.storage import acl

_GONE = {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENXIO, errno.ENODEV}
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def translated(error: OSError, doing: str) -> BeamkeeperError:
    """An error of the file system in our words."""
    text = f"{doing}: {error.strerror}"
    if error.errno in _GONE:
        return Unavailable(text)
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EEXIST}:
        return Mismatch(f"{text}: something else is in the way")
    return Denied(text)


class PosixStorage:
    """One repository as it is mounted here.

    Args:
        identifier: Repository identifier.
        root: Folder under which its paths lie.
        marker: Name of the file that proves the mount; empty: no proof asked for.
    """

    def __init__(self, identifier: str, root: Path, marker: str) -> None:
        self.identifier, self.root, self._marker = identifier, root, marker

    def path(self, universal: str) -> Path:
        """A path of the catalog as it is here."""
        return Path(layout.place(str(self.root), universal))

    def demand_mounted(self) -> None:
        """Make sure that the storage is here: an empty folder is no storage.

        Raises:
            Unavailable: The root or its marker is missing.
        """
        if not self.root.is_dir():
            raise Unavailable(f"{self.identifier}: {self.root} is not there: is it mounted?")
        if not self._marker:
            return
        try:
            said = (self.root / self._marker).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Unavailable(
                f"{self.identifier}: {self.root / self._marker} cannot be read: is it mounted?"
            ) from error
        if said != self.identifier:
            raise Mismatch(f"{self.root} is {said}, not {self.identifier}")

    @contextmanager
    def _folder(self, universal: str, *, make: bool) -> Iterator[int]:
        """Open a folder step by step from the root, following no link."""
        self.demand_mounted()
        handles = [os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
        try:
            for part in layout.place("", universal).strip("/").split("/"):
                handles.append(_step(handles[-1], part, make=make))
            yield handles[-1]
        except OSError as error:
            raise translated(error, f"{self.identifier}:{universal}") from error
        finally:
            for handle in handles:
                os.close(handle)

    def ensure_folders(self, plan: Plan) -> int:
        """Make folders and links exist; answers how many were made or mended.

        Raises:
            Unavailable: The storage is not here.
            Denied: It says no.
            Mismatch: Something else is in the way.
        """
        made = 0
        for folder in plan.folders:
            before = self.path(folder.path).is_dir()
            with self._folder(folder.path, make=True):
                made += not before
        return made + sum(self.ensure_link(link) for link in plan.links)

    def ensure_link(self, link: LinkPlan) -> bool:
        """Make a link point where it should, replacing it in one step; answers if it changed.

        Raises:
            Mismatch: Something that is no link is there.
        """
        parent, _, name = link.path.rpartition("/")
        target = str(self.path(link.target))
        with self._folder(parent, make=True) as handle:
            try:
                if os.readlink(name, dir_fd=handle) == target:
                    return False
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno == errno.EINVAL:
                    raise Mismatch(f"{link.path} is no link: it is in the way") from error
                raise
            draft = f".{name}.{secrets.token_hex(4)}"
            os.symlink(target, draft, dir_fd=handle)
            os.rename(draft, name, src_dir_fd=handle, dst_dir_fd=handle)
            os.fsync(handle)
        return True

    def ensure_access(self, plan: Plan) -> int:
        """Owners and ACLs as planned, read back; answers how many folders changed.

        Raises:
            Unavailable, Denied, Mismatch: As `ensure_folders`.
        """
        changed = sum(self._apply(folder) for folder in plan.folders)
        drift = self.drift(plan)
        if drift:
            raise Mismatch("the storage did not keep what was set: " + "; ".join(drift[:5]))
        return changed

    def _apply(self, folder: FolderPlan) -> bool:
        with self._folder(folder.path, make=False) as handle:
            return _apply(handle, folder)

    def drift(self, plan: Plan) -> list[str]:
        """Differences between the plan and what is there, in words; empty when none."""
        found = []
        for folder in plan.folders:
            if not self.path(folder.path).is_dir():
                found.append(f"{folder.path} is missing")
                continue
            with self._folder(folder.path, make=False) as handle:
                found += [f"{folder.path}: {what}" for what in _differs(handle, folder)]
        for link in plan.links:
            here = self.path(link.path)
            if not here.is_symlink() or str(here.readlink()) != str(self.path(link.target)):
                found.append(f"{link.path} does not point to {link.target}")
        return found

    def freeze(self, folder: FolderPlan, on_entry: Callable[[int], None] | None = None) -> int:
        """Take every write bit off everything below a folder; answers how many changed."""
        with self._folder(folder.path, make=False) as handle:
            return _freeze(handle, on_entry or (lambda _n: None))

    def write_test(self, universal: str) -> int:
        """Write a small file where it will matter, read it back, remove it.

        Returns:
            Bytes that came back right.

        Raises:
            Unavailable, Denied: It cannot be written.
            Mismatch: Other bytes came back.
        """
        content = secrets.token_bytes(4096)
        with self._folder(universal, make=False) as handle:
            name = f".beamkeeper-test-{secrets.token_hex(4)}"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            file = os.open(name, flags, 0o600, dir_fd=handle)
            try:
                os.write(file, content)
                os.fsync(file)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                if os.pread(file, len(content) + 1, 0) != content:
                    raise Mismatch(f"{universal}: other bytes came back than were written")
            finally:
                os.close(file)
                os.unlink(name, dir_fd=handle)
        return len(content)


def _step(handle: int, part: str, *, make: bool) -> int:
    """Open one folder below an open one, making it where asked; a link is not followed."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, 0o750, dir_fd=handle)
    return os.open(part, _OPEN, dir_fd=handle)


def _wanted(folder: FolderPlan) -> tuple[list[acl.Entry], list[acl.Entry]]:
    access = acl.entries(folder.owner, folder.groups)
    return access, access if folder.inherit else []


def _apply(handle: int, folder: FolderPlan) -> bool:
    seen = os.fstat(handle)
    changed = (seen.st_uid, seen.st_gid) != (folder.uid, folder.gid)
    if changed:
        os.fchown(handle, folder.uid, folder.gid)
    access, default = _wanted(folder)
    changed |= acl.write(handle, acl.ACCESS, access)
    if default:
        changed |= acl.write(handle, acl.DEFAULT, default)
    mode = os.fstat(handle).st_mode
    if folder.inherit and not mode & stat.S_ISGID:
        os.fchmod(handle, stat.S_IMODE(mode) | stat.S_ISGID)
        changed = True
    return changed


def _differs(handle: int, folder: FolderPlan) -> list[str]:
    seen, (access, default) = os.fstat(handle), _wanted(folder)
    found = []
    if (seen.st_uid, seen.st_gid) != (folder.uid, folder.gid):
        found.append(f"belongs to {seen.st_uid}:{seen.st_gid}")
    if acl.read(handle, acl.ACCESS) != access:
        found.append("has another ACL")
    if default and acl.read(handle, acl.DEFAULT) != default:
        found.append("has another default ACL")
    return found


def _freeze(handle: int, on_entry: Callable[[int], None]) -> int:
    changed = 0
    with os.scandir(handle) as names:
        for entry in names:
            on_entry(1)
            if entry.is_symlink():
                continue
            folder = entry.is_dir(follow_symlinks=False)
            flags = _OPEN if folder else os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            below = os.open(entry.name, flags, dir_fd=handle)
            try:
                changed += _freeze(below, on_entry) if folder else 0
                changed += _strip(below)
            finally:
                os.close(below)
    return changed


def _strip(handle: int) -> int:
    """Take the write bits off one entry: with an ACL the mode's group bits are its mask."""
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    changed = bool(mode & _WRITE_BITS)
    if changed:
        os.fchmod(handle, mode & ~_WRITE_BITS)
    for name in (acl.ACCESS, acl.DEFAULT):
        lines = acl.read(handle, name)
        bare = [e._replace(perm=e.perm & ~2) for e in lines]
        if lines and bare != lines:
            os.setxattr(handle, name, acl.encode(bare))
            changed = True
    return int(changed)
