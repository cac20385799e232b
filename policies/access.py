"""Who may do what in a proposal's folders: a table per phase, a plan per proposal.

Source: kinds and the fact that folders become read-only at the end are published; which
phase takes which right is ours.
"""

from dataclasses import dataclass
from enum import StrEnum

from policies import layout
from policies.vocabulary import BeamtimeState


class Phase(StrEnum):
    """Phases that differ in rights."""

    OPEN = "open"
    """From New to Finished: the team works."""
    REVIEWED = "reviewed"
    """Raw and processed data are done; the team still writes to usr and scratch."""
    CLOSED = "closed"
    """No write bit anywhere."""


class Writer(StrEnum):
    """Service that writes a kind of folder."""

    DAQ = "daq"
    """The data acquisition, online."""
    MIGRATOR = "migrator"
    """Us, offline."""
    CALIBRATION = "calibration"
    """The calibration service."""
    NOBODY = "nobody"
    """No service."""


@dataclass(frozen=True)
class Right:
    """One row of the table; rights are `r`, `w`, `x` as bits 4, 2, 1.

    Attributes:
        kind: Folder of the proposal.
        writer: Service that owns it while it is open.
        part: Rights of participants while it is open.
        managers: Rights of data managers while it is open.
        part_reviewed: Rights of participants once reviewed.
        managers_reviewed: Rights of data managers once reviewed.
        because: Why.
    """

    kind: str
    writer: Writer
    part: int
    managers: int
    part_reviewed: int
    managers_reviewed: int
    because: str


RX, RWX = 5, 7

RIGHTS: tuple[Right, ...] = (
    Right("raw", Writer.MIGRATOR, RX, RX, RX, RX, "Raw data are written by services only."),
    Right("proc", Writer.CALIBRATION, RX, RX, RX, RX, "Written by the calibration service."),
    Right("red", Writer.NOBODY, RX, RWX, RX, RX, "Data managers curate reduced data."),
    Right("usr", Writer.NOBODY, RWX, RWX, RWX, RWX, "The team's own; writable after review."),
    Right("scratch", Writer.NOBODY, RWX, RWX, RWX, RWX, "The team's own, re-creatable."),
    Right("open", Writer.NOBODY, RX, RX, RX, RX, "Filled by the release only."),
)
"""The table; once Closed every `w` is gone, whatever stands here."""


@dataclass(frozen=True)
class Ids:
    """Numeric ids: names may be unknown to the storage nodes.

    Attributes:
        owners: uid of each service.
        service_gid: Group of the folders' owner.
        part: gid of the participants' group.
        managers: gid of the data managers' group.
    """

    owners: dict[Writer, int]
    service_gid: int
    part: int
    managers: int


@dataclass(frozen=True)
class FolderPlan:
    """A folder as it shall be.

    Attributes:
        path: Path as the catalog names it.
        uid: Owner.
        gid: Owner's group.
        owner: Rights of the owner.
        groups: Rights by numeric gid.
        inherit: Whether new entries get the same rights (default ACL and setgid).
        freeze: Whether everything below loses every write bit too.
    """

    path: str
    uid: int
    gid: int
    owner: int
    groups: tuple[tuple[int, int], ...]
    inherit: bool
    freeze: bool


@dataclass(frozen=True)
class LinkPlan:
    """A link as it shall be.

    Attributes:
        path: Where it is.
        target: What it points to, an absolute path as the catalog names it.
    """

    path: str
    target: str


@dataclass(frozen=True)
class Plan:
    """Everything of a proposal on one storage."""

    folders: tuple[FolderPlan, ...]
    links: tuple[LinkPlan, ...]


def phase_of(state: BeamtimeState) -> Phase:
    """The phase that a beamtime status means for the folders."""
    if state is BeamtimeState.CLOSED:
        return Phase.CLOSED
    return Phase.REVIEWED if state is BeamtimeState.REVIEWED else Phase.OPEN


def _folder(path: str, row: Right, phase: Phase, ids: Ids, writer: Writer) -> FolderPlan:
    part, managers = row.part, row.managers
    if phase is not Phase.OPEN:
        part, managers = row.part_reviewed, row.managers_reviewed
    owner, closed = RWX, phase is Phase.CLOSED
    if closed:
        part, managers, owner = part & RX, managers & RX, RX
    groups = ((ids.part, part), (ids.managers, managers))
    uid = ids.owners.get(writer, 0)
    return FolderPlan(path, uid, ids.service_gid, owner, groups, True, closed)


def _root(path: str, phase: Phase, ids: Ids) -> FolderPlan:
    owner = RX if phase is Phase.CLOSED else RWX
    groups = ((ids.part, RX), (ids.managers, RX))
    return FolderPlan(path, 0, ids.service_gid, owner, groups, False, False)


def offline(instrument: str, cycle: str, number: int, phase: Phase, ids: Ids) -> Plan:
    """Folders and links on the offline storage.

    The universal path is a folder of links, except `raw`, which holds one link per run.
    """
    root = layout.proposal_root(instrument, cycle, number)
    folders, links = [_root(root, phase, ids)], []
    for row in RIGHTS:
        real = layout.real_folder(row.kind, instrument, cycle, number)
        folders.append(_folder(real, row, phase, ids, row.writer))
        if row.kind == "raw":
            folders.append(_folder(f"{root}/raw", row, phase, ids, row.writer))
        else:
            links.append(LinkPlan(f"{root}/{row.kind}", real))
    return Plan(tuple(folders), tuple(links))


def online(instrument: str, cycle: str, number: int, phase: Phase, ids: Ids) -> Plan:
    """Folders on the instrument's online storage: the same universal path, no links."""
    root = layout.proposal_root(instrument, cycle, number)
    kinds = [r for r in RIGHTS if r.kind in {"raw", "proc", "usr", "scratch"}]
    folders = [_root(root, phase, ids)]
    for row in kinds:
        writer = Writer.DAQ if row.kind == "raw" else row.writer
        folders.append(_folder(f"{root}/{row.kind}", row, phase, ids, writer))
    return Plan(tuple(folders), ())


def markdown() -> str:
    """The table for the handbook."""
    words = {RX: "r-x", RWX: "rwx"}
    head = (
        "| folder | written by | participants | data managers | participants, reviewed"
        " | data managers, reviewed | closed | because |\n|---|---|---|---|---|---|---|---|"
    )
    rows = [
        f"| {r.kind} | {r.writer} | {words[r.part]} | {words[r.managers]} |"
        f" {words[r.part_reviewed]} | {words[r.managers_reviewed]} | r-x | {r.because} |"
        for r in RIGHTS
    ]
    return "\n".join([head, *rows])
