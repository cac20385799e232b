"""What an entry's rights are, and what they become when its folder closes or opens."""

import errno
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from policies.access import FolderPlan
from policies.acl import Acl, mode_bits, with_write, without_write
from tasks.storage import acl

WRITE_BITS = 0o222


class Rights(NamedTuple):
    """Rights of one entry.

    Attributes:
        mode: Permission bits with setuid, setgid and sticky; beside an ACL the group's bits
            are the mask of all its entries.
        access: Access ACL, empty where there is none.
        default: Default ACL of a folder, empty where there is none.
    """

    mode: int
    access: Acl
    default: Acl

    def worst(self) -> str:
        """Why somebody may write, in words; the mode first."""
        if self.mode & WRITE_BITS:
            return f"has mode {self.mode:04o}"
        words = (("an ACL entry", self.access), ("a default ACL entry", self.default))
        shown = [f"has {what} that may write: {e}" for what, a in words for e in a if e.perm & 2]
        return shown[0] if shown else f"has mode {self.mode:04o}"


NewRights = Callable[[Rights], Rights]
"""From the rights that an entry has to those that it shall have."""


def read(place: int | str, mode: int) -> Rights:
    """Rights of an entry as the kernel tells them.

    Args:
        place: File descriptor or path below `/proc/self/fd`.
        mode: Its mode as `stat` tells it, with the kind.
    """
    default = _kept(place, acl.DEFAULT) if stat.S_ISDIR(mode) else ()
    return Rights(stat.S_IMODE(mode), _kept(place, acl.ACCESS), default)


def _kept(place: int | str, name: str) -> Acl:
    """An ACL; empty also where the storage keeps nothing but modes."""
    try:
        return acl.read(place, name)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return ()
        raise


def write(place: int | str, now: Rights, wanted: Rights) -> None:
    """Set what differs; the mode last, since an ACL changes its bits.

    Raises:
        OSError: The storage says no.
    """
    if wanted.access != now.access:
        acl.write(place, acl.ACCESS, wanted.access)
    if wanted.default != now.default:
        acl.write(place, acl.DEFAULT, wanted.default)
    if wanted.mode != now.mode or wanted.access != now.access:
        os.chmod(place, wanted.mode)  # noqa: PTH101 - a descriptor or its name in /proc


def frozen(now: Rights) -> Rights:
    """Without any write bit: not in the mode, not behind the mask, not for new entries."""
    return Rights(now.mode & ~WRITE_BITS, without_write(now.access), without_write(now.default))


def thawed(plan: FolderPlan) -> NewRights:
    """Undo of `frozen` by a folder's plan: whom it lets write may write again, and owners."""

    def rights(now: Rights) -> Rights:
        access = with_write(now.access, plan.access)
        special = now.mode & ~0o777
        mode = special | mode_bits(access) if access else now.mode | 0o200
        return Rights(mode, access, with_write(now.default, plan.default))

    return rights
