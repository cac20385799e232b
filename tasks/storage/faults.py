"""Errors of a file system in our words: what was tried, what the kernel said, which rule."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from policies.errors import BeamkeeperError, Denied, Mismatch, Missing, Unavailable

_AWAY = {
    errno.EIO: "the device fails",
    errno.ESTALE: "the mount is stale",
    errno.ENOTCONN: "the mount has lost its server",
    errno.ENODEV: "the device is gone",
    errno.ETIMEDOUT: "the server does not answer",
    errno.EHOSTDOWN: "the server is down",
}
_REFUSED = {
    errno.EACCES: "this account has no right to do that there",
    errno.EPERM: "only the owner or root may, and not while the file is immutable",
    errno.EROFS: "the storage is mounted read-only",
    errno.ENOSPC: "the storage is full: bytes or inodes",
    errno.EDQUOT: "the quota is used up",
    errno.EMLINK: "the folder cannot hold more folders",
    errno.ENAMETOOLONG: "a name is too long for this storage",
    errno.EOPNOTSUPP: "the storage keeps no POSIX ACLs: set storage.acl for it to mode",
}
_IN_THE_WAY = {errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


def translated(error: OSError, doing: str) -> BeamkeeperError:
    """An error of the file system as the reaction that it asks for.

    Args:
        error: What the kernel said.
        doing: What was tried, with the path.
    """
    number = error.errno or 0
    text = f"{doing}: {error.strerror or error}"
    context = {"errno": errno.errorcode.get(number, str(number))}
    if number in _AWAY:
        return Unavailable(f"{text}: {_AWAY[number]}", **context)
    if number in _IN_THE_WAY:
        return Mismatch(f"{text}: something that is no folder of ours is in the way", **context)
    if number == errno.ENOENT:
        return Missing(f"{text}: make the folders first", **context)
    return Denied(f"{text}: {_REFUSED.get(number, 'an operator must look')}", **context)


@contextmanager
def speaking(doing: str) -> Iterator[None]:
    """Translate errors of the file system that leave the block.

    Raises:
        Unavailable: The storage does not answer; trying again may help.
        Denied: It understood and said no.
        Mismatch: Something else is in the way.
        Missing: A folder is not there.
    """
    try:
        yield
    except OSError as error:
        raise translated(error, doing) from error
