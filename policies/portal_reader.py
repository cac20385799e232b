"""Reading the portal's export: row by row, so that a bad row never stops a good one."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from policies import portal_values
from policies.errors import Invalid
from policies.portal_export import (
    FORMAT,
    MAX_ROWS,
    NAME,
    VERSION,
    BeamtimeRow,
    Cycle,
    Export,
    FieldRule,
    MemberRow,
    Person,
    ProposalRow,
    RefusedRow,
    RunTypeRow,
    SampleRow,
)

MAX_FAULTS = 40
"""Faults that are named per row; a row with more is bad enough."""

_NESTED: dict[str, Callable[..., Any]] = {
    "member": MemberRow,
    "beamtime": BeamtimeRow,
    "sample": SampleRow,
    "run_type": RunTypeRow,
}

_UNIQUE = {"member": "uid", "beamtime": "id", "sample": "name", "run_type": "name"}
"""Field that tells rows of one list apart."""

R = TypeVar("R", Person, Cycle, ProposalRow)


def parse_export(data: object) -> Export:
    """Read an export.

    Args:
        data: The decoded JSON document.

    Returns:
        Good rows and refused rows; every row of the document is in exactly one of them,
        except that a row repeated word for word counts once.

    Raises:
        Invalid: It is no export of this format and version, or a list is no list.
    """
    document = _document(data)
    faults: list[RefusedRow] = []
    people = _rows(document, "user", Person, lambda r: r.uid, faults)
    cycles = _rows(document, "cycle", Cycle, lambda r: (r.identifier, r.instrument), faults)
    proposals = _rows(document, "proposal", ProposalRow, lambda r: r.number, faults)
    return Export(people, cycles, proposals, tuple(faults), _exported_at(document))


def _document(data: object) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise Invalid("the export is not a JSON object", fields={"": "must be an object"})
    if (data.get("format"), data.get("version")) != (NAME, VERSION):
        raise Invalid(
            f"this is not {NAME} version {VERSION}",
            fields={"format": f"must be {NAME}", "version": f"must be {VERSION}"},
        )
    lists = ("users", "cycles", "proposals")
    odd = {n: "must be a list" for n in lists if not isinstance(data.get(n, []), list)}
    if odd:
        raise Invalid(f"{', '.join(odd)}: must be a list", fields=odd)
    return data


def _exported_at(document: Mapping[str, Any]) -> datetime | None:
    try:
        found: datetime = portal_values.INSTANT.read(document.get("exported_at"))
    except portal_values.Broken:
        return None
    return found


def _rows(
    document: Mapping[str, Any],
    kind: str,
    make: Callable[..., R],
    key: Callable[[R], object],
    refused: list[RefusedRow],
) -> tuple[R, ...]:
    """Good rows of one list; the others are appended to `refused`."""
    good: dict[object, list[R]] = defaultdict(list)
    for item in document.get(f"{kind}s", []):
        values, faults = _read(kind, item)
        if not faults:
            row = make(**values, content=item)
            if row not in good[key(row)]:
                good[key(row)].append(row)
            continue
        shown = dict(list(faults.items())[:MAX_FAULTS])
        refused.append(RefusedRow(kind, _name(kind, item), shown, item))
    for same in good.values():
        if len(same) > 1:
            first = FORMAT[kind][0].name
            fault = {first: "is used by another row of this export that says something else"}
            refused += [RefusedRow(kind, _name(kind, r.content), fault, r.content) for r in same]
    return tuple(same[0] for same in good.values() if len(same) == 1)


def _name(kind: str, item: object) -> str:
    """What names a row, as far as it can be read; always printable and short."""
    fields = ("identifier", "instrument") if kind == "cycle" else (FORMAT[kind][0].name,)
    found = [item.get(name) for name in fields] if isinstance(item, dict) else [item]
    return " ".join(part if _plain(part) else ascii(part)[:60] for part in map(_brief, found))


def _brief(value: object) -> str:
    """A value as short text, however deep or large it is."""
    if value is None or isinstance(value, bool | float | str):
        return str(value)[:60]
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a very large number"
    return f"a {type(value).__name__}"


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _read(kind: str, item: object, where: str = "") -> tuple[dict[str, Any], dict[str, str]]:
    """Values of a row by field, and the rules it breaks by field."""
    if not isinstance(item, dict):
        return {}, {where or kind: "must be an object"}
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for rule in FORMAT[kind]:
        name = f"{where}.{rule.name}" if where else rule.name
        value = item.get(rule.name)
        if value is None:
            if rule.needed:
                faults[name] = "can't be blank"
        elif isinstance(rule.kind, str):
            values[rule.name] = _list(rule, value, name, faults)
        else:
            _one(rule, value, name, (values, faults))
    if not _in_order(values):
        faults[f"{where}.end_at" if where else "end_at"] = "must be after begin_at"
    return values, faults


def _one(
    rule: FieldRule, value: object, name: str, into: tuple[dict[str, Any], dict[str, str]]
) -> None:
    values, faults = into
    assert not isinstance(rule.kind, str)
    try:
        values[rule.name] = rule.kind.read(value)
    except portal_values.Broken as error:
        faults[name] = str(error)


def _list(rule: FieldRule, value: object, name: str, faults: dict[str, str]) -> tuple[Any, ...]:
    kind = str(rule.kind)
    limit = MAX_ROWS[rule.name]
    if not isinstance(value, list) or len(value) > limit:
        faults[name] = f"must be a list of at most {limit} rows"
        return ()
    rows: list[Any] = []
    for i, item in enumerate(value):
        values, broken = _read(kind, item, f"{name}[{i}]")
        faults |= broken
        if not broken and (row := _NESTED[kind](**values)) not in rows:
            rows.append(row)
    key = _UNIQUE[kind]
    faults |= {
        f"{name}": f"has two rows with {key} {shown} that differ"
        for shown in _repeated(getattr(row, key) for row in rows)
    }
    return tuple(rows)


def _repeated(keys: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [key for key in keys if key in seen or seen.add(key)]  # type: ignore[func-returns-value]


def _in_order(values: Mapping[str, Any]) -> bool:
    begin_at, end_at = values.get("begin_at"), values.get("end_at")
    return begin_at is None or end_at is None or begin_at < end_at


def canonical(content: object) -> str:
    """A row as text that is the same whatever the order of its keys; ASCII only.

    The base of the row's hash, and what is kept of a row that no database could hold as it
    came (NUL, half a surrogate pair).
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
