"""Asking for constants from dark runs, and the life of such a request."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from catalog.commands import duties
from catalog.commands.calibration_write import (
    ask_dark,
    by_system,
    move_dark,
)
from catalog.commands.dark_life import facts_of
from catalog.commands.journal import record
from catalog.queries.calibration import DetectorView, detectors_of
from catalog.queries.facts import instrument_of
from catalog.queries.find import find_run, proposal_row
from catalog.tables.calibration import DarkRun, DarkRunPart, Detector
from catalog.tables.proposals import Proposal
from policies import dark as rules
from policies import permissions
from policies.actor import Actor
from policies.dark import DarkRunFacts, Mode
from policies.errors import Invalid
from policies.vocabulary import (
    DarkEvent,
    DarkState,
    Duty,
    Subject,
)


@dataclass(frozen=True)
class DarkAsk:
    """What the form says.

    Attributes:
        proposal: Proposal number.
        detector: Karabo id.
        units: Places of the modules (karabo_da) or their physical names; empty: all.
        mode: Operation mode by word or name.
        runs: Run numbers in gain order.
        description: Free words.
    """

    proposal: int
    detector: str
    units: tuple[str, ...]
    mode: str
    runs: tuple[int, ...]
    description: str = ""


@dataclass(frozen=True)
class Accepted:
    """A request that was accepted.

    Attributes:
        dark_run: Row id.
        state: Where it stands.
        changed: False when the same request was open already.
        warnings: What looked odd, in words.
    """

    dark_run: int
    state: DarkState
    changed: bool
    warnings: tuple[str, ...] = ()


def request(
    session: Session,
    asked: DarkAsk,
    actor: Actor,
    now: datetime,
    wait: timedelta,
    min_trains: int | None = None,
) -> Accepted:
    """Accept a dark-run request, or say which field breaks which rule.

    Args:
        session: A writing session.
        asked: What the form says.
        actor: Who asks.
        now: When, aware.
        wait: How long it waits for the migration of its runs.
        min_trains: Trains that each run must have here; None: as the operation mode says.

    Raises:
        Missing: No such proposal.
        Forbidden: Not the actor's to ask.
        Invalid: A field breaks a rule; nothing is kept.
    """
    permissions.demand("dark:request", actor.roles)
    proposal = proposal_row(session, asked.proposal)
    detector = _detector(session, proposal, asked.detector)
    mode = _mode(detector, asked.mode)
    units = _units(detector, asked.units)
    facts = [_run_facts(session, proposal, number) for number in asked.runs]
    needed = mode.min_trains if min_trains is None else min_trains
    faults, warnings = rules.check(mode, facts, needed)
    if faults:
        raise Invalid("; ".join(f"{k} {v}" for k, v in faults.items()), fields=faults)
    runs_info, names = json.dumps(list(asked.runs)), json.dumps([u[1] for u in units])
    row = session.exec(
        select(DarkRun).where(
            DarkRun.proposal_id == proposal.id,
            DarkRun.detector_identifier == detector.identifier,
            DarkRun.operation_mode_identifier == mode.identifier,
            DarkRun.runs_info == runs_info,
            DarkRun.pdu_physical_names == names,
            col(DarkRun.flg_status).in_(rules.OPEN),
        )
    ).first()
    if row is not None:
        return Accepted(row.id or 0, row.flg_status, False, tuple(row.warnings))
    detector_id = session.exec(
        select(Detector.id).where(Detector.identifier == detector.identifier)
    ).one()
    row = DarkRun(
        proposal_id=proposal.id or 0,
        detector_id=detector_id or 0,
        detector_identifier=detector.identifier,
        pdu_physical_names=names,
        pdu_karabo_das=[u[0] for u in units],
        operation_mode_identifier=mode.identifier,
        operation_mode_name=mode.name,
        runs_info=runs_info,
        state_since=now,
        requested_by=actor.name,
        requested_at=now,
        deadline_at=now + wait,
        warnings=warnings,
        description=asked.description,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    _parts(session, proposal, row, mode, asked.runs)
    _journal(session, proposal, row, actor, now)
    _start(session, proposal, row, now)
    return Accepted(row.id or 0, row.flg_status, True, tuple(warnings))


def _detector(session: Session, proposal: Proposal, identifier: str) -> DetectorView:
    instrument = instrument_of(session, proposal)
    known = detectors_of(session, instrument.id or 0)
    if identifier not in known:
        names = ", ".join(known) or "none on record"
        rule = f"is no detector of {instrument.identifier}; known: {names}"
        raise Invalid(f"detector {identifier!r} {rule}", fields={"detector": rule})
    return known[identifier]


def _mode(detector: DetectorView, word: str) -> Mode:
    mode = rules.mode_of(detector.detector_type, word)
    if mode is None:
        choices = rules.MODES.get(detector.detector_type, rules.MODES[rules.ANY])
        rule = f"of {detector.detector_type} is one of " + ", ".join(m.name for m in choices)
        raise Invalid(f"operation_mode {word!r}: {rule}", fields={"operation_mode": rule})
    return mode


def _units(detector: DetectorView, wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Place and physical name of each module that is asked for."""
    known = {unit.karabo_da: unit.physical_name for unit in detector.units}
    by_name = {name: place for place, name in known.items()}
    places = [by_name.get(word, word) for word in wanted] or list(known)
    odd = sorted(set(places) - set(known))
    if odd or not places:
        rule = f"are units of {detector.identifier}: " + (", ".join(known) or "none on record")
        raise Invalid(f"units {', '.join(odd)}: {rule}", fields={"units": rule})
    return [(place, known[place]) for place in sorted(set(places))]


def _run_facts(session: Session, proposal: Proposal, number: int) -> DarkRunFacts:
    run = find_run(session, proposal, number)
    if run is None:
        return DarkRunFacts(number)
    trains = None if run.last_train is None else run.last_train - run.first_train + 1
    return DarkRunFacts(
        number, run.state, run.flg_status, run.flg_run_quality, run.begin_at, run.end_at, trains
    )


def _parts(
    session: Session, proposal: Proposal, row: DarkRun, mode: Mode, runs: Sequence[int]
) -> None:
    for position, (number, stage) in enumerate(zip(runs, mode.stages, strict=True)):
        run = find_run(session, proposal, number)
        part = DarkRunPart(
            dark_run_id=row.id or 0,
            run_id=(run.id or 0) if run else 0,
            position=position,
            stage=stage,
        )
        session.add(part)
    session.flush()


def _journal(
    session: Session, proposal: Proposal, row: DarkRun, actor: Actor, now: datetime
) -> None:
    record(
        session,
        subject=Subject.DARK_RUN,
        subject_id=row.id or 0,
        proposal=proposal.number,
        event="request",
        source="---",
        target=row.flg_status.label,
        actor=actor,
        now=now,
        reason=row.description,
        policy=rules.VERSION,
        details={
            "dark_run": row.id,
            "detector": row.detector_identifier,
            "runs": row.runs_info,
            "mode": row.operation_mode_identifier,
            "units": row.pdu_karabo_das,
            "warnings": row.warnings,
        },
    )


def _start(session: Session, proposal: Proposal, row: DarkRun, now: datetime) -> None:
    facts = facts_of(session, row)
    if not facts.waiting_for:
        ask_dark(session, proposal.number, str(row.id), now)
        return
    move_dark(session, proposal, row, DarkEvent.AWAIT, facts, by_system(now))
    duties.owe(
        session,
        Duty.DARK_DEADLINE,
        key=f"{Duty.DARK_DEADLINE}:{row.id}",
        due_at=row.deadline_at,
        now=now,
        proposal=proposal.number,
    )
