"""Who may do what: one table, deny by default.

Roles are computed from catalog facts at the time of asking and never stored on a person.
"""

from collections.abc import Set
from dataclasses import dataclass

from policies.errors import Forbidden
from policies.vocabulary import Role

VERSION = "permissions-1"
"""Written into journal rows that only this table decided."""


@dataclass(frozen=True)
class Grant:
    """One row.

    Attributes:
        action: `subject:verb`.
        roles: Who may.
        because: Why, with its source.
    """

    action: str
    roles: frozenset[Role]
    because: str


_SEE = frozenset(Role) - {Role.PORTAL_SYS}
_STAFF = frozenset({Role.ADMIN, Role.LS, Role.BE, Role.LC})

GRANTS: tuple[Grant, ...] = (
    Grant("proposal:see", _SEE, "Under embargo only those with a responsibility see it."),
    Grant(
        "proposal:import",
        frozenset({Role.ADMIN, Role.PORTAL_SYS, Role.SYSTEM}),
        "The user portal owns proposals, teams and beamtimes.",
    ),
    Grant("proposal:edit", _STAFF | {Role.PORTAL_SYS, Role.SYSTEM}, "Details of the experiment."),
    Grant(
        "team:edit",
        _STAFF | {Role.PI, Role.MP, Role.PORTAL_SYS, Role.SYSTEM},
        "Participants are added by PI request after the A-form.",
    ),
    Grant(
        "shifts:fill",
        frozenset({Role.ADMIN, Role.LS}),
        "Leading scientists assess the delivered shifts.",
    ),
    Grant(
        "beamtime:prepare",
        _STAFF | {Role.SG, Role.SYSTEM},
        "Provisioning is asked by the staff or by the system.",
    ),
    Grant("beamtime:override", frozenset({Role.ADMIN}), "Status only, marked as an override."),
    Grant(
        "proposal:hold",
        frozenset({Role.ADMIN}),
        "A hold is set and lifted by the administration, with a reason.",
    ),
    Grant(
        "rehearsal:declare",
        frozenset({Role.ADMIN}),
        "Where a clock may be moved, no embargo is real: said once, of an empty catalog.",
    ),
    Grant(
        "policy:load",
        frozenset({Role.ADMIN}),
        "A data policy is put on record by the administration; a version never changes.",
    ),
    Grant("run:open", frozenset({Role.ADMIN, Role.DAQ_SYS}), "Runs are registered by the DAQ."),
    Grant("run:close", frozenset({Role.ADMIN, Role.DAQ_SYS}), "Runs are closed by the DAQ."),
    Grant(
        "run:describe", frozenset(Role) - {Role.T_UL, Role.PORTAL_SYS}, "Alias, comment, technique."
    ),
    Grant(
        "run:assess",
        frozenset(
            {
                Role.ADMIN,
                Role.LS,
                Role.BE,
                Role.LC,
                Role.SG,
                Role.PI,
                Role.MP,
                Role.T_DM,
                Role.SYSTEM,
            }
        ),
        "Those who can judge the data decide whether they are migrated.",
    ),
    Grant(
        "run:migrate",
        frozenset({Role.ADMIN, Role.SYSTEM, Role.STORAGE_SYS}),
        "Copies and their proofs are recorded by the storage side only.",
    ),
    Grant(
        "run:calibrate",
        frozenset(
            {
                Role.ADMIN,
                Role.LS,
                Role.BE,
                Role.LC,
                Role.SG,
                Role.PI,
                Role.MP,
                Role.T_DM,
                Role.SYSTEM,
            }
        ),
        "Those who can judge the data ask for their correction, repeat and cancel it.",
    ),
    Grant(
        "dark:request",
        frozenset({Role.ADMIN, Role.LS, Role.BE, Role.LC, Role.SG, Role.T_DM}),
        "Data managers and the instrument's staff ask for constants.",
    ),
    Grant(
        "constant:deploy",
        _STAFF,
        "Constants are used once the instrument's staff has looked at the report.",
    ),
    Grant(
        "finding:resolve",
        frozenset({Role.ADMIN, Role.LS, Role.BE, Role.LC, Role.T_DM}),
        "A person takes responsibility, with a reason.",
    ),
    Grant(
        "inbox:reinject",
        frozenset({Role.ADMIN, Role.BE, Role.SYSTEM}),
        "Kept messages are put again by the staff.",
    ),
    Grant(
        "archival:decide",
        frozenset({Role.ADMIN, Role.PI, Role.T_DM}),
        "Whose data they are may keep them on disk.",
    ),
    Grant(
        "release:confirm",
        frozenset({Role.ADMIN}),
        "A round of releases that stopped goes on when a person has looked.",
    ),
    Grant("work:restart", _STAFF | {Role.SG, Role.SYSTEM}, "Asking again has no double effect."),
)


def roles_for(action: str) -> frozenset[Role]:
    """Roles granted this action; empty for an unknown one."""
    return next((g.roles for g in GRANTS if g.action == action), frozenset())


def allowed(action: str, roles: Set[Role]) -> bool:
    """Whether any of these roles may do it."""
    return bool(roles_for(action) & roles)


def demand(action: str, roles: Set[Role]) -> None:
    """Refuse what is not granted.

    Raises:
        Forbidden: None of the roles may; the message names who may.
    """
    granted = roles_for(action)
    if not granted & roles:
        raise Forbidden(
            f"{action} may be asked by {', '.join(sorted(granted)) or 'nobody'}",
            needs=sorted(granted),
            has=sorted(roles),
        )


def markdown() -> str:
    """The table for the handbook: actions down, roles across."""
    roles = list(Role)
    head = "| action | " + " | ".join(roles) + " | because |"
    rule = "|" + "---|" * (len(roles) + 2)
    rows = [
        f"| `{g.action}` | "
        + " | ".join("●" if r in g.roles else "" for r in roles)
        + f" | {g.because} |"
        for g in GRANTS
    ]
    return "\n".join([head, rule, *rows])
