"""A storage that is mounted here: folders, owners, ACLs and links of proposals.

If it is down, folders cannot be prepared or frozen; the catalog keeps what it knows. Every
`ensure_…` does the least, reads back what the kernel says and may be run again at any time.
"""

import os
import stat
from pathlib import Path

from policies import layout
from policies.access import FolderPlan, LinkPlan, Plan
from policies.errors import Mismatch, Missing
from settings.storage import AclMode
from tasks.storage import folders, quota, rights, tree, writing
from tasks.storage.faults import speaking
from tasks.storage.ground import Ground
from tasks.storage.port import OnEntry, QuotaState, Usage

_SHOWN = 5


class PosixStorage:
    """One repository as it is mounted here.

    Args:
        ground: Its root and the proof that it is mounted.
        acl: How it keeps rights.
        writer: uid that writes raw data there; None: ours.
    """

    def __init__(
        self, ground: Ground, acl: AclMode = AclMode.POSIX, writer: int | None = None
    ) -> None:
        self._ground, self._acl, self._writer = ground, acl, writer

    @property
    def identifier(self) -> str:
        """Repository identifier."""
        return self._ground.identifier

    @property
    def root(self) -> Path:
        """Folder under which its paths lie."""
        return self._ground.root

    def path(self, universal: str) -> Path:
        """A path of the catalog as it is here.

        Raises:
            Invalid: It climbs or is not plain.
        """
        return self._ground.path(universal)

    def demand_mounted(self) -> None:
        """Make sure that the storage is here: an empty folder is no storage.

        Raises:
            Unavailable: The root or its marker is missing.
            Mismatch: It is another repository's.
        """
        self._ground.demand_mounted()

    def ensure_folders(self, plan: Plan) -> int:
        """Make folders and links exist; answers how many were made or mended.

        New folders are private until `ensure_access`; none that exists is changed.

        Raises:
            Unavailable: The storage is not here.
            Denied: It says no.
            Mismatch: Something else is in the way; it stays.
        """
        made = sum(self._ground.ensure_shared(path) for path in plan.parents)
        for folder in plan.folders:
            try:
                with self._ground.folder(folder.path):
                    pass
            except Missing:
                with self._ground.folder(folder.path, make=True):
                    made += 1
        return made + sum(self.ensure_link(link) for link in plan.links)

    def ensure_link(self, link: LinkPlan) -> bool:
        """Make a link point where it should, in one step; answers whether it changed.

        Raises:
            Mismatch: A file, a folder or a link that is not ours to replace is there.
            Missing: The folder that should hold it is not there.
        """
        parent, _, name = link.path.rpartition("/")
        target = self.link_text(link.target)
        replaceable = frozenset(self.link_text(t) for t in link.instead_of)
        with self._ground.folder(parent) as handle:
            return folders.point(handle, name, target, replaceable, link.path)

    def link_text(self, universal: str) -> str:
        """What a link to a path of the catalog says here.

        dCache may be mounted under a root of its own. Where its root is `/`, links have its
        public name; everything else lies below our root.

        Raises:
            Invalid: The path is not plain.
        """
        trees, store = self._ground.trees, self._ground.archive
        if store is None or not universal.startswith(f"{trees.archive}/"):
            return str(self.path(layout.link_spelling(universal, trees)))
        if store == Path("/"):
            return layout.link_spelling(universal, trees)
        return layout.place(str(store), universal)

    def ensure_access(self, plan: Plan) -> int:
        """Owners, modes and ACLs as planned, read back; answers how many folders changed.

        Raises:
            Unavailable, Denied, Missing: As `ensure_folders`.
            Mismatch: The storage did not keep what was set.
        """
        changed = sum(self._apply(folder) for folder in plan.folders)
        drift = self.drift(plan)
        if drift:
            shown = "; ".join(drift[:_SHOWN])
            raise Mismatch(f"{self.identifier} is not as planned: {shown}", drift=drift)
        return changed

    def ensure_rights(self, plan: Plan) -> int:
        """As `ensure_access`, and what is inside follows; answers how much changed.

        Inside a folder that was closed until now, whom the plan lets write may write again.
        Below one that was open nothing is given: somebody may have protected it on purpose.

        Raises:
            Unavailable, Denied, Missing, Mismatch: As `freeze`, `thaw` and `ensure_access`.
        """
        reopened = [f for f in plan.folders if f.thaw and self._closed(f)]
        changed = sum(self.freeze(f) for f in plan.folders if f.freeze)
        changed += sum(self.thaw(f) for f in reopened)
        return changed + self.ensure_access(plan)

    def ensure_quota(self, folder: FolderPlan, limit_bytes: int) -> QuotaState:
        """Say whether a limit is enforced here; it is on record in any case."""
        with self._ground.folder(folder.path) as handle:
            return quota.quota_state(handle, limit_bytes)

    def freeze(self, folder: FolderPlan, on_entry: OnEntry | None = None) -> int:
        """Take every write bit off everything inside a folder; answers how many changed.

        From the modes and from every line of the access and default ACLs.

        The folder itself gets its plan first, so that nobody adds to it meanwhile. A walk
        that ended half-way is simply run again.

        Args:
            folder: As it shall be.
            on_entry: Called every thousand entries; may raise to stop.

        Raises:
            Mismatch: Entries are writable after all (immutable ones, other file systems).
        """
        with self._ground.folder(folder.path) as handle:
            own = folders.apply(handle, self._as_kept(folder))
            return own + tree.change(handle, folder.path, rights.frozen, on_entry)

    def thaw(self, folder: FolderPlan, on_entry: OnEntry | None = None) -> int:
        """Undo of `freeze`: owners, and those whom the folder's plan lets write, may again.

        Raises:
            Mismatch: Entries did not take it.
        """
        # The folder itself comes last: while it is closed, a walk that was cut is taken up.
        with self._ground.folder(folder.path) as handle:
            inside = tree.change(handle, folder.path, rights.thawed(folder), on_entry)
            return inside + folders.apply(handle, self._as_kept(folder))

    def drift(self, plan: Plan) -> list[str]:
        """Differences between the plan and what is there, in words; empty when none.

        Raises:
            Unavailable, Denied: It cannot be read.
        """
        found = [line for path in plan.parents for line in self._parent_drift(path)]
        found += [line for folder in plan.folders for line in self._folder_drift(folder)]
        return found + [line for link in plan.links for line in self._link_drift(link)]

    def writable_inside(self, folder: FolderPlan) -> list[str]:
        """Entries in a frozen folder that somebody made writable again: the first few."""
        with self._ground.folder(folder.path) as handle:
            seen = tree.remaining(handle, rights.frozen)
        return [f"{folder.path}: {line}" for line in seen.left]

    def write_test(self, universal: str) -> int:
        """Write a small file where raw data will be written, as their writer would.

        Returns:
            Bytes that came back right.

        Raises:
            Unavailable, Denied, Missing: It cannot be written; the message says why.
            Mismatch: Other bytes came back.
        """
        self.demand_mounted()
        return writing.write_as(str(self.path(universal)), self._writer)

    def usage(self, universal: str) -> Usage:
        """Count what is inside a folder, and what the file system still has.

        Raises:
            Unavailable, Denied, Missing: It cannot be read.
        """
        with self._ground.folder(universal) as handle:
            seen = tree.TreeWalker(handle, None).run()
            free = os.fstatvfs(handle)
        return Usage(
            files=seen.files,
            folders=seen.folders,
            size_bytes=seen.size_bytes,
            disk_bytes=seen.disk_bytes,
            free_bytes=free.f_bavail * free.f_frsize,
            free_files=free.f_favail,
        )

    def _as_kept(self, folder: FolderPlan) -> FolderPlan:
        return folder if self._acl is AclMode.POSIX else folder.without_acl()

    def _apply(self, folder: FolderPlan) -> bool:
        with self._ground.folder(folder.path) as handle:
            return folders.apply(handle, self._as_kept(folder))

    def _closed(self, folder: FolderPlan) -> bool:
        """Whether a folder lacks write bits that its plan has."""
        with self._ground.folder(folder.path) as handle:
            now = os.fstat(handle).st_mode
        return bool(self._as_kept(folder).mode & ~now & rights.WRITE_BITS)

    def _parent_drift(self, path: str) -> list[str]:
        try:
            with self._ground.folder(path) as handle:
                mode = stat.S_IMODE(os.fstat(handle).st_mode)
        except Missing:
            return [f"{path} is missing"]
        lines = [] if mode & 0o001 else [f"{path} (mode {mode:04o}) lets nobody pass"]
        return lines + ([f"{path} (mode {mode:04o}) can be changed by all"] if mode & 2 else [])

    def _folder_drift(self, folder: FolderPlan) -> list[str]:
        try:
            with self._ground.folder(folder.path) as handle:
                found = folders.differs(handle, self._as_kept(folder))
        except Missing:
            return [f"{folder.path} is missing"]
        except Mismatch as error:
            return [error.message]
        return [f"{folder.path} {line}" for line in found]

    def _link_drift(self, link: LinkPlan) -> list[str]:
        here, target = self.path(link.path), self.link_text(link.target)
        with speaking(f"{self.identifier}: {link.path}"):
            if not here.is_symlink():
                what = "is no link" if here.exists() else "is missing"
                return [f"{link.path} {what}"]
            now = str(here.readlink())
        return [] if now == target else [f"{link.path} points to {now!a}, not {target}"]
