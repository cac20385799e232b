"""From a document (maps, lists, words, numbers) to frozen dataclasses, strictly.

What a dataclass does not name is refused, as is a value of another kind; every error names the
place in the document and the rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from policies.durations import Span, parse_span
from policies.errors import Invalid

T = TypeVar("T")


def read(kind: type[T], document: Mapping[str, Any], where: str) -> T:
    """A dataclass from a document.

    Args:
        kind: The dataclass.
        document: Its fields by name.
        where: Name of the document, for errors.

    Raises:
        Invalid: A field is unknown, missing or wrong.
    """
    found: T = _dataclass(kind, document, where)
    return found


def _no(where: str, rule: str) -> Invalid:
    return Invalid(f"{where}: {rule}", fields={where: rule})


def _dataclass(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - any dataclass
    if not isinstance(value, Mapping):
        raise _no(where, "must be a map")
    hints, known = get_type_hints(kind), {f.name: f for f in fields(kind)}
    if strange := sorted(set(map(str, value)) - set(known)):
        raise _no(f"{where}.{strange[0]}", f"is not known here; known are {', '.join(known)}")
    must = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in must if name not in value]:
        raise _no(f"{where}.{missing[0]}", "is missing")
    read = {name: _any(hints[name], said, f"{where}.{name}") for name, said in value.items()}
    try:
        return kind(**read)
    except ValueError as error:
        raise _no(where, str(error)) from None


def _any(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - any annotation
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return None if value is None else _any(_some(kind), value, where)
    if origin is tuple:
        return _tuple(get_args(kind)[0], value, where)
    if origin in {dict, Mapping}:
        if not isinstance(value, Mapping):
            raise _no(where, "must be a map")
        inner = get_args(kind)[1]
        return {str(k): _any(inner, v, f"{where}.{k}") for k, v in value.items()}
    return _plain(kind, value, where)


def _some(kind: Any) -> Any:  # noqa: ANN401 - any annotation
    (some,) = [arg for arg in get_args(kind) if arg is not NoneType]
    return some


def _tuple(inner: Any, value: Any, where: str) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list | tuple):
        raise _no(where, "must be a list")
    return tuple(_any(inner, one, f"{where}[{n}]") for n, one in enumerate(value))


def _plain(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - any annotation
    if kind in _WRITTEN:
        return _WRITTEN[kind](value, where)
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in set(kind):
            raise _no(where, f"{value!r} is not one of {', '.join(kind)}")
        return kind(value)
    # bool is an int to Python; to a policy it is not
    if type(value) is not kind:
        raise _no(where, f"must be {kind.__name__}, not {type(value).__name__}")
    return value


def _span(value: object, where: str) -> Span:
    if not isinstance(value, str):
        raise _no(where, "must be a span, for example P3Y")
    return parse_span(value, where)


def _day(value: object, where: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise _no(where, f"{value!r} is no day, for example 2025-01-01") from None


_WRITTEN: dict[Any, Callable[[object, str], Any]] = {Span: _span, date: _day}
"""Kinds that a document writes as a text."""
