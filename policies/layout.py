"""Names and paths: the only place that makes them.

Source: universal path `/gpfs/exfel/exp/{INSTR}/{CYCLE}/pNNNNNN/{kind}`, the offline farm of
links behind it, folder names `p%06d`, `r%04d`, `e%04d` and `raw_e%04d_n%04d` as seen in
published file listings and catalog answers; `red` and `open` below `/gpfs/exfel/d` are ours.
"""

import re

from policies.errors import Invalid

UNIVERSAL = "/gpfs/exfel/exp"
"""Root of the paths that are the same on the online and the offline cluster."""

KINDS = ("raw", "proc", "usr", "scratch", "red", "open")
"""Folders of a proposal."""

REAL: dict[str, str] = {
    "raw": "/gpfs/exfel/d/raw",
    "proc": "/gpfs/exfel/d/proc",
    "red": "/gpfs/exfel/d/red",
    "open": "/gpfs/exfel/d/open",
    "usr": "/gpfs/exfel/u/usr",
    "scratch": "/gpfs/exfel/u/scratch",
}
"""Where the offline cluster really keeps each kind."""

_INSTRUMENT = re.compile(r"[A-Z0-9]{2,8}")
_CYCLE = re.compile(r"\d{6}")


def _checked(field: str, value: str, pattern: re.Pattern[str], rule: str) -> str:
    if not pattern.fullmatch(value):
        shown = value[:40].encode("unicode_escape").decode()
        raise Invalid(f"{field} {shown!r} {rule}", fields={field: rule})
    return value


def instrument_segment(identifier: str) -> str:
    """An instrument's identifier as a folder.

    Raises:
        Invalid: Anything but 2 to 8 capital letters and digits; `SPB/SFX` is a name, `SPB`
            the identifier.
    """
    rule = "must be 2 to 8 capital letters or digits (the identifier, not the name)"
    return _checked("instrument", identifier, _INSTRUMENT, rule)


def cycle_segment(identifier: str) -> str:
    """A cycle as a folder.

    Raises:
        Invalid: Anything but six digits.
    """
    return _checked("cycle", identifier, _CYCLE, "must be six digits, YYYYNN")


def _number(field: str, value: int, highest: int) -> int:
    if not 0 <= value <= highest:
        rule = f"must be between 0 and {highest}"
        raise Invalid(f"{field} {value} {rule}", fields={field: rule})
    return value


def proposal_folder(number: int) -> str:
    """`p900054`."""
    return f"p{_number('proposal', number, 999_999):06d}"


def run_folder(number: int) -> str:
    """`r0082`; grows beyond four digits by itself."""
    return f"r{_number('run', number, 99_999):04d}"


def experiment_folder(number: int) -> str:
    """`e0001`."""
    return f"e{_number('experiment', number, 9_999):04d}"


def run_label(proposal: int, run: int) -> str:
    """`p900054 r0082`."""
    return f"{proposal_folder(proposal)} {run_folder(run)}"


def data_group_name(experiment: int, count: int) -> str:
    """`raw_e0001_n0489`; the second number is a counter of its own, not the run."""
    return f"raw_{experiment_folder(experiment)}_n{count:04d}"


def proposal_doi(number: int) -> str:
    """`10.22003/XFEL.EU-DATA-900054-00`; `-00` is read as the version."""
    return f"10.22003/XFEL.EU-DATA-{_number('proposal', number, 999_999):06d}-00"


def group_names(number: int) -> tuple[str, str]:
    """Names of the participants' and the data managers' group."""
    digits = f"{_number('proposal', number, 999_999):06d}"
    return f"{digits}-part", f"{digits}-dmgt"


def _tail(instrument: str, cycle: str, number: int) -> str:
    parts = (instrument_segment(instrument), cycle_segment(cycle), proposal_folder(number))
    return "/".join(parts)


def proposal_root(instrument: str, cycle: str, number: int) -> str:
    """Universal path of a proposal."""
    return f"{UNIVERSAL}/{_tail(instrument, cycle, number)}"


def real_folder(kind: str, instrument: str, cycle: str, number: int) -> str:
    """Where the offline cluster keeps one kind of a proposal's folders."""
    return f"{REAL[kind]}/{_tail(instrument, cycle, number)}"


def normalise_proposal_path(path: str) -> str:
    """A stored `def_proposal_path` as the universal path of the proposal.

    Source: three deviating forms in production rows.

    Raises:
        Invalid: None of the known forms.
    """
    plain = path.rstrip("/").removesuffix("/raw").replace("/gpfs/exfel/d/raw/", f"{UNIVERSAL}/")
    parts = plain.removeprefix(f"{UNIVERSAL}/").split("/")
    if not plain.startswith(f"{UNIVERSAL}/") or len(parts) != 3:  # noqa: PLR2004
        rule = "must end with /raw, lie below /d/raw or end with pNNNNNN"
        raise Invalid(f"def_proposal_path {path[:80]!r} {rule}", fields={"def_proposal_path": rule})
    instrument, cycle, folder = parts
    instrument_segment(instrument)
    cycle_segment(cycle)
    if not re.fullmatch(r"p\d{6}", folder):
        raise Invalid(
            f"def_proposal_path {path[:80]!r} must end with pNNNNNN",
            fields={"def_proposal_path": "must end with pNNNNNN"},
        )
    return plain


def place(root: str, path: str) -> str:
    """A universal path below a local root, for trees that are mounted elsewhere.

    Raises:
        Invalid: The path is relative, climbs, or holds a control character.
    """
    parts = path.split("/")
    bad = any(p in {".", ".."} for p in parts) or any(ord(c) < ord(" ") for c in path)
    if not path.startswith("/") or bad:
        rule = "must be absolute, without .. and control characters"
        raise Invalid(f"path {path[:80]!r} {rule}", fields={"path": rule})
    return root.rstrip("/") + path
