"""Doing something with another account's rights, in a thread of its own.

The kernel keeps these rights per thread; they end with it, and nothing else of the process
ever has them.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from policies.errors import Denied

_LIBC = ctypes.CDLL(None, use_errno=True)
_ASK = ctypes.c_uint32(-1)
_VERSION_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
"""Header for `capset`: its third version, this thread."""
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()
"""Effective, permitted and inheritable sets, low and high half."""
_SETGROUPS = {"x86_64": 116, "aarch64": 159, "ppc64le": 81}
"""Numbers of the system call that sets this thread's groups; the C library sets every thread's."""

T = TypeVar("T")


def acting_as(uid: int, act: Callable[[], T], what: str) -> T:
    """Do something with the file rights of an account that is in no group but its own.

    Args:
        uid: Whose rights. Needs root, or CAP_SETUID and CAP_SETGID.
        act: What to do.
        what: Its name for messages.

    Raises:
        Denied: This account may not take that identity.
    """
    outcome: list[T | BaseException] = []
    thread = threading.Thread(target=_in_thread, args=(uid, act, what, outcome), name=what)
    thread.start()
    thread.join()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def current() -> int:
    """Whose file rights this thread has."""
    return int(_LIBC.setfsuid(_ASK))


def _in_thread(uid: int, act: Callable[[], T], what: str, outcome: list[T | BaseException]) -> None:
    """Take the identity; the kernel drops root's file rights together with the uid.

    Groups and capabilities of an account that has some we drop ourselves, or what follows
    would pass wherever we may.
    """
    try:
        _leave_groups(what)
        _LIBC.setfsgid(ctypes.c_uint32(uid))
        _LIBC.setfsuid(ctypes.c_uint32(uid))
        if (_LIBC.setfsuid(_ASK), _LIBC.setfsgid(_ASK)) != (uid, uid):
            raise Denied(
                f"{what}: only root, or an account with CAP_SETUID and CAP_SETGID, can act as"
                f" uid {uid}"
            )
        if _LIBC.capset(ctypes.byref(_VERSION_3), ctypes.byref(_NO_CAPABILITIES)) != 0:
            raise Denied(f"{what}: the capabilities of this account cannot be dropped")
        outcome.append(act())
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
        outcome.append(error)


def _leave_groups(what: str) -> None:
    number = _SETGROUPS.get(os.uname().machine)
    if number is None:
        raise Denied(f"{what}: groups cannot be left on {os.uname().machine}")
    if _LIBC.syscall(number, 0, None) != 0 and os.getgroups():
        raise Denied(f"{what}: this account cannot leave its groups; it needs CAP_SETGID")
