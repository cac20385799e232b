"""Who may touch a proposal's folders: a table by storage, kind and phase.

Every folder belongs to the keeper (us); services and the proposal's two groups come in by
named entries; nobody else has any right before a release.

Source: kinds, their writers and the fact that proposal folders become read-only (no `w` bit
at all) are published by European XFEL; which phase takes which right is ours.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from policies import layout
from policies.acl import letters
from policies.errors import Invalid
from policies.release import add_civil
from policies.vocabulary import BeamtimeState

USR_WRITABLE_YEARS = 1
"""Calendar years for which the team writes to `usr` and `scratch` after the review (ours)."""

RX, RWX = 5, 7
"""Rights as bits: r = 4, w = 2, x = 1."""


class Phase(StrEnum):
    """Phases of a beamtime that differ in rights."""

    PROVISIONED = "provisioned"
    """From New to Ready."""
    ACTIVE = "active"
    """The beamtime runs."""
    FINISHED = "finished"
    """Migration drains; the team has left the instrument's storage."""
    REVIEWED = "reviewed"
    """Raw and processed data are complete."""
    LAPSED = "lapsed"
    """Reviewed for longer than the team may write."""
    CLOSED = "closed"
    """No write bit anywhere."""


class Side(StrEnum):
    """Which storage a folder lies on."""

    ONLINE = "online"
    """The instrument's storage: universal paths are real folders."""
    OFFLINE = "offline"
    """The computing centre: universal paths are links to the real folders."""
    ARCHIVE = "archive"
    """dCache: raw data only."""


class Service(StrEnum):
    """Accounts of services that touch folders."""

    KEEPER = "keeper"
    """Owns every folder; provisions and freezes them."""
    DAQ = "daq"
    """The data acquisition."""
    MIGRATOR = "migrator"
    """Copies runs between storages."""
    CALIBRATION = "calibration"
    """Makes corrected data."""
    REDUCTION = "reduction"
    """Makes reduced data."""


@dataclass(frozen=True)
class Right:
    """One row of the table; the keeper owns, others have nothing.

    Attributes:
        side: Storage.
        kinds: Folders; `root` is the proposal's folder, `links` the universal raw folder that
            holds one link per run.
        phases: When.
        part: Rights of the participants' group.
        managers: Rights of the data managers' group.
        writer: Service that writes; None: no service does.
        readers: Services that read.
        because: Why.
    """

    side: Side
    kinds: tuple[str, ...]
    phases: tuple[Phase, ...]
    part: int
    managers: int
    writer: Service | None
    readers: tuple[Service, ...]
    because: str


KINDS: dict[Side, tuple[str, ...]] = {
    Side.ONLINE: ("root", *layout.ONLINE_KINDS),
    Side.OFFLINE: ("root", "links", *layout.KINDS),
    Side.ARCHIVE: ("raw",),
}
"""Folders that exist on each storage."""

_ON, _OFF, _ARC = Side
_P, _A, _F, _R, _L, _C = _ALL = tuple(Phase)
_DAQ, _MIG, _CAL, _RED = Service.DAQ, Service.MIGRATOR, Service.CALIBRATION, Service.REDUCTION
_EVERY = (_DAQ, _MIG, _CAL, _RED)
_TEAM = ("usr", "scratch")
_WORK, _DONE = (_P, _A, _F), (_R, _L, _C)

