"""Fulfilling what is due: one obligation at a time, each in its own transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from catalog.commands import assessing, calibration, dark_life, duties, migration, proposals
from catalog.commands.journal import ask, notice
from catalog.queries.sweeps import Stuck
from catalog.tables.journal import Obligation
from policies.actor import SYSTEM
from policies.errors import Missing, Refused
from policies.vocabulary import BeamtimeEvent, Duty, Role, StepName, Work

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Automatic:
    """Transitions that may happen by themselves; all off unless a site says otherwise.

    Attributes:
        start: Ready becomes Active when the first beamtime begins.
        finish: Active becomes Finished a day after the last beamtime, when no run is open.
        close: Reviewed becomes Closed when nothing more is due.
    """

    start: bool = False
    finish: bool = False
    close: bool = False


def fulfil(session: Session, obligation_id: int, automatic: Automatic, now: datetime) -> str:
    """Do what an obligation asks for, or put it off with the reason.

    Returns:
        What was done, in words.

    Raises:
        Missing: No such obligation.
    """
    row = session.get(Obligation, obligation_id)
    if row is None:
        raise Missing(f"there is no obligation {obligation_id}", field="id")
    if row.settled_at is not None:
        return "settled meanwhile"
    outcome, again = _DUTIES[row.duty](session, row, automatic, now)
    if again is None:
        duties.settle(row, now, outcome)
    else:
        row.due_at = now + again
        row.details = {**row.details, "again": outcome}
    return outcome


_Outcome = tuple[str, timedelta | None]
_Duty = Callable[[Session, Obligation, Automatic, datetime], _Outcome]


def _tell(session: Session, row: Obligation, now: datetime, text: str, *to: Role) -> None:
    key = f"{row.duty}:{row.proposal}:{row.run}:{now:%Y%m%dT%H}"
    notice(session, key=key, now=now, to=list(to), text=text, proposal=row.proposal, run=row.run)


def _not_ready(session: Session, row: Obligation, _a: Automatic, now: datetime) -> _Outcome:
    text = f"Proposal {row.proposal} is not Ready and its first beamtime is near."
    _tell(session, row, now, text, Role.LC, Role.BE, Role.ADMIN)
    return "reminded", WEEK


def _review(session: Session, row: Obligation, _a: Automatic, now: datetime) -> _Outcome:
    text = f"Proposal {row.proposal} is finished: assess its runs and the delivered shifts."
    _tell(session, row, now, text, Role.LS, Role.T_DM)
    return "reminded", WEEK


def _stale(session: Session, row: Obligation, _a: Automatic, now: datetime) -> _Outcome:
    text = f"Run {row.run} of proposal {row.proposal} has been open for a day."
    _tell(session, row, now, text, Role.BE, Role.LC, Role.ADMIN)
    return "alarmed", timedelta(days=1)


def _transition(
    session: Session, row: Obligation, now: datetime, event: BeamtimeEvent, *, wanted: bool
) -> _Outcome:
    """Move a beamtime by the clock, where the site switched it on."""
    if not wanted:
        return "switched off: a person decides", None
    try:
        with session.begin_nested():
            proposals.advance(session, row.proposal or 0, event, SYSTEM, now, "automatic")
    except Refused as error:
        text = f"Proposal {row.proposal}: {event} by the clock was refused: {error.message}"
        _tell(session, row, now, text, Role.BE, Role.LC)
        return f"refused: {error.message}", HOUR
    return f"{event} by the clock", None


def _start(session: Session, row: Obligation, a: Automatic, now: datetime) -> _Outcome:
    return _transition(session, row, now, BeamtimeEvent.START, wanted=a.start)


def _finish(session: Session, row: Obligation, a: Automatic, now: datetime) -> _Outcome:
    return _transition(session, row, now, BeamtimeEvent.FINISH, wanted=a.finish)


def _close(session: Session, row: Obligation, a: Automatic, now: datetime) -> _Outcome:
    if not a.close:
        return "switched off: a person decides", None
    ask(
        session,
        Work.BEAMTIME_CLOSE,
        key=f"{Work.BEAMTIME_CLOSE}:{row.proposal}:auto:{row.id}",
        now=now,
        parameters={"proposal": row.proposal},
        proposal=row.proposal,
    )
    return "asked for beamtime-close", None


def _lapse(session: Session, row: Obligation, _a: Automatic, now: datetime) -> _Outcome:
    ask(
        session,
        Work.PROPOSAL_PREPARE,
        key=f"{Work.PROPOSAL_PREPARE}:{row.proposal}:lapse:{row.id}",
        now=now,
        parameters={"proposal": row.proposal, "only": [str(StepName.OFFLINE_ACLS)]},
        proposal=row.proposal,
    )
    return "asked for the rights of a lapsed proposal", None


def _quality(session: Session, row: Obligation, _a: Automatic, now: datetime) -> _Outcome:
    try:
        with session.begin_nested():
            move = assessing.auto_assess(session, row.proposal or 0, row.run or 0, now)
    except Refused as error:
        return f"put off: {error.message}", HOUR
    return ("set to Good" if move else "somebody was faster"), None


def _retry(session: Session, row: Obligation, _a: Automatic, now: datetime) -> _Outcome:
    try:
        with session.begin_nested():
            migration.retry(session, row.proposal or 0, row.run or 0, SYSTEM, now, "retry ladder")
    except Refused as error:
        return f"no longer needed: {error.message}", None
    return "asked again", None


def _calibration(session: Session, row: Obligation, _a: Automatic, now: datetime) -> _Outcome:
    return calibration.time_out(session, row.proposal or 0, row.run or 0, now), None


def _dark(session: Session, row: Obligation, _a: Automatic, now: datetime) -> _Outcome:
    return dark_life.time_out(session, row.proposal or 0, now), None


_DUTIES: dict[Duty, _Duty] = {
    Duty.REMIND_NOT_READY: _not_ready,
    Duty.REMIND_REVIEW: _review,
    Duty.STALE_OPEN_RUN: _stale,
    Duty.AUTO_START: _start,
    Duty.AUTO_FINISH: _finish,
    Duty.AUTO_CLOSE: _close,
    Duty.LAPSE_RIGHTS: _lapse,
    Duty.AUTO_QUALITY: _quality,
    Duty.RETRY_MIGRATION: _retry,
    Duty.CALIBRATION_DEADLINE: _calibration,
    Duty.DARK_DEADLINE: _dark,
}


def push(session: Session, item: Stuck, now: datetime, every: timedelta) -> str:
    """Ask again for the work that a stuck run waits for, once per interval.

    Returns:
        The key of the asking.
    """
    slot = int(now.timestamp() // every.total_seconds())
    row = ask(
        session,
        item.work,
        key=f"{item.work}:{item.proposal}:{item.run}:stuck:{slot}",
        now=now,
        parameters={"proposal": item.proposal, "run": item.run},
        proposal=item.proposal,
        run=item.run,
    )
    return row.key
