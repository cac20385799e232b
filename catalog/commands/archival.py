"""The only functions that move a proposal's raw data towards tape only."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from catalog.commands import leases
from catalog.commands.archival_write import TapeStore, facts, find, move, note, rows
from catalog.commands.journal import notice
from catalog.commands.leases import Held
from catalog.commands.portal_book import site
from catalog.commands.rehearsal import demand_true_clock
from catalog.queries import archival as queries
from catalog.queries.find import proposal_row
from catalog.tables.archival import Archival
from catalog.tables.files import Replica
from policies import archival as rules_of
from policies.actor import SYSTEM, Actor
from policies.archival import ARCHIVAL, ArchivalFacts, ArchivalRules, TapeCopy
from policies.vocabulary import ArchivalEvent, ArchivalState, Locality, Role

AGAIN = timedelta(days=1)
"""After so long what stopped is tried again."""

REGISTERED, SENT = "R", "S"
"""Codes of `flg_data_archived_notification`: known, and told to the team."""


def plan(session: Session, number: int, rules: ArchivalRules, now: datetime) -> bool:
    """Bring the planned day in line with the end of the embargo.

    Args:
        session: A writing session.
        number: Proposal number.
        rules: What the policy says.
        now: When, aware.

    Returns:
        Whether anything changed. A day that was announced only moves to a later one.

    Raises:
        Missing: No such proposal.
    """
    proposal = proposal_row(session, number)
    if proposal.release_at is None or proposal.data_archived_at is not None:
        return False
    wanted = rules_of.expected_at(proposal.release_at, site(session).zone, rules)
    row = find(session, proposal)
    told = row is not None and row.state is not ArchivalState.PLANNED
    if row is not None and (row.expected_at == wanted or (told and wanted < row.expected_at)):
        return False
    former = row.expected_at.isoformat() if row else ""
    if row is None:
        row = Archival(proposal_id=proposal.id or 0, state_since=now, expected_at=wanted)
        session.add(row)
        proposal.flg_data_archived_notification = REGISTERED
    row.expected_at = proposal.expected_data_archive_at = wanted
    session.flush()
    note(session, proposal, row, "plan", SYSTEM, now, source=former, target=wanted.isoformat())
    return True


def notify(session: Session, number: int, rules: ArchivalRules, now: datetime) -> bool:
    """Tell the team once the time has come.

    Returns:
        Whether they were told now.

    Raises:
        Missing: No such proposal, or nothing is planned for it.
        Refused: The table says no.
    """
    proposal, row = rows(session, number)
    zone = site(session).zone
    if row.state is not ArchivalState.PLANNED:
        return False
    if now < rules_of.notice_at(row.expected_at, zone, rules):
        return False
    move(session, proposal, row, ArchivalEvent.NOTIFY, ArchivalFacts(now), SYSTEM, now)
    row.noticed_at, row.reason, row.next_try_at = now, "", None
    proposal.flg_data_archived_notification = SENT
    ready = rules_of.ready_at(row.expected_at, now, zone, rules)
    day = ready.astimezone(zone).date()
    text = (
        f"The raw data of proposal {number} move to tape only on {day} or soon after. They are"
        f" kept; reading them then takes hours or days. Who leads the proposal or manages its"
        f" data may object until then, in the form archival-ask."
    )
    key = f"archival:{number}:{row.expected_at:%Y%m%d}:{now:%Y%m%d}"
    to = [Role.PI, Role.MP, Role.T_DM]
    notice(session, key=key, now=now, to=to, text=text, proposal=number)
    return True


def decide(
    session: Session, number: int, event: ArchivalEvent, actor: Actor, now: datetime, reason: str
) -> ArchivalState:
    """Veto an archival, or take the veto back.

    Raises:
        Missing: No such proposal, or nothing is planned for it.
        Forbidden: Not the actor's to ask.
        Refused: No reason, or the table says no.
    """
    proposal, row = rows(session, number)
    move(session, proposal, row, event, ArchivalFacts(now), actor, now, reason)
    row.reason = reason if event is ArchivalEvent.VETO else ""
    row.noticed_at = None if event is ArchivalEvent.LIFT_VETO else row.noticed_at
    row.next_try_at = None
    return row.state


def ready(session: Session, number: int, rules: ArchivalRules, now: datetime) -> bool:
    """Whether the grace of an announced archival is over, or it moves already.

    Raises:
        Missing: No such proposal, or nothing is planned for it.
    """
    _, row = rows(session, number)
    if row.state is ArchivalState.MOVING:
        return True
    if row.state is not ArchivalState.NOTICED or row.noticed_at is None:
        return False
    zone = site(session).zone
    return rules_of.ready_at(row.expected_at, row.noticed_at, zone, rules) <= now


def begin(
    session: Session,
    number: int,
    rules: ArchivalRules,
    store: TapeStore,
    held: Held,
    now: datetime,
) -> list[TapeCopy]:
    """Begin to give up disk copies, or go on.

    Returns:
        The copies that it is about.

    Raises:
        Missing: No such proposal, or nothing is planned for it.
        LeaseLost: The caller's lease is not the newest.
        Refused: The table says no, a hold stands, or the clock may be wrong.
    """
    leases.check(session, held, now)
    demand_true_clock(session, now)
    proposal, row = rows(session, number)
    copies = queries.copies(session, proposal, store.repository)
    known = facts(session, proposal, row, copies, rules, store, now)
    if row.state is not ArchivalState.MOVING:
        row.attempts += 1
        details = {"attempt": row.attempts, "lease": held.token, "copies": len(copies)}
        move(session, proposal, row, ArchivalEvent.BEGIN, known, SYSTEM, now, details=details)
    else:
        # Every guard again: much may have happened since it began.
        ARCHIVAL.decide(ArchivalState.NOTICED, ArchivalEvent.BEGIN, SYSTEM.roles, known)
    row.next_try_at = None
    return copies


def stop(
    session: Session,
    number: int,
    held: Held,
    now: datetime,
    reason: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Stop because something does not fit; it is tried again in a day.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Refused: It does not move.
    """
    leases.check(session, held, now)
    proposal, row = rows(session, number)
    known = ArchivalFacts(now)
    move(session, proposal, row, ArchivalEvent.STOP, known, SYSTEM, now, reason, details=details)
    row.reason, row.next_try_at = reason, now + AGAIN
    text = f"The archival of proposal {number} stopped, nothing is lost: {reason}"
    key = f"archival-stop:{number}:{row.attempts}"
    notice(session, key=key, now=now, to=[Role.ADMIN], text=text, proposal=number)


