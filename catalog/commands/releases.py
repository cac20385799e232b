"""The only functions that open data: begun, proved step by step, believed when read back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from catalog.commands import leases
from catalog.commands.journal import ask, notice
from catalog.commands.leases import Held
from catalog.commands.rehearsal import demand_true_clock
from catalog.commands.release_write import (
    Carrier,
    carrier,
    facts,
    move,
    note,
    step,
    touch_dois,
)
from catalog.queries import releases as queries
from catalog.tables.dois import DoiRecord
from catalog.tables.files import DataGroup
from policies.actor import SYSTEM, Actor
from policies.errors import Refused
from policies.opening import OpenGroup, Opening
from policies.release_machine import RELEASE
from policies.vocabulary import (
    DoiSubject,
    ReleaseEvent,
    ReleaseState,
    ReleaseStep,
    Role,
    Work,
)

TOLD = (Role.PI, Role.MP, Role.T_DM)
"""Who is told what became of their data."""


def begin(
    session: Session,
    number: int,
    part: int,
    stores: Sequence[str],
    held: Held,
    now: datetime,
    *,
    actor: Actor = SYSTEM,
    reason: str = "",
) -> Opening:
    """Begin to open what is due, or go on.

    Args:
        session: A writing session.
        number: Proposal number.
        part: Row id of the part; 0: the whole proposal.
        stores: Repositories whose copies can be opened, the preferred first.
        held: The caller's lease.
        now: When, aware.
        actor: Who asks.
        reason: Why; needed after an incident.

    Returns:
        What it is about; with state `open` when there is nothing to do.

    Raises:
        Missing: No such proposal or part.
        LeaseLost: The caller's lease is not the newest.
        Forbidden: Not the actor's to ask.
        Refused: The table says no, a hold stands, or the clock may be wrong.
    """
    leases.check(session, held, now)
    row = carrier(session, number, part)
    groups = queries.groups(session, row.proposal, row.part, stores)
    if row.state is ReleaseState.OPEN:
        return _opening(session, row, groups, stores)
    demand_true_clock(session, now)
    known = facts(session, row, groups, now)
    first = step(session, row, ReleaseStep.PREFLIGHT, now)
    first.attempts += 1
    if row.state is ReleaseState.OPENING:
        # Every guard again: much may have happened since it began.
        RELEASE.decide(ReleaseState.EMBARGOED, ReleaseEvent.BEGIN_OPENING, SYSTEM.roles, known)
    else:
        details = {"groups": len(groups), "lease": held.token}
        move(session, row, ReleaseEvent.BEGIN_OPENING, known, actor, now, reason, details)
    first.started_at = first.ended_at = now
    first.outcome, first.proof = "nothing speaks against it", {"groups": len(groups)}
    return _opening(session, row, groups, stores)


def _opening(
    session: Session, row: Carrier, groups: list[OpenGroup], stores: Sequence[str]
) -> Opening:
    siblings: tuple[OpenGroup, ...] = ()
    if row.part is not None:
        own = {g.group for g in groups}
        every = queries.groups(session, row.proposal, None, stores)
        siblings = tuple(g for g in every if g.group not in own and not g.because)
    return Opening(row.proposal.number, row.part_id, row.state, tuple(groups), siblings)


def refused(session: Session, number: int, part: int, why: str, now: datetime) -> None:
    """Put on record why an opening did not begin; nothing else changes."""
    row = carrier(session, number, part)
    first = step(session, row, ReleaseStep.PREFLIGHT, now)
    first.started_at, first.ended_at, first.outcome = now, None, why


def save_digests(
    session: Session, group: int, digests: Mapping[str, str], held: Held, now: datetime
) -> int:
    """Keep the public sums of a group's files; answers how many are new.

    Args:
        session: A writing session.
        group: Row id of the data group.
        digests: Relative path → SHA-256, 64 hex digits.
        held: The caller's lease.
        now: When, aware.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Refused: A file has another sum on record: its bytes are not what was opened before.
    """
    leases.check(session, held, now)
    new = 0
    for file in queries.files(session, group):
        digest = digests.get(file.relative_path, "")
        if not digest or file.sha256 == digest:
            continue
        if file.sha256:
            raise Refused(f"{file.relative_path} has another SHA-256 on record", group=group)
        file.sha256, new = digest, new + 1
    session.flush()
    return new


def done(
    session: Session,
    number: int,
    part: int,
    which: ReleaseStep,
    held: Held,
    now: datetime,
    outcome: str,
    proof: Mapping[str, Any],
) -> None:
    """Put on record that a step was done and read back.

    Raises:
        LeaseLost: The caller's lease is not the newest.
    """
    leases.check(session, held, now)
    row = step(session, carrier(session, number, part), which, now)
    row.attempts += 1
    row.ended_at, row.outcome, row.proof = now, outcome, dict(proof)


def confirm(
    session: Session, number: int, part: int, stores: Sequence[str], held: Held, now: datetime
) -> bool:
    """Call it open: a stranger has read it.

    Returns:
        Whether this said something new.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Refused: A step is not proved, it is not due any more, a hold stands, or the clock may be
            wrong.
    """
    leases.check(session, held, now)
    demand_true_clock(session, now)
    row = carrier(session, number, part)
    if row.state is ReleaseState.OPEN:
        return False
    groups = queries.groups(session, row.proposal, row.part, stores)
    known = facts(session, row, groups, now)
    move(session, row, ReleaseEvent.CONFIRM_OPEN, known, SYSTEM, now)
    row.opened(now)
    _open_groups(session, row, groups, now)
    last = step(session, row, ReleaseStep.RECORD, now)
    last.attempts, last.ended_at, last.outcome = last.attempts + 1, now, "open"
    what = "A part of the data" if part else "The data"
    text = f"{what} of proposal {number} are open to everybody now: {len(groups)} data groups."
    key = f"opened:{number}:{part}:{now:%Y%m%d%H%M}"
    notice(session, key=key, now=now, to=TOLD, text=text, proposal=number)
    return True


def _open_groups(session: Session, row: Carrier, groups: list[OpenGroup], now: datetime) -> None:
    ids = [g.group for g in groups]
    session.connection().execute(
        sa.update(DataGroup).where(col(DataGroup.id).in_(ids)).values(flg_public=True)
    )
    touch_dois(session, row.proposal, now)
    if row.part is None:
        session.connection().execute(
            sa.update(DoiRecord)
            .where(
                col(DoiRecord.proposal_id) == row.proposal.id,
                col(DoiRecord.subject_kind) == DoiSubject.PROPOSAL,
                col(DoiRecord.issued_at).is_(None),
            )
            .values(issued_at=now)
        )
    session.expire_all()


def close_again(
    session: Session, number: int, part: int, held: Held, now: datetime, reason: str
) -> None:
    """Opening failed and everything was closed as before; it is tried again.

    What was opened once before and failed now is not put back under the embargo: a person
    decides again.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Refused: It is not opening.
    """
    leases.check(session, held, now)
    row = carrier(session, number, part)
    before = row.part.openly_released_at if row.part else row.proposal.openly_released_at
    event = ReleaseEvent.CLOSE_AGAIN if before is None else ReleaseEvent.RECLOSE
    move(session, row, event, facts(session, row, [], now), SYSTEM, now, reason)
    first = step(session, row, ReleaseStep.PREFLIGHT, now)
    first.ended_at, first.outcome = None, reason
    text = f"Opening the data of proposal {number} failed, they are closed as before: {reason}"
    key = f"release-failed:{number}:{part}:{now:%Y%m%d}"
    notice(session, key=key, now=now, to=[Role.ADMIN], text=text, proposal=number)


def closed(
    session: Session, number: int, part: int, held: Held, now: datetime, groups: int
) -> None:
    """Put on record that the files are closed again, looked at as a stranger.

    Raises:
        LeaseLost: The caller's lease is not the newest.
    """
    leases.check(session, held, now)
    row = carrier(session, number, part)
    for which in (ReleaseStep.RIGHTS, ReleaseStep.ANONYMOUS):
        found = step(session, row, which, now)
        found.ended_at, found.outcome = None, "closed to everybody"
    note(session, row, "files-closed", now, {"groups": groups})


def ask_for(session: Session, number: int, part: int, now: datetime) -> None:
    """Ask for the flow that opens; once an hour."""
    key = f"{Work.RELEASE_ONE}:{number}:{part}:{now:%Y%m%d%H}"
    parameters = {"proposal": number, "part": part}
    ask(session, Work.RELEASE_ONE, key=key, now=now, parameters=parameters, proposal=number)
