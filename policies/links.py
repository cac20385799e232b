"""Links to files that only who was given one can follow.

A link carries a token: an HMAC over the file's path under a secret of the installation. Whoever
has the link may read that file and no other.
"""

import hashlib
import hmac
from urllib.parse import quote

from policies.errors import Invalid, Missing
from policies.layout import components

_REPORTS = "Reports"


def token(secret: bytes, path: str) -> str:
    """The token of a path, 32 hex digits."""
    return hmac.new(secret, f"report:{path}".encode(), hashlib.sha256).hexdigest()[:32]


def link(base: str, secret: bytes, path: str) -> str:
    """Address of a report.

    Args:
        base: Address of the gateway, without a slash at the end.
        secret: Of the installation.
        path: The report, as the catalog names paths.
    """
    return f"{base}/reports/{token(secret, path)}{quote(path)}"


def checked(secret: bytes, given: str, path: str) -> str:
    """The path of a report that a link may open.

    Args:
        secret: Of the installation.
        given: Token of the link.
        path: Path of the link.

    Raises:
        Missing: The token is not that of the path, or the path is no report: the same words for
            both, so that nobody learns which files there are.
    """
    nowhere = Missing("there is no such report", field="path")
    try:
        names = components(path)
    except Invalid:
        raise nowhere from None
    fits = len(names) > 2 and names[-3] == _REPORTS and names[-1].endswith(".pdf")  # noqa: PLR2004
    if not hmac.compare_digest(token(secret, path).encode(), given.encode()) or not fits:
        raise nowhere
    return path