def saw(
    session: Session, replica: int, locality: Locality | None, held: Held, now: datetime
) -> None:
    """Put on record where the store says that a copy is; None: in several places."""
    leases.check(session, held, now)
    row = session.get_one(Replica, replica)
    row.tape, row.tape_seen_at = str(locality or ""), now


def complete(
    session: Session,
    number: int,
    rules: ArchivalRules,
    store: TapeStore,
    proof: Mapping[str, Any],
    held: Held,
    now: datetime,
) -> None:
    """Put on record that every file is on tape only.

    Args:
        session: A writing session.
        number: Proposal number.
        rules: What the policy says.
        store: What the site says of its tape store.
        proof: What was read back.
        held: The caller's lease.
        now: When, aware.

    Raises:
        LeaseLost: The caller's lease is not the newest.
        Refused: The table says no, or a hold stands.
    """
    leases.check(session, held, now)
    proposal, row = rows(session, number)
    copies = queries.copies(session, proposal, store.repository)
    known = facts(session, proposal, row, copies, rules, store, now)
    kept = {**proof, "tape_copies_per_file": store.copies_per_file}
    move(session, proposal, row, ArchivalEvent.COMPLETE, known, SYSTEM, now, details=kept)
    row.archived_at = proposal.data_archived_at = now
    row.proof, row.reason = kept, ""
    text = (
        f"The raw data of proposal {number} are on tape only now: {proof.get('files', 0)} files."
        " They can be staged back on request."
    )
    to = [Role.PI, Role.MP, Role.T_DM]
    notice(session, key=f"archived:{number}", now=now, to=to, text=text, proposal=number)
