"""Names and paths: the only place that makes them.

Everything is text. A universal path is the same on every cluster; the real place is where
the bytes lie. Every component is checked: none may leave its folder.

Source: universal path `/gpfs/exfel/exp/{INSTR}/{CYCLE}/pNNNNNN/{kind}`, the offline farm of
links behind it, folder names `p%06d`, `r%04d`, `e%04d` and `raw_e%04d_n%04d` as seen in
published file listings and catalog answers; `red`, `open` and the group names are ours.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from policies.errors import Invalid

LARGEST_PROPOSAL = 999_999
"""Proposal folders have six digits."""

LARGEST_COUNTER = 999_999_999
"""Run, experiment and group numbers have at least four digits and grow by themselves."""

KINDS = ("raw", "proc", "usr", "scratch", "red", "open")
"""Folders of a proposal."""

ONLINE_KINDS = ("raw", "proc", "usr", "scratch")
"""Those that the instrument's online storage has."""

_INSTRUMENT = re.compile(r"[A-Z0-9]{2,8}", re.ASCII)
_CYCLE = re.compile(r"\d{6}", re.ASCII)
_PROPOSAL = re.compile(r"p\d{6}", re.ASCII)
_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}", re.ASCII)
_UNIVERSAL_DEPTH = 3


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004


def components(path: str, field: str = "path") -> tuple[str, ...]:
    """The names in an absolute path of ours.

    Raises:
        Invalid: Relative, or a name that is empty, hidden, `..` or has other characters than
            letters, digits, dot, dash and underscore.
    """
    first, *names = path.split("/")
    if first or not names or not all(_COMPONENT.fullmatch(n) for n in names):
        rule = "must be absolute, of plain names without .., blanks or control characters"
        raise Invalid(f"{field} {_shown(path)} {rule}", fields={field: rule})
    return tuple(names)


def place(root: str, path: str) -> str:
    """A universal path below a local root, for trees that are mounted elsewhere.

    Args:
        root: Absolute local folder that stands for `/`; `/` or empty where nothing is moved.
        path: Path as the catalog or a plan names it.

    Raises:
        Invalid: One of them is relative, climbs, or holds a control character.
    """
    above = root.rstrip("/")
    names = above.split("/")
    if names[0] or not above.isprintable() or not {"", ".", ".."}.isdisjoint(names[1:]):
        rule = "must be an absolute folder without . and .."
        raise Invalid(f"root {_shown(root)} {rule}", fields={"root": rule})
    return f"{above}/{'/'.join(components(path))}"


@dataclass(frozen=True)
class Mounts:
    """Where a facility's trees begin: absolute paths without a trailing slash.

    Attributes:
        universal: Above the folders that are the same on every cluster.
        disk: Above `raw`, `proc`, `red` and `open` at the computing centre.
        user: Above `usr` and `scratch` at the computing centre.
        archive: Above `raw` in dCache, as the catalog names it.
        archive_link: The same store as links name it.

    Raises:
        Invalid: A path that is not absolute and plain.

    Source: dCache is `/pnfs/desy.de/…` in the catalog's repositories and `/pnfs/xfel.eu/…`
    in the links; both are one store.
    """

    universal: str = "/gpfs/exfel/exp"
    disk: str = "/gpfs/exfel/d"
    user: str = "/gpfs/exfel/u"
    archive: str = "/pnfs/desy.de/exfel/archive/XFEL"
    archive_link: str = "/pnfs/xfel.eu/exfel/archive/XFEL"

    def __post_init__(self) -> None:
        """Refuse prefixes that cannot be joined safely."""
        for name, path in vars(self).items():
            components(path, name)

    def real(self, kind: str) -> str:
        """Above the instruments' folders of a kind at the computing centre."""
        return f"{self.user if kind in {'usr', 'scratch'} else self.disk}/{kind}"

    def prefixes(self) -> tuple[str, ...]:
        """Every path that stands above instrument folders, longest first."""
        found = {self.universal, f"{self.archive}/raw", f"{self.archive_link}/raw"}
        return tuple(sorted(found | {self.real(k) for k in KINDS}, key=lambda p: (-len(p), p)))


XFEL = Mounts()
"""European XFEL's trees."""


def _checked(field: str, value: str, pattern: re.Pattern[str], rule: str) -> str:
    if not pattern.fullmatch(value):
        raise Invalid(f"{field} {_shown(value)} {rule}", fields={field: rule})
    return value


def _number(field: str, value: int, highest: int, lowest: int = 0) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        rule = f"must be a whole number from {lowest} to {highest}"
        raise Invalid(f"{field} {_shown(value)} {rule}", fields={field: rule})
    return value


def _proposal(number: int) -> str:
    return f"{_number('proposal', number, LARGEST_PROPOSAL, 1):06d}"


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


def proposal_folder(number: int) -> str:
    """`p900054`.

    Raises:
        Invalid: Not a proposal number. So say all functions here that take numbers.
    """
    return f"p{_proposal(number)}"


def run_folder(number: int) -> str:
    """`r0082`; grows beyond four digits by itself."""
    return f"r{_number('run', number, LARGEST_COUNTER):04d}"


