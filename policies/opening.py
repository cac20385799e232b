"""What opens: folders, the way to them, and the samples that a stranger must be able to read.

Everybody's rights come in one place only, the last entry of an access list. Folders above the
data let everybody pass without listing them, so that of a proposal that opens in parts nobody
learns more than is open.

Source: links in the proposal's `open` folder and what others may do are ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from policies import layout
from policies.access import FolderPlan, Plan
from policies.acl import Acl, Tag, mode_bits
from policies.layout import Home, Mounts
from policies.vocabulary import ReleaseState

KINDS = {"RAW": "raw", "PROC": "proc", "REDU": "red"}
"""Kinds of data as policies name what they cover, by type of data group."""

PASS, READ = 1, 5
"""What everybody may do in a folder: pass through it, or list it too."""

SAMPLES = 32
"""Files of a data group that a stranger reads, the first and the last among them."""


@dataclass(frozen=True)
class OpenGroup:
    """A data group that opens or closes.

    Attributes:
        group: Row id.
        kind: `raw`, `proc` or `red`.
        run: Run number.
        path: Folder of the copy that is opened, as the catalog names it; empty: there is none.
        repository: Identifier of the store that holds it.
        files: Number of files.
        byte_size: Their bytes.
        tape_only: Whether reading would stage it from tape.
        because: Why there is no copy that can be opened; empty: there is one.
    """

    group: int
    kind: str
    run: int
    path: str = ""
    repository: str = ""
    files: int = 0
    byte_size: int = 0
    tape_only: bool = False
    because: str = ""

    @property
    def label(self) -> str:
        """Short name for people."""
        return f"{self.kind} {layout.run_folder(self.run)}"

    @property
    def name(self) -> str:
        """Name of its folder, which is its name for the public too."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def above(self) -> str:
        """The folder that holds it."""
        return self.path.rstrip("/").rpartition("/")[0]


@dataclass(frozen=True)
class OpenLink:
    """A link that leads everybody to a folder.

    Attributes:
        folder: Folder that holds it, below the proposal's `open` folder.
        name: Its name there.
        target: What it points to, as the catalog names it.
    """

    folder: str
    name: str
    target: str

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{self.folder}/{self.name}"


@dataclass(frozen=True)
class Opening:
    """A release that is worked on.

    Attributes:
        proposal: Proposal number.
        part: Row id of the part; 0: the whole proposal.
        state: Where it stands.
        groups: What it is about.
        siblings: Groups of the proposal that must stay closed.
    """

    proposal: int
    part: int
    state: ReleaseState
    groups: tuple[OpenGroup, ...]
    siblings: tuple[OpenGroup, ...] = ()


def open_root(home: Home, mounts: Mounts) -> str:
    """The folder that holds a proposal's open links."""
    return layout.real_folder("open", home.instrument, home.cycle, home.number, mounts)


def link_of(group: OpenGroup, home: Home, mounts: Mounts) -> OpenLink:
    """The link that leads to a group."""
    return OpenLink(f"{open_root(home, mounts)}/{group.kind}", group.name, group.path)


def others(acl: Acl, perm: int) -> Acl:
    """The same list with these rights for everybody else."""
    return tuple(e._replace(perm=perm) if e.tag is Tag.OTHER else e for e in acl)


def passing(plan: Plan, rights: Mapping[str, int]) -> Plan:
    """A plan in which everybody may do something in some of its folders.

    Args:
        plan: A proposal's folders.
        rights: Path of a folder → what everybody may do in it.

    Returns:
        The same plan where nothing is said; new entries are never open by themselves.
    """
    return replace(plan, folders=tuple(_wider(f, rights.get(f.path, 0)) for f in plan.folders))


def _wider(folder: FolderPlan, perm: int) -> FolderPlan:
    if not perm:
        return folder
    access = others(folder.access, perm)
    mode = (folder.mode & ~0o777) | mode_bits(access) if access else folder.mode & ~7 | perm
    return replace(folder, access=access, mode=mode)


def ways(groups: Iterable[OpenGroup], home: Home, mounts: Mounts) -> dict[str, int]:
    """What everybody may do in the folders above open groups; nothing where none is open."""
    found: dict[str, int] = {}
    for group in groups:
        found[group.above] = PASS
        found[open_root(home, mounts)] = READ
    return found


def samples(names: Sequence[str], most: int = SAMPLES) -> list[str]:
    """Evenly spread over all names, the first and the last among them.

    Args:
        names: In order.
        most: So many at the most, two or more.
    """
    if len(names) <= most:
        return list(names)
    last = len(names) - 1
    return [names[round(i * last / (most - 1))] for i in range(most)]
