"""One open folder: bring owner, mode and ACLs in line with a plan, and read them back."""

import os
import secrets
import stat
from contextlib import suppress

from policies import acl as lists
from policies.access import FolderPlan
from policies.errors import Mismatch
from tasks.storage import acl


def apply(handle: int, folder: FolderPlan) -> bool:
    """Set what differs and nothing else.

    The owner comes first and the mode last: setting an owner or an ACL may change mode bits.

    Returns:
        Whether anything was written.
    """
    seen = os.fstat(handle)
    changed = (seen.st_uid, seen.st_gid) != (folder.owner, folder.gid)
    if changed:
        os.fchown(handle, folder.owner, folder.gid)
    if folder.access:
        changed |= acl.write(handle, acl.ACCESS, folder.access)
        changed |= acl.write(handle, acl.DEFAULT, folder.default)
    if stat.S_IMODE(os.fstat(handle).st_mode) != folder.mode:
        os.fchmod(handle, folder.mode)
        changed = True
    return changed


def differs(handle: int, folder: FolderPlan) -> list[str]:
    """What is not as planned, in words, from what the kernel says now."""
    seen, found = os.fstat(handle), []
    if seen.st_uid != folder.owner:
        found.append(f"belongs to uid {seen.st_uid}, not {folder.owner}")
    if seen.st_gid != folder.gid:
        found.append(f"belongs to gid {seen.st_gid}, not {folder.gid}")
    mode = stat.S_IMODE(seen.st_mode)
    if mode != folder.mode:
        found.append(f"has mode {mode:04o}, not {folder.mode:04o}")
    if not folder.access:
        return found
    for name, words, wanted in (
        (acl.ACCESS, "ACL", folder.access),
        (acl.DEFAULT, "default ACL", folder.default),
    ):
        found += [f"{words}: {what}" for what in lists.differences(wanted, acl.read(handle, name))]
    return found


def point(parent: int, name: str, target: str, replaceable: frozenset[str], where: str) -> bool:
    """Make a link point where it should, never half.

    Args:
        parent: Descriptor of the folder that holds it.
        name: Its name there.
        target: What it shall point to.
        replaceable: Other targets that are ours to replace.
        where: Its path for messages.

    Returns:
        Whether it changed.

    Raises:
        Mismatch: Something that is no link of ours is there; it stays.
    """
    now = _read_link(parent, name, where)
    if now == target:
        return False
    if now is None:
        os.symlink(target, name, dir_fd=parent)
    elif now in replaceable:
        draft = f".{name}.{secrets.token_hex(4)}"
        os.symlink(target, draft, dir_fd=parent)
        try:
            os.rename(draft, name, src_dir_fd=parent, dst_dir_fd=parent)
        except OSError:
            with suppress(OSError):
                os.unlink(draft, dir_fd=parent)
            raise
    else:
        raise Mismatch(
            f"{where} points to {now!a}, which is not ours to replace; it should be {target}",
            expected=target,
            found=now,
        )
    os.fsync(parent)
    if (kept := _read_link(parent, name, where)) != target:
        raise Mismatch(f"{where} points to {kept!a} after it was set to {target}")
    return True


def _read_link(parent: int, name: str, where: str) -> str | None:
    try:
        seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISLNK(seen.st_mode):
        what = "a folder" if stat.S_ISDIR(seen.st_mode) else "a file"
        raise Mismatch(f"{where} is {what}, not a link: it is in the way and stays")
    return os.readlink(name, dir_fd=parent)
