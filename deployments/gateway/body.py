"""Reads a body without being drowned by it, and the JSON object in it."""

import json
import math
from typing import Any

from starlette.requests import Request

MAX_DEPTH = 32
"""Nesting of a message at the most; ours has three levels."""

_DRAIN = 16
"""So many times the limit is read and thrown away before the connection is cut."""

_TWICE = "the body holds an object that names a key twice"
_NO_NUMBER = "the body holds a number that is none or out of range"


class TooLarge(Exception):
    """The body is over the limit."""


async def read(request: Request, limit: int) -> bytes:
    """The body of a request.

    A body that is too large is read to its end and thrown away as far as that is
    reasonable: a sender that still writes would not see the answer.

    Args:
        request: The request.
        limit: Bytes kept at the most.

    Raises:
        TooLarge: It is longer.
    """
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            body += chunk
        else:
            body.clear()
        if size > _DRAIN * limit:
            break
    if size > limit:
        raise TooLarge
    return bytes(body)


def json_object(body: bytes) -> tuple[dict[str, Any] | None, str]:
    """The JSON object in a body, as the catalog can hold it.

    Returns:
        The object and an empty string, or None and the reason.
    """
    try:
        content = json.loads(
            body.decode(),
            parse_constant=_no_constant,
            parse_float=_finite,
            object_pairs_hook=_each_once,
        )
    except UnicodeDecodeError:
        return None, "the body is not UTF-8"
    except RecursionError:
        return None, f"the body is nested deeper than {MAX_DEPTH} levels"
    except json.JSONDecodeError as error:
        return None, f"the body is not JSON: {error}"
    except ValueError as error:
        return None, _TWICE if isinstance(error, _Twice) else _NO_NUMBER
    if not isinstance(content, dict):
        return None, "the body is not a JSON object"
    return (None, fault) if (fault := _unkeepable(body, content)) else (content, "")


class _Twice(ValueError):
    """An object says two things of one key; whoever reads it may take either."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Twice
    return made


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text[:40])
    return number


def _unkeepable(body: bytes, content: dict[str, Any]) -> str:
    """Why the catalog could not hold it, empty when it can.

    PostgreSQL's JSON holds neither NUL nor half a surrogate pair; both can only come as an
    escape, so most bodies need no second look.
    """
    deep = body.count(b"{") + body.count(b"[") > MAX_DEPTH
    if deep and _depth(content) > MAX_DEPTH:
        return f"the body is nested deeper than {MAX_DEPTH} levels"
    if b"\\u" in body:
        text = json.dumps(content, ensure_ascii=False)
        if any("\ud800" <= c <= "\udfff" for c in text):
            return "the body holds half a surrogate pair"
        if "\\u0000" in text and _has_nul(content):
            return "the body holds a NUL character"
    return ""


def _depth(content: object) -> int:
    """Levels of nesting, counted no further than needed; never recursive."""
    level, todo = 0, [content]
    while todo and level <= MAX_DEPTH:
        level += 1
        todo = [part for item in todo for part in _parts(item)]
        todo = [item for item in todo if isinstance(item, dict | list)]
    return level


def _parts(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return list(item) if isinstance(item, list) else []


def _has_nul(content: object) -> bool:
    if isinstance(content, str):
        return "\x00" in content
    if isinstance(content, dict) and any("\x00" in key for key in content):
        return True
    return any(_has_nul(part) for part in _parts(content))
