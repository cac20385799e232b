"""Asking for a run's corrected data: requests, repeats, the wait for the migration, the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from catalog.commands import duties
from catalog.commands.calibration_write import (
    Asker,
    ask_run,
    by_system,
    move_execution,
    move_request,
    new_request,
)
from catalog.queries.find import run_row
from catalog.tables.calibration import CalibrationRequest, Execution
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies import calibration as rules
from policies import permissions
from policies.actor import SYSTEM, Actor
from policies.calibration import CalibrationFacts
from policies.errors import Missing, Refused
from policies.executions import ENDED_EXECUTIONS
from policies.layout import run_label
from policies.vocabulary import (
    CalibrationEvent,
    CalibrationState,
    Duty,
    ExecutionEvent,
    ExecutionState,
    RunState,
    Work,
)


@dataclass(frozen=True)
class Site:
    """What the site's settings say about calibration.

    Attributes:
        auto_when: `always`, `never` or `preferred-processed`.
        wait: How long a request waits for the migration.
        repeat_failed_only: Whether a repeat leaves alone what succeeded.
    """

    auto_when: str
    wait: timedelta
    repeat_failed_only: bool = True


@dataclass(frozen=True)
class Asked:
    """What became of an asking.

    Attributes:
        request: Row id of the request.
        state: Where it stands.
        changed: False when such a request was open already.
        detectors: Karabo ids that were asked for; empty: all.
    """

    request: int
    state: CalibrationState
    changed: bool
    detectors: tuple[str, ...] = ()


def request(
    session: Session,
    number: int,
    run_number: int,
    site: Site,
    actor: Actor,
    now: datetime,
    *,
    detectors: Sequence[str] = (),
    kind: str = "asked",
    reason: str = "",
) -> Asked:
    """Ask for a run's corrected data.

    A run that is not migrated yet is waited for. A second asking of the same while one is open
    changes nothing.

    Args:
        session: A writing session.
        number: Proposal number.
        run_number: Run number.
        site: What the site says.
        actor: Who asks.
        now: When, aware.
        detectors: Karabo ids; empty: every detector of the run.
        kind: `asked`, `automatic` or `repeat`.
        reason: Why, in the actor's words.

    Raises:
        Missing: No such proposal or run.
        Forbidden: Not the actor's to ask.
        Refused: The run is open or will never be migrated, or another request is open.
    """
    permissions.demand("run:calibrate", actor.roles)
    proposal, run = run_row(session, number, run_number)
    wanted = sorted(set(detectors))
    known = open_request(session, run)
    if known is not None:
        if not known.detectors or known.detectors == wanted:
            return Asked(known.id or 0, known.state, False, tuple(known.detectors))
        raise Refused(
            f"calibration {known.id} of {run_label(number, run_number)} is open for"
            f" {', '.join(known.detectors)}: wait for its end or cancel it",
            request=known.id,
        )
    _can_come(run, number)
    row = CalibrationRequest(
        proposal_id=proposal.id or 0,
        run_id=run.id or 0,
        state_since=now,
        kind=kind,
        detectors=wanted,
        requested_by=actor.name,
        requested_at=now,
        description=reason,
        deadline_at=now + site.wait,
    )
    by = Asker(actor, now, reason)
    new_request(session, (proposal, run), row, by)
    if run.state is RunState.MIGRATED:
        ask_run(session, Work.RUN_CALIBRATE, number, run_number, str(row.id), now)
    else:
        facts = CalibrationFacts()
        move_request(session, (proposal, run), row, CalibrationEvent.AWAIT, facts, by_system(now))
        duties.owe(
            session,
            Duty.CALIBRATION_DEADLINE,
            key=f"{Duty.CALIBRATION_DEADLINE}:{row.id}",
            due_at=row.deadline_at,
            now=now,
            proposal=number,
            run=run_number,
        )
    return Asked(row.id or 0, row.state, True, tuple(wanted))


def _can_come(run: Run, number: int) -> None:
    label = run_label(number, run.run_number)
    if run.state is RunState.OPEN:
        raise Refused(f"{label} is open: the DAQ is recording")
    if run.state is RunState.NOT_INTERESTING:
        raise Refused(f"{label} is Not interesting: it is never migrated, so never calibrated")


def repeat(
    session: Session,
    number: int,
    run_number: int,
    site: Site,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> Asked:
    """Ask once more: for the detectors that failed, or for all when none did.

    Raises:
        Missing: No such proposal or run.
        Refused: It was never calibrated, or a request is open.
    """
    _, run = run_row(session, number, run_number)
    last = newest(session, run)
    if last is None:
        raise Refused(f"{run_label(number, run_number)} was never calibrated: ask for it first")
    failed = session.exec(
        select(Execution.karabo_id)
        .where(Execution.request_id == last.id, Execution.state == ExecutionState.FAILED)
        .order_by(Execution.karabo_id)
    ).all()
    wanted = failed if site.repeat_failed_only else ()
    return request(
        session,
        number,
        run_number,
        site,
        actor,
        now,
        detectors=wanted or last.detectors,
        kind="repeat",
        reason=reason,
    )


def cancel(
    session: Session, number: int, run_number: int, actor: Actor, now: datetime, reason: str
) -> CalibrationState:
    """Withdraw a run's open request; its jobs are cancelled, a former result stays.

    Raises:
        Missing: No such proposal or run.
        Refused: Nothing is open, no reason, or not the actor's to ask.
    """
    place = run_row(session, number, run_number)
    row = open_request(session, place[1])
    if row is None:
        raise Refused(f"no calibration of {run_label(number, run_number)} is open")
    by = Asker(actor, now, reason)
    move_request(session, place, row, CalibrationEvent.CANCEL, CalibrationFacts(), by)
    row.end_at, row.reply = now, f"Cancelled by {actor.name}"
    place[1].cal_pipeline_reply = row.reply
    for execution in session.exec(select(Execution).where(Execution.request_id == row.id)):
        if execution.state not in ENDED_EXECUTIONS or (execution.state is ExecutionState.SUCCEEDED):
            move_execution(session, (number, run_number), execution, ExecutionEvent.CANCEL, by)
    _settle(session, number, run_number, now, "cancelled")
    return row.state


def follow_migration(
    session: Session, number: int, run_number: int, site: Site, now: datetime
) -> None:
    """Wake what waited for the run, and ask by itself where proposal and site want it.

    Called in the transaction that completes the migration.
    """
    proposal, run = run_row(session, number, run_number)
    if run.state is not RunState.MIGRATED:
        return
    row = open_request(session, run)
    if row is not None and row.state is CalibrationState.WAITING:
        facts = CalibrationFacts(migrated=True)
        move_request(session, (proposal, run), row, CalibrationEvent.WAKE, facts, by_system(now))
        _settle(session, number, run_number, now, "migrated")
    wanted = rules.wanted_by_itself(site.auto_when, proposal.flg_preferred_data_output)
    if row is None and wanted and newest(session, run) is None:
        request(session, number, run_number, site, SYSTEM, now, kind="automatic")


def time_out(session: Session, number: int, run_number: int, now: datetime) -> str:
    """Give up a request whose run was not migrated before the deadline.

    Returns:
        What happened, in words.
    """
    place: tuple[Proposal, Run] = run_row(session, number, run_number)
    row = open_request(session, place[1])
    if row is None or row.state is not CalibrationState.WAITING or row.deadline_at > now:
        return "nothing waits any more"
    move_request(session, place, row, CalibrationEvent.TIME_OUT, CalibrationFacts(), by_system(now))
    row.end_at, row.reply = now, rules.TIMED_OUT
    place[1].cal_pipeline_reply = row.reply
    return row.reply


def open_request(session: Session, run: Run) -> CalibrationRequest | None:
    """The run's open request, None when nothing is asked."""
    return session.exec(
        select(CalibrationRequest).where(
            CalibrationRequest.run_id == run.id, col(CalibrationRequest.state).in_(rules.OPEN)
        )
    ).first()


def newest(session: Session, run: Run) -> CalibrationRequest | None:
    """The run's newest request, None when it was never asked for."""
    return session.exec(
        select(CalibrationRequest)
        .where(CalibrationRequest.run_id == run.id)
        .order_by(col(CalibrationRequest.id).desc())
    ).first()


def demand_open(session: Session, run: Run, number: int) -> CalibrationRequest:
    """The run's open request.

    Raises:
        Missing: Nothing is asked.
    """
    row = open_request(session, run)
    if row is None:
        raise Missing(f"no calibration of {run_label(number, run.run_number)} is open")
    return row


def _settle(session: Session, number: int, run_number: int, now: datetime, how: str) -> None:
    duties.settle_for_run(session, Duty.CALIBRATION_DEADLINE, number, run_number, now, how)
