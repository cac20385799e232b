"""Linux POSIX ACLs through the `system.posix_acl_*` attributes: no C library needed.

Format: little-endian u32 version 2, then entries of u16 tag, u16 rights, u32 id, sorted.
"""

import errno
import os
import struct

from policies.acl import Acl, AclEntry, Tag

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_VERSION, _HEAD, _ENTRY = 2, struct.Struct("<I"), struct.Struct("<HHI")
_NO_ID = 0xFFFFFFFF
_WITH_ID = {Tag.USER, Tag.GROUP}


def encode(acl: Acl) -> bytes:
    """As the kernel takes it; it refuses entries out of order."""
    ordered = sorted(acl, key=lambda e: (e.tag, e.id or 0))
    lines = (_ENTRY.pack(e.tag, e.perm, _NO_ID if e.id is None else e.id) for e in ordered)
    return _HEAD.pack(_VERSION) + b"".join(lines)


def decode(raw: bytes) -> Acl:
    """From what the kernel gives.

    Raises:
        ValueError: Not an ACL of version 2.
    """
    body = raw[_HEAD.size :]
    if raw[: _HEAD.size] != _HEAD.pack(_VERSION) or len(body) % _ENTRY.size:
        raise ValueError("not a version 2 POSIX ACL")
    lines = ((Tag(tag), perm, who) for tag, perm, who in _ENTRY.iter_unpack(body))
    return tuple(AclEntry(tag, who if tag in _WITH_ID else None, perm) for tag, perm, who in lines)


def read(place: int | str, name: str) -> Acl:
    """An ACL of an open file or folder, or of a path below `/proc/self/fd`.

    Args:
        place: File descriptor or path.
        name: `ACCESS` or `DEFAULT`.

    Returns:
        Empty when there are only mode bits.
    """
    try:
        return decode(os.getxattr(place, name))
    except OSError as error:
        if error.errno == errno.ENODATA:
            return ()
        raise


def write(place: int | str, name: str, acl: Acl) -> bool:
    """Set an ACL if it differs.

    Returns:
        Whether anything was written.
    """
    if read(place, name) == acl:
        return False
    os.setxattr(place, name, encode(acl))
    return True
