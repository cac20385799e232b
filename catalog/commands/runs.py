"""The functions that open, correct, close and abort a run."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from catalog.commands import duties
from catalog.commands.journal import emit
from catalog.commands.run_parts import add_raw_group, run_type_row, sample_row
from catalog.commands.run_write import By, apply, write
from catalog.memory import memory, next_id
from catalog.queries.facts import facts_for, run_facts
from catalog.queries.find import find_run, proposal_row, run_row
from catalog.tables.making import made
from catalog.tables.proposals import Experiment, Proposal, Sample
from catalog.tables.runs import Run
from catalog.views import RunMove
from policies import layout, permissions
from policies.actor import Actor
from policies.beamtime import RUNS_ACCEPTED_IN
from policies.errors import Invalid, Refused
from policies.run import (
    RUN,
    STALE_OPEN,
)
from policies.vocabulary import (
    BeamtimeState,
    Duty,
    RunEvent,
    RunQuality,
    RunState,
    Topic,
)

LATE_GRACE = timedelta(hours=1)
"""After Finished, runs are still taken for this long, with a warning."""

AUTO_QUALITY_DELAY = timedelta(seconds=30)
"""Between the end of a run and its automatic Good; a person may decide meanwhile."""

_OPENED = "registered already with another {fields}: run_number must be unique per proposal"
_CLOSED = "closed already with another {fields}"


def open_run(
    session: Session,
    number: int,
    run_number: int,
    facts: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> RunMove:
    """Register a run that the DAQ has begun.

    Args:
        session: A writing session.
        number: Proposal number.
        run_number: Run number.
        facts: `begin_at` (aware), `first_train`, and where known `run_type`, `sample`,
            `description`.
        actor: The DAQ.
        now: When, aware.

    Raises:
        Missing: No such proposal.
        Refused: The proposal takes no runs now, or the run exists with other facts.
    """
    permissions.demand("run:open", actor.roles)
    proposal = proposal_row(session, number)
    known = find_run(session, proposal, run_number)
    if known is not None:
        return _same(proposal, known, facts, ("begin_at", "first_train"), _OPENED)
    warnings = _accepts_runs(proposal, now)
    experiment = run_type_row(session, proposal, facts.get("run_type"), actor, now)
    sample = sample_row(session, proposal, facts.get("sample"), actor, now)
    run = made(
        Run,
        id=next_id(session, Run),
        proposal_id=proposal.id or 0,
        run_number=run_number,
        run_folder=layout.run_folder(run_number),
        experiment_id=experiment.id or 0,
        sample_id=sample.id,
        begin_at=facts["begin_at"],
        first_train=facts["first_train"],
        description=facts.get("description") or "",
        state_since=now,
        created_at=now,
        updated_at=now,
    )
    session.add(run)
    memory(session, "runs")[proposal.id, run_number] = run
    add_raw_group(session, proposal, experiment, run, now)
    proposal.last_run = max(proposal.last_run, run_number)
    write(
        session,
        proposal,
        run,
        "open",
        None,
        By(actor, now),
        {"run_type": experiment.name, "sample": sample.name, "warnings": list(warnings)},
    )
    duties.owe(
        session,
        Duty.STALE_OPEN_RUN,
        key=f"stale-open:{number}:{run_number}",
        due_at=run.begin_at + STALE_OPEN,
        now=now,
        proposal=number,
        run=run_number,
        fresh=True,
    )
    return RunMove(number, run_number, None, RunState.OPEN, changed=True, warnings=warnings)


def _accepts_runs(proposal: Proposal, now: datetime) -> tuple[str, ...]:
    state = proposal.flg_beamtime_status
    if state in RUNS_ACCEPTED_IN:
        return ()
    ended = proposal.beamtime_end_at or proposal.status_since
    if state is BeamtimeState.FINISHED and ended and now <= ended + LATE_GRACE:
        return ("taken although the beamtime is finished, within the hour of grace",)
    raise Refused(
        f"proposal {proposal.number} is {state.label}: runs are taken while Ready or Active",
        field="proposal",
        state=str(state),
    )


def _same(
    proposal: Proposal, run: Run, facts: Mapping[str, Any], names: Sequence[str], differing: str
) -> RunMove:
    """Told twice: fine when it says the same, refused when it says otherwise.

    Args:
        proposal: The run's proposal.
        run: As it is on record.
        facts: What is said now.
        names: Fields that must agree; each is a column of the run.
        differing: What it means when they do not; `{fields}` names them.
    """
    differ = [name for name in names if facts[name] != getattr(run, name)]
    if differ:
        what = differing.format(fields=", ".join(differ))
        raise Refused(
            f"run {run.run_number} of proposal {proposal.number} is {what}",
            field="run",
            registered={name: str(getattr(run, name)) for name in differ},
        )
    return RunMove(proposal.number, run.run_number, run.state, run.state, changed=False)


def update_run(
    session: Session,
    number: int,
    run_number: int,
    facts: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> RunMove:
    """Correct what the DAQ says of a run: run type, sample, description, alias.

    Raises:
        Missing: No such proposal or run.
    """
    permissions.demand("run:describe", actor.roles)
    proposal, run = run_row(session, number, run_number)
    changes: dict[str, list[str]] = {}
    if facts.get("run_type"):
        experiment = run_type_row(session, proposal, facts["run_type"], actor, now)
        old = session.get_one(Experiment, run.experiment_id)
        if experiment.id != old.id:
            changes["run_type"] = [old.name, experiment.name]
            run.experiment_id = experiment.id or 0
    if facts.get("sample"):
        sample = sample_row(session, proposal, facts["sample"], actor, now)
        former = session.get(Sample, run.sample_id or 0)
        if sample.id != run.sample_id:
            changes["sample"] = [former.name if former else "---", sample.name]
            run.sample_id = sample.id
    for field, column in (("description", "description"), ("alias", "run_alias")):
        value = facts.get(field)
        if value is not None and value != (getattr(run, column) or ""):
            changes[field] = [getattr(run, column) or "", value]
            setattr(run, column, value)
    if changes:
        run.updated_at = now
        write(session, proposal, run, "describe", run.state, By(actor, now), changes)
    return RunMove(number, run_number, run.state, run.state, changed=bool(changes))


def close_run(
    session: Session,
    number: int,
    run_number: int,
    facts: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> RunMove:
    """Close a run: no more trains; its files are to be inspected.

    Args:
        session: A writing session.
        number: Proposal number.
        run_number: Run number.
        facts: `end_at` (aware), `last_train`, and where known `files` and `aggregators` (the
            DAQ's claims).
        actor: The DAQ.
        now: When, aware.

    Raises:
        Missing: No such proposal or run: a caller that may come too early holds the message.
        Invalid: `last_train` before `first_train`, `end_at` before `begin_at`.
        Refused: Closed already with other facts.
    """
    permissions.demand("run:close", actor.roles)
    proposal, run = run_row(session, number, run_number)
    _check_closing(run, facts)
    if run.state not in {RunState.OPEN, RunState.ABORTED}:
        return _same(proposal, run, facts, ("end_at", "last_train"), _CLOSED)
    decision = RUN.decide(
        run.state, RunEvent.CLOSE, actor.roles, facts_for(session, run, RunEvent.CLOSE)
    )
    source = run.state
    run.end_at, run.last_train = facts["end_at"], facts["last_train"]
    claims = list(facts.get("files") or [])
    details = {"files_claimed": len(claims), "claims": claims}
    details |= {k: facts[k] for k in ("aggregators",) if facts.get(k)}
    apply(session, proposal, run, decision, By(actor, now), details)
    key = f"daq_run_complete:{number}:{run_number}"
    emit(
        session,
        Topic.DAQ_RUN_COMPLETE,
        key=key,
        now=now,
        proposal=number,
        run=run_number,
        fresh=source is RunState.OPEN,
    )
    duties.settle_for_run(session, Duty.STALE_OPEN_RUN, number, run_number, now, "closed")
    if proposal.flg_auto_run_quality == RunQuality.GOOD:
        duties.owe(
            session,
            Duty.AUTO_QUALITY,
            key=f"auto-quality:{number}:{run_number}",
            due_at=now + AUTO_QUALITY_DELAY,
            now=now,
            proposal=number,
            run=run_number,
        )
    return RunMove(number, run_number, source, run.state, changed=True)


def _check_closing(run: Run, facts: Mapping[str, Any]) -> None:
    faults = {}
    if facts["last_train"] < run.first_train:
        faults["last_train"] = f"must be greater than or equal to {run.first_train}"
    if facts["end_at"] < run.begin_at:
        faults["end_at"] = f"must not be before begin_at {run.begin_at.isoformat()}"
    if faults:
        text = "; ".join(f"{name} {rule}" for name, rule in faults.items())
        raise Invalid(text, fields=faults)


def abort_run(
    session: Session, number: int, run_number: int, actor: Actor, now: datetime, reason: str
) -> RunMove:
    """Close a run by force because the DAQ never will.

    Raises:
        Missing: No such proposal or run.
        Refused: Not open, not the actor's to ask, or no reason.
    """
    proposal, run = run_row(session, number, run_number)
    facts = run_facts(session, run)
    decision = RUN.decide(run.state, RunEvent.ABORT, actor.roles, facts, reason)
    source = run.state
    run.end_at = run.end_at or now
    apply(session, proposal, run, decision, By(actor, now, reason))
    duties.settle_for_run(session, Duty.STALE_OPEN_RUN, number, run_number, now, "aborted")
    return RunMove(number, run_number, source, run.state, changed=True)