def experiment_folder(number: int) -> str:
    """`e0001`; a word of the metadata, the raw tree has no such folder."""
    return f"e{_number('experiment', number, LARGEST_COUNTER):04d}"


def run_label(proposal: int, run: int) -> str:
    """`p900054 r0082`, what people read."""
    return f"{proposal_folder(proposal)} {run_folder(run)}"


def data_group_name(experiment: int, count: int) -> str:
    """`raw_e0001_n0489`; the second number is a counter of its own, not the run."""
    return f"raw_{experiment_folder(experiment)}_n{_number('count', count, LARGEST_COUNTER):04d}"


def proposal_doi(number: int, version: int = 0) -> str:
    """`10.22003/XFEL.EU-DATA-900054-00`; the last two digits are read as the version."""
    return f"10.22003/XFEL.EU-DATA-{_proposal(number)}-{_number('version', version, 99):02d}"


def group_names(number: int) -> tuple[str, str]:
    """Names of the participants' and the data managers' group."""
    return f"{_proposal(number)}-part", f"{_proposal(number)}-dmgt"


def artifact_key(*words: str) -> str:
    """Key of an artifact: lower-case letters, digits and single dashes.

    Raises:
        Invalid: No letter or digit is left.
    """
    key = "-".join(re.findall(r"[a-z0-9]+", " ".join(words).lower(), re.ASCII))
    if not key:
        rule = "needs a letter or a digit"
        raise Invalid(f"artifact key {_shown(words)} {rule}", fields={"key": rule})
    return key


def _tail(instrument: str, cycle: str, number: int) -> str:
    parts = (instrument_segment(instrument), cycle_segment(cycle), proposal_folder(number))
    return "/".join(parts)


def proposal_root(instrument: str, cycle: str, number: int, mounts: Mounts = XFEL) -> str:
    """Universal path of a proposal."""
    return f"{mounts.universal}/{_tail(instrument, cycle, number)}"


def real_folder(kind: str, instrument: str, cycle: str, number: int, mounts: Mounts = XFEL) -> str:
    """Where the offline cluster keeps one kind of a proposal's folders.

    Raises:
        Invalid: No such kind, or a part that is no folder.
    """
    if kind not in KINDS:
        rule = f"must be one of {', '.join(KINDS)}"
        raise Invalid(f"kind {_shown(kind)} {rule}", fields={"kind": rule})
    return f"{mounts.real(kind)}/{_tail(instrument, cycle, number)}"


def archive_folder(instrument: str, cycle: str, number: int, mounts: Mounts = XFEL) -> str:
    """Where dCache keeps a proposal's raw data, as the catalog names it."""
    return f"{mounts.archive}/raw/{_tail(instrument, cycle, number)}"


def link_spelling(path: str, mounts: Mounts = XFEL) -> str:
    """A path of the catalog as links spell it: dCache has two names for one store."""
    if path.startswith(f"{mounts.archive}/"):
        return mounts.archive_link + path.removeprefix(mounts.archive)
    return path


class Home(NamedTuple):
    """Where a proposal's folders were made: what its paths are built from.

    It is read from the path that was recorded, never from the proposal's instrument and
    cycle: those may be corrected later, while the folders stay.

    Attributes:
        instrument: Identifier.
        cycle: Six digits.
        number: Proposal number.
    """

    instrument: str
    cycle: str
    number: int

    @property
    def tail(self) -> str:
        """`INSTRUMENT/CYCLE/pNNNNNN`, the same below every store."""
        return _tail(self.instrument, self.cycle, self.number)


def home_of(path: str, mounts: Mounts = XFEL) -> Home:
    """Where a proposal is at home, from its stored `def_proposal_path`.

    Args:
        path: Ends with `/raw`, lies below the offline raw tree, or ends with `pNNNNNN`.
        mounts: The facility's trees.

    Raises:
        Invalid: None of the known forms.

    Source: three deviating forms in production rows.
    """
    rule = f"must be {mounts.universal}/INSTRUMENT/CYCLE/pNNNNNN[/raw] or lie below /d/raw alike"
    plain = path.removesuffix("/")
    real = f"{mounts.real('raw')}/"
    if plain.startswith(real):
        parts = plain.removeprefix(real).split("/")
    else:
        parts = plain.removesuffix("/raw").removeprefix(f"{mounts.universal}/").split("/")
    known = plain.startswith((real, f"{mounts.universal}/"))
    if not known or len(parts) != _UNIVERSAL_DEPTH or not _PROPOSAL.fullmatch(parts[2]):
        raise Invalid(
            f"def_proposal_path {_shown(path)} {rule}", fields={"def_proposal_path": rule}
        )
    return Home(instrument_segment(parts[0]), cycle_segment(parts[1]), int(parts[2][1:]))


def normalise_proposal_path(path: str, mounts: Mounts = XFEL) -> str:
    """A stored `def_proposal_path` as the universal path of the proposal.

    Raises:
        Invalid: As `home_of`.
    """
    return proposal_root(*home_of(path, mounts), mounts)
