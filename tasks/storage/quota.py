"""What a file system can do about quotas, from what the kernel says of its mount."""

import os
from pathlib import Path

from tasks.storage.port import QuotaState

_OPTIONS = {"prjquota", "pquota", "usrquota", "grpquota", "uquota", "gquota", "quota"}
_TABLE = Path("/proc/self/mountinfo")


def quota_state(handle: int, limit_bytes: int) -> QuotaState:
    """Say whether a limit on an open folder is enforced.

    No file system here takes a limit per folder through the kernel's own calls, so the limit
    is on record and compared with the usage; the reason names what the mount could do.

    Args:
        handle: Descriptor of the folder.
        limit_bytes: The limit.
    """
    device = os.fstat(handle).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in _TABLE.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        parts, kind = fields.split(), rest.split()
        if parts[2] == wanted:
            on = sorted(_OPTIONS & {o for text in (parts[5], kind[2]) for o in text.split(",")})
            counts = f"mounted with {', '.join(on)}" if on else "mounted without quotas"
            because = f"{kind[0]}, {counts}: no limit per folder is set, usage is compared"
            return QuotaState(limit_bytes, enforced=False, because=because)
    because = "the kernel does not name the mount: no limit is set, usage is compared"
    return QuotaState(limit_bytes, enforced=False, because=because)