# fmt: off
RIGHTS: tuple[Right, ...] = (
    Right(_ON, ("root",), _ALL, RX, RX, None, _EVERY,
          "The way in; its entries are made by us."),
    Right(_ON, ("raw",), _WORK, RX, RX, _DAQ, (_MIG, _CAL),
          "The DAQ writes, late files of the last run included; runs are copied from here."),
    Right(_ON, ("raw",), _DONE, RX, RX, None, (_MIG, _CAL),
          "Every run is decided: nobody writes, files are r--."),
    Right(_ON, ("proc",), _WORK, RX, RX, _CAL, (_MIG,),
          "Corrections during the beamtime."),
    Right(_ON, ("proc",), _DONE, RX, RX, None, (_MIG,),
          "Corrections are made offline from now on."),
    Right(_ON, _TEAM, (_P, _A), RWX, RWX, None, (),
          "The team works at the instrument."),
    Right(_ON, _TEAM, (_F, *_DONE), RX, RX, None, (),
          "The online tree is read-only for users once the beamtime has ended (B6)."),
    Right(_OFF, ("root", "links"), _ALL, RX, RX, None, _EVERY,
          "The way in; folders, links and the links of runs are made by us."),
    Right(_OFF, ("raw",), _WORK, RX, RX, _MIG, (_CAL, _RED),
          "Written by the migration service only."),
    Right(_OFF, ("raw",), _DONE, RX, RX, None, (_MIG, _CAL, _RED),
          "Complete: nobody writes, files are r--."),
    Right(_OFF, ("proc",), _WORK, RX, RX, _CAL, (_RED,),
          "Written by the calibration service only."),
    Right(_OFF, ("proc",), _DONE, RX, RX, None, (_CAL, _RED),
          "Complete: nobody writes."),
    Right(_OFF, _TEAM, (*_WORK, _R), RWX, RWX, None, (),
          "The team's own, writable for a year after the review."),
    Right(_OFF, _TEAM, (_L, _C), RX, RX, None, (),
          "A year after the review the team only reads."),
    Right(_OFF, ("red",), (_P,), RX, RX, None, (_RED,),
          "There is nothing to reduce yet."),
    Right(_OFF, ("red",), (_A, _F), RX, RX, _RED, (),
          "Written by the reduction service."),
    Right(_OFF, ("red",), (_R,), RX, RWX, None, (_RED,),
          "Data managers curate what was reduced."),
    Right(_OFF, ("red",), (_L, _C), RX, RX, None, (_RED,),
          "Curated: nobody writes."),
    Right(_OFF, ("open",), _ALL, RX, RX, None, (),
          "Filled by the release only."),
    Right(_ARC, ("raw",), (*_WORK, _R, _L), RX, RX, _MIG, (_CAL,),
          "Second copies arrive until the proposal is archived."),
    Right(_ARC, ("raw",), (_C,), RX, RX, None, (_MIG, _CAL),
          "Archived: nobody writes."),
)
# fmt: on
"""The table. In Closed the keeper's own `w` goes too (B8: everything r-x)."""


def right(side: Side, kind: str, phase: Phase) -> Right:
    """The row that applies.

    Raises:
        Invalid: The storage has no such folder.
    """
    rows = [r for r in RIGHTS if r.side is side and kind in r.kinds and phase in r.phases]
    if len(rows) != 1:
        rule = f"must be one of {', '.join(KINDS[side])} on {side} storage"
        raise Invalid(f"kind {kind!a} {rule}", fields={"kind": rule})
    return rows[0]


def _self_check() -> None:
    """Refuse a table that leaves a folder without exactly one rule in some phase."""
    for side, kinds in KINDS.items():
        for kind in kinds:
            for phase in Phase:
                right(side, kind, phase)


_self_check()

_PHASES = {
    BeamtimeState.ACTIVE: Phase.ACTIVE,
    BeamtimeState.FINISHED: Phase.FINISHED,
    BeamtimeState.REVIEWED: Phase.REVIEWED,
    BeamtimeState.CLOSED: Phase.CLOSED,
}


def writable_until(reviewed_at: datetime, zone: tzinfo) -> datetime:
    """When the team stops writing to `usr` and `scratch`.

    Args:
        reviewed_at: When the beamtime was reviewed, aware.
        zone: The facility's; the wall clock is kept.

    Returns:
        The instant in UTC.
    """
    return add_civil(reviewed_at, zone, years=USR_WRITABLE_YEARS)


def phase_of(
    state: BeamtimeState, now: datetime | None = None, until: datetime | None = None
) -> Phase:
    """The phase that a beamtime status means for the folders.

    Args:
        state: Beamtime status.
        now: The moment, aware; None: nothing has lapsed.
        until: `writable_until` of a Reviewed beamtime; None when it is not known.
    """
    phase = _PHASES.get(state, Phase.PROVISIONED)
    lapsed = now is not None and until is not None and now >= until
    return Phase.LAPSED if phase is Phase.REVIEWED and lapsed else phase


def markdown() -> str:
    """The table for the handbook."""
    lines = [
        "| storage | folder | phase | participants | data managers | written by | read by"
        " | because |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in RIGHTS:
        phases = "all" if row.phases == _ALL else ", ".join(row.phases)
        cells = (
            *(row.side, ", ".join(row.kinds), phases, letters(row.part), letters(row.managers)),
            *(row.writer or "–", ", ".join(row.readers) or "–", row.because),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(
        [
            *lines,
            "",
            "Every folder belongs to the keeper, with the participants' group as owning group and"
            " setgid; `group::` and `other::` are empty. The keeper has rwx, in *closed* r-x: no"
            " write bit is left anywhere.",
        ]
    )
