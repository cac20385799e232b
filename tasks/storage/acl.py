"""Linux POSIX ACLs through the `system.posix_acl_*` attributes: no C library needed."""

import errno
import os
import struct
from collections.abc import Iterable
from typing import NamedTuple

USER_OBJ, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x04, 0x08, 0x10, 0x20
_VERSION, _UNDEFINED = 2, 0xFFFFFFFF
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


class Entry(NamedTuple):
    """One line of an ACL: tag, rights (r=4, w=2, x=1) and numeric id."""

    tag: int
    perm: int
    id: int = _UNDEFINED


def entries(owner: int, groups: Iterable[tuple[int, int]]) -> list[Entry]:
    """An ACL: the owner, groups by numeric gid, nobody else."""
    named = [Entry(GROUP, perm, gid) for gid, perm in groups]
    mask = 0
    for entry in named:
        mask |= entry.perm
    base = [Entry(USER_OBJ, owner), Entry(GROUP_OBJ, 0), Entry(MASK, mask), Entry(OTHER, 0)]
    return sorted([*base, *named], key=lambda e: (e.tag, e.id))


def encode(acl: Iterable[Entry]) -> bytes:
    """As the kernel stores it."""
    ordered = sorted(acl, key=lambda e: (e.tag, e.id))
    return struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *e) for e in ordered)


def decode(raw: bytes) -> list[Entry]:
    """From what the kernel stores.

    Raises:
        ValueError: Not an ACL of version 2.
    """
    if struct.unpack_from("<I", raw)[0] != _VERSION or (len(raw) - 4) % 8:
        raise ValueError("not a version 2 POSIX ACL")
    return [Entry(*e) for e in struct.iter_unpack("<HHI", raw[4:])]


def read(fd: int, name: str) -> list[Entry]:
    """An ACL of an open folder or file; empty when there is none."""
    try:
        return decode(os.getxattr(fd, name))
    except OSError as error:
        if error.errno == errno.ENODATA:
            return []
        raise


def write(fd: int, name: str, acl: list[Entry]) -> bool:
    """Set an ACL if it differs.

    Returns:
        Whether anything changed.
    """
    if read(fd, name) == acl:
        return False
    os.setxattr(fd, name, encode(acl))
    return True
