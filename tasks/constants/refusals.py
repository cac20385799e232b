"""Refusals of the constants catalogue in our own words."""

import json
from collections.abc import Mapping

from policies.errors import BeamkeeperError, Denied, Invalid, Missing, Unavailable

_AGAIN = {408, 425, 429}
_NOT_IMPLEMENTED = 501
_TEXT_MAX = 300


def no(status: int, content: bytes, headers: Mapping[str, str], what: str) -> BeamkeeperError:
    """The error for an answer that is no success.

    Args:
        status: HTTP status.
        content: Body, of whatever kind.
        headers: Headers of the answer.
        what: Method and path.

    Returns:
        By reaction: asking again may help (`Unavailable`), the thing is not there (`Missing`),
        fields are refused (`Invalid`), an operator must act (`Denied`).
    """
    info = _info(content)
    said = f": {_words(info)}" if info else ""
    context: dict[str, object] = {"status": status}
    if status in _AGAIN or (status >= 500 and status != _NOT_IMPLEMENTED):  # noqa: PLR2004
        after = headers.get("Retry-After", "").strip()
        if after.isascii() and after.isdigit() and len(after) < 10:  # noqa: PLR2004
            context["retry_after_s"] = int(after)
        return Unavailable(f"the constants catalogue answers {status} to {what}", **context)
    if 300 <= status < 400:  # noqa: PLR2004
        words = f"the constants catalogue sends {what} elsewhere ({status}): check its address"
        return Denied(words, **context)
    if status == 404:  # noqa: PLR2004
        return Missing(f"the constants catalogue knows nothing of {what}{said}", **context)
    if status == 422:  # noqa: PLR2004
        fields = {k: _words(v) for k, v in info.items()} if isinstance(info, dict) else {}
        words = f"the constants catalogue refuses {what}{said}"
        return Invalid(words, fields=fields or {"body": _words(info)}, **context)
    if status in {400, 401} and "oauth" in what:
        return Denied(f"the constants catalogue does not accept our application ({status})")
    return Denied(f"the constants catalogue answers {status} to {what}{said}", **context)


def _info(content: bytes) -> object:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    return found.get("info", "") if isinstance(found, dict) else ""


def _words(info: object) -> str:
    if isinstance(info, dict):
        text = "; ".join(f"{k} {_words(v)}" for k, v in info.items())
    elif isinstance(info, list):
        text = ", ".join(map(str, info))
    else:
        text = str(info)
    return "".join(c if c.isprintable() else " " for c in text)[:_TEXT_MAX]
