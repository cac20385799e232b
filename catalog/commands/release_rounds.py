"""Rounds of the release sweep: begun on record, stopped by breakers, confirmed by a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from catalog.commands import releases
from catalog.commands.journal import ask, notice, record
from catalog.queries import releases as queries
from catalog.tables.release import ReleaseRound
from policies import breakers, permissions
from policies.actor import SYSTEM, Actor
from policies.breakers import Limits
from policies.errors import Missing, Refused
from policies.vocabulary import Role, Subject, Work

PAGE = 1000
"""Proposals that are asked for in one transaction."""


@dataclass(frozen=True)
class Round:
    """A round as its worker knows it.

    Attributes:
        id: Row id.
        due: Proposals that are due.
        byte_size: Their bytes.
        stopped: Why a person has to look; empty: it goes on.
        until: Proposals that became due later are left to the next round; None: none are.
    """

    id: int
    due: int
    byte_size: int
    stopped: str = ""
    until: datetime | None = None


def begin(session: Session, limits: Limits, now: datetime) -> Round:
    """Begin a round, or stop before anything was asked for.

    A stopped round that somebody confirmed is taken up: it opens what was due when it stopped.
    """
    confirmed = session.exec(
        select(ReleaseRound)
        .where(ReleaseRound.stopped != "", col(ReleaseRound.confirmed_at).is_not(None))
        .where(col(ReleaseRound.ended_at).is_(None))
        .order_by(col(ReleaseRound.id).desc())
    ).first()
    if confirmed is not None and confirmed.id:
        return Round(confirmed.id, confirmed.due, confirmed.byte_size, until=confirmed.begun_at)
    facts = queries.round_facts(session, now)
    why = "; ".join(breakers.tripped(facts, limits))
    waiting = _standing(session)
    if waiting is not None and why:
        # One question at a time: the round that waits for a person speaks of now.
        waiting.begun_at, waiting.due, waiting.byte_size = now, facts.due, facts.byte_size
        waiting.stopped = why
        return Round(waiting.id or 0, facts.due, facts.byte_size, why)
    if waiting is not None:
        waiting.ended_at = now
    row = ReleaseRound(begun_at=now, due=facts.due, byte_size=facts.byte_size, stopped=why)
    session.add(row)
    session.flush()
    if why:
        _say(session, row, "stop", SYSTEM, now, why)
        text = f"The nightly release stopped, nothing was opened: {why}. See release-confirm."
        key = f"release-stopped:{row.id}"
        notice(session, key=key, now=now, to=[Role.ADMIN], text=text)
    return Round(row.id or 0, facts.due, facts.byte_size, why)


def _standing(session: Session) -> ReleaseRound | None:
    return session.exec(
        select(ReleaseRound).where(
            ReleaseRound.stopped != "",
            col(ReleaseRound.confirmed_at).is_(None),
            col(ReleaseRound.ended_at).is_(None),
        )
    ).first()


def ask_page(session: Session, found: Round, after: int, now: datetime) -> list[int]:
    """Ask for the opening of a page of due proposals; the last number goes into the next call."""
    numbers = queries.due(session, found.until or now, after=after, limit=PAGE)
    for number in numbers:
        releases.ask_for(session, number, 0, now)
    return numbers


def ask_parts(session: Session, now: datetime) -> list[tuple[int, int]]:
    """Ask for the opening of parts that may open; people granted each of them."""
    found = queries.due_parts(session, now)
    for number, part in found:
        releases.ask_for(session, number, part, now)
    return found


def end(session: Session, found: Round, asked: int, now: datetime) -> None:
    """Put the end of a round on record."""
    row = session.get_one(ReleaseRound, found.id)
    row.asked, row.ended_at = asked, now


def confirm(session: Session, actor: Actor, now: datetime, reason: str) -> Round:
    """Let a round that stopped go on.

    Raises:
        Forbidden: Not the actor's to ask.
        Missing: No round waits for a person.
        Refused: No reason.
    """
    permissions.demand("release:confirm", actor.roles)
    if not reason.strip():
        raise Refused("confirming a round needs a reason", guard="reason")
    row = _standing(session)
    if row is None:
        raise Missing("no round waits for a person")
    row.confirmed_by, row.confirmed_at = actor.name, now
    _say(session, row, "confirm", actor, now, reason.strip())
    ask(session, Work.RELEASE_SWEEP, key=f"release-confirmed:{row.id}", now=now, parameters={})
    return Round(row.id or 0, row.due, row.byte_size, until=row.begun_at)


def alarm(session: Session, now: datetime, after: timedelta) -> list[queries.Overdue]:
    """Tell people of every proposal that should be open for longer than a time, once a day."""
    found = queries.overdue(session, now, after)
    for one in found:
        why = one.why or "nobody tried to open it"
        text = (
            f"The embargo of proposal {one.proposal} is over since {one.since:%Y-%m-%d %H:%M} UTC"
            f" and its data are not open: {why}"
        )
        key = f"release-overdue:{one.proposal}:{now:%Y%m%d}"
        notice(session, key=key, now=now, to=[Role.ADMIN], text=text, proposal=one.proposal)
    return found


def _say(
    session: Session, row: ReleaseRound, event: str, actor: Actor, now: datetime, reason: str
) -> None:
    record(
        session,
        subject=Subject.RELEASE_SWEEP,
        subject_id=row.id or 0,
        event=event,
        actor=actor,
        now=now,
        policy=breakers.VERSION,
        reason=reason,
        details={"due": row.due, "byte_size": row.byte_size},
    )
