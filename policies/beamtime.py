"""The beamtime status workflow as a table.

Source: states and their order, European XFEL presentation of 19 May 2021; who may ask and
the guards are ours (the role matrix is not public) and stand here so that a site can read
and change them.
"""

from policies.beamtime_guards import (
    ALL_ASSESSED,
    ALL_CALIBRATED,
    ALL_MIGRATED,
    ARCHIVED,
    HAS_BEAMTIME,
    HAS_PI,
    INSIDE_CYCLE,
    NEAR_BEGIN,
    NO_OPEN_RUN,
    OFFLINE_GREEN,
    OFFLINE_STEPS,
    ONE_ACTIVE,
    ONLINE_GREEN,
    ONLINE_STEPS,
    OPTIONAL_STEPS,
    SHIFTS,
    START_MARGIN,
    BeamtimeFacts,
    Span,
)
from policies.machine import Edge, Machine
from policies.veto import BEAMTIME_VETOES
from policies.vocabulary import BeamtimeEvent as E
from policies.vocabulary import BeamtimeState as S
from policies.vocabulary import Role

__all__ = [
    "BEAMTIME",
    "OFFLINE_STEPS",
    "ONLINE_STEPS",
    "OPTIONAL_STEPS",
    "RUNS_ACCEPTED_IN",
    "START_MARGIN",
    "VERSION",
    "BeamtimeEdge",
    "BeamtimeFacts",
    "Span",
]

VERSION = "beamtime-1"
"""Written into every journal row that this table decided."""

RUNS_ACCEPTED_IN = frozenset({S.READY, S.ACTIVE})
"""The DAQ may open runs in these states.

Source: a recorded production proposal took 704 runs while Ready.
"""

_STAFF = frozenset({Role.ADMIN, Role.LS, Role.BE})
_SYSTEM = frozenset({Role.ADMIN, Role.SYSTEM})
_RUNNING = frozenset({Role.ADMIN, Role.LS, Role.BE, Role.SG, Role.LC, Role.T_DM})
_BACK = frozenset({Role.ADMIN, Role.LS})

BeamtimeEdge = Edge[S, E, BeamtimeFacts]

BEAMTIME: Machine[S, E, BeamtimeFacts] = Machine(
    name="beamtime",
    states=S,
    events=E,
    start=S.NEW,
    vetoes=BEAMTIME_VETOES,
    ends=frozenset({S.CLOSED}),
    edges=(
        BeamtimeEdge(
            S.NEW,
            E.OFFLINE_CONFIGURED,
            S.GPFS_OFFLINE_DONE,
            _SYSTEM,
            (HAS_BEAMTIME, INSIDE_CYCLE, HAS_PI, OFFLINE_GREEN),
            (),
            "Groups, offline folders, ACLs and quotas were read back and match the plan.",
        ),
        BeamtimeEdge(
            S.GPFS_OFFLINE_DONE,
            E.ONLINE_CONFIGURED,
            S.GPFS_ONLINE_DONE,
            _SYSTEM,
            (ONLINE_GREEN,),
            (),
            "The instrument's online storage holds the folders and a write test succeeded.",
        ),
        BeamtimeEdge(
            S.GPFS_ONLINE_DONE,
            E.MAKE_READY,
            S.READY,
            _SYSTEM,
            (OFFLINE_GREEN, ONLINE_GREEN, HAS_PI),
            (),
            "Everything the beamtime needs exists; nobody has to wait for anything more.",
        ),
        BeamtimeEdge(
            S.READY,
            E.START,
            S.ACTIVE,
            _RUNNING | _SYSTEM,
            (ONE_ACTIVE, NEAR_BEGIN, OFFLINE_GREEN, ONLINE_GREEN),
            (),
            "At most one proposal is Active per instrument (the active-proposal query answers"
            " one object).",
        ),
        BeamtimeEdge(
            S.ACTIVE,
            E.FINISH,
            S.FINISHED,
            _RUNNING | _SYSTEM,
            (NO_OPEN_RUN,),
            (),
            "No more runs; the team snapshot is taken; assessment and migration drain.",
        ),
        BeamtimeEdge(
            S.FINISHED,
            E.REVIEW,
            S.REVIEWED,
            frozenset({Role.ADMIN, Role.LS}),
            (SHIFTS, ALL_ASSESSED, ALL_MIGRATED, ALL_CALIBRATED),
            (),
            "The leading scientist has assessed the delivered shifts and every run is decided.",
        ),
        BeamtimeEdge(
            S.REVIEWED,
            E.CLOSE,
            S.CLOSED,
            _SYSTEM | {Role.LS},
            (ARCHIVED, NO_OPEN_RUN, ALL_MIGRATED),
            (),
            "Frozen: folders lose every write bit; groups stay.",
        ),
        BeamtimeEdge(
            S.READY,
            E.STEP_BACK,
            S.GPFS_ONLINE_DONE,
            _BACK,
            (),
            (),
            "Something that Ready promised is gone; provisioning runs again.",
            reason=True,
        ),
        BeamtimeEdge(
            S.ACTIVE,
            E.STEP_BACK,
            S.READY,
            _BACK,
            (NO_OPEN_RUN,),
            (),
            "Started by mistake or postponed; nothing is removed.",
            reason=True,
        ),
        BeamtimeEdge(
            S.FINISHED,
            E.STEP_BACK,
            S.ACTIVE,
            _BACK,
            (ONE_ACTIVE,),
            (),
            "More beamtime is given, or it was finished by mistake.",
            reason=True,
        ),
        BeamtimeEdge(
            S.REVIEWED,
            E.STEP_BACK,
            S.FINISHED,
            _BACK,
            (),
            (),
            "The review has to be repeated.",
            reason=True,
        ),
        BeamtimeEdge(
            S.CLOSED,
            E.REOPEN,
            S.REVIEWED,
            frozenset({Role.ADMIN}),
            (),
            (),
            "No data move by themselves; folders stay read-only until re-provisioned.",
            reason=True,
        ),
    ),
)
