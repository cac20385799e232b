"""Obligations with due dates: what has to happen later is a row now."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, tuple_

from catalog.commands.portal_book import site
from catalog.memory import memory
from catalog.tables.journal import Obligation
from catalog.tables.making import made
from catalog.tables.proposals import Proposal
from policies.access_table import writable_until
from policies.beamtime import BeamtimeFacts
from policies.vocabulary import BeamtimeState as S
from policies.vocabulary import Duty

BEFORE_READY = frozenset({S.NEW, S.GPFS_OFFLINE_DONE, S.GPFS_ONLINE_DONE})
REMIND_BEFORE = timedelta(weeks=4)
FINISH_AFTER = timedelta(hours=24)
REVIEW_AFTER = timedelta(days=14)

_BY_STATE = frozenset(
    {
        Duty.REMIND_NOT_READY,
        Duty.AUTO_START,
        Duty.AUTO_FINISH,
        Duty.REMIND_REVIEW,
        Duty.AUTO_CLOSE,
        Duty.LAPSE_RIGHTS,
    }
)
"""Duties that follow from a beamtime's state and dates alone; others settle by themselves."""


def plan(session: Session, proposal: Proposal, facts: BeamtimeFacts, now: datetime) -> None:
    """Bring a proposal's obligations in line with its state and dates.

    What no longer applies is settled as withdrawn; what is due later moves with the dates.

    Source: lead times of the notification table are ours.
    """
    state = proposal.flg_beamtime_status
    wanted: dict[Duty, datetime] = {}
    first, last = facts.first_begin_at, facts.last_end_at
    if state in BEFORE_READY and first is not None:
        wanted[Duty.REMIND_NOT_READY] = first - REMIND_BEFORE
    if state is S.READY and first is not None:
        wanted[Duty.AUTO_START] = first
    if state is S.ACTIVE and last is not None:
        wanted[Duty.AUTO_FINISH] = last + FINISH_AFTER
    if state is S.FINISHED:
        wanted[Duty.REMIND_REVIEW] = (proposal.status_since or now) + REVIEW_AFTER
    if state is S.REVIEWED:
        wanted[Duty.AUTO_CLOSE] = proposal.data_archived_at or now
        wanted[Duty.LAPSE_RIGHTS] = writable_until(proposal.status_since or now, site(session).zone)
    _align(session, proposal.number, wanted, now)


def _align(session: Session, number: int, wanted: dict[Duty, datetime], now: datetime) -> None:
    rows = session.exec(
        select(Obligation).where(
            Obligation.proposal == number,
            col(Obligation.run).is_(None),
            col(Obligation.settled_at).is_(None),
            col(Obligation.duty).in_(_BY_STATE),
        )
    ).all()
    for row in rows:
        due = wanted.pop(row.duty, None)
        if due is None:
            settle(row, now, "withdrawn")
        elif row.due_at != due and not row.details.get("again"):
            row.due_at = due
    for duty, due in wanted.items():
        key = f"{duty}:{number}:{now.isoformat()}"
        owe(session, duty, key=key, due_at=due, now=now, proposal=number)
    session.flush()


def owe(
    session: Session,
    duty: Duty,
    *,
    key: str,
    due_at: datetime,
    now: datetime,
    proposal: int | None = None,
    run: int | None = None,
    fresh: bool = False,
) -> Obligation:
    """Write an obligation; the same key is owed once.

    Args:
        session: A writing session.
        duty: What is owed.
        key: Unique name.
        due_at: When it is due, aware.
        now: When it was promised, aware.
        proposal: Proposal number.
        run: Run number.
        fresh: The caller knows that nothing is owed yet: nobody looks.
    """
    if not fresh:
        known = session.exec(select(Obligation).where(Obligation.key == key)).first()
        if known is not None:
            return known
    row = made(
        Obligation, key=key, duty=duty, proposal=proposal, run=run, due_at=due_at, created_at=now
    )
    session.add(row)
    if fresh:
        memory(session, "duties")[duty, proposal, run] = [row]
    else:
        memory(session, "duties").pop((duty, proposal, run), None)
        session.flush()
    return row


def settle(row: Obligation, now: datetime, outcome: str) -> None:
    """Note that an obligation is done, withdrawn or given up."""
    row.settled_at, row.outcome = now, outcome


def settle_for_run(
    session: Session, duty: Duty, proposal: int, run: int, now: datetime, outcome: str
) -> None:
    """Settle every open obligation of one kind on a run."""
    known = memory(session, "duties").get((duty, proposal, run))
    rows = (
        known
        if known is not None
        else session.exec(
            select(Obligation).where(
                Obligation.duty == duty,
                Obligation.proposal == proposal,
                Obligation.run == run,
                col(Obligation.settled_at).is_(None),
            )
        ).all()
    )
    for row in rows:
        if row.settled_at is None:
            settle(row, now, outcome)


def look_ahead(session: Session, duty: Duty, runs: Sequence[tuple[int, int]]) -> None:
    """Read the open obligations of one kind on many runs at once.

    Args:
        session: A writing session.
        duty: Which kind.
        runs: Pairs of proposal and run number.
    """
    known = memory(session, "duties")
    known |= {(duty, proposal, run): [] for proposal, run in runs}
    found = session.exec(
        select(Obligation)
        .where(Obligation.duty == duty, col(Obligation.settled_at).is_(None))
        .where(tuple_(col(Obligation.proposal), col(Obligation.run)).in_(runs))
    )
    for row in found:
        known[duty, row.proposal, row.run].append(row)
