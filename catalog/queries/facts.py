"""What the guards look at, gathered from the catalog."""

from datetime import datetime

from sqlmodel import Session, col, func, select

from catalog.memory import memory
from catalog.tables.calibration import CalibrationRequest
from catalog.tables.facility import Instrument, InstrumentCycle, Repository
from catalog.tables.files import DataGroup, DatasetFile, Finding, Replica, RunDataGroup
from catalog.tables.people import User
from catalog.tables.proposals import Beamtime, Proposal, ProvisioningStep, TeamMember
from catalog.tables.runs import Run
from policies.beamtime import BeamtimeFacts, Span
from policies.calibration import OPEN
from policies.replica import COPIES_NEEDED, Copy, Tier, safe, verified
from policies.run import PENDING, RUN, UNASSESSED, RunFacts
from policies.vocabulary import BeamtimeState, ReplicaState, RunEvent, RunState

RAW = 1
"""Data group type of raw data."""


def beamtime_facts(session: Session, proposal: Proposal, now: datetime) -> BeamtimeFacts:
    """Everything the beamtime table asks about a proposal."""
    spans = tuple(
        Span(b.begin_at, b.end_at)
        for b in session.exec(
            select(Beamtime)
            .where(Beamtime.proposal_id == proposal.id, col(Beamtime.flg_available))
            .order_by(col(Beamtime.begin_at))
        )
    )
    cycle = session.get(InstrumentCycle, proposal.instrument_cycle_id)
    steps = session.exec(
        select(ProvisioningStep).where(ProvisioningStep.proposal_id == proposal.id)
    )
    runs = session.exec(
        select(Run.run_number, Run.state)
        .where(Run.proposal_id == proposal.id)
        .where(col(Run.state).in_({RunState.OPEN} | UNASSESSED | PENDING))
        .order_by(col(Run.run_number))
    ).all()
    pi = session.get(User, proposal.principal_investigator_id or 0)
    return BeamtimeFacts(
        now=now,
        beamtimes=spans,
        cycle=Span(cycle.begin_at, cycle.end_at) if cycle else None,
        steps={s.name: s.state for s in steps},
        has_pi=pi is not None,
        team_size=_count(session, proposal),
        other_active=other_active(session, proposal),
        open_runs=tuple(n for n, s in runs if s is RunState.OPEN),
        unassessed_runs=tuple(n for n, s in runs if s in UNASSESSED),
        undecided_runs=tuple(n for n, s in runs if s in PENDING),
        calibrating_runs=_calibrating(session, proposal),
        user_proposal=proposal.flg_proposal_system == "U",
        delivered_shifts=proposal.num_delivered_shifts,
        hold=proposal.hold,
    )


def _calibrating(session: Session, proposal: Proposal) -> tuple[int, ...]:
    """Runs whose calibration is asked for and not over."""
    rows = session.exec(
        select(Run.run_number)
        .join(CalibrationRequest, col(CalibrationRequest.run_id) == Run.id)
        .where(CalibrationRequest.proposal_id == proposal.id)
        .where(col(CalibrationRequest.state).in_(OPEN))
        .order_by(col(Run.run_number))
    )
    return tuple(rows)


def _count(session: Session, proposal: Proposal) -> int:
    return session.exec(
        select(func.count()).select_from(TeamMember).where(TeamMember.proposal_id == proposal.id)
    ).one()


def other_active(session: Session, proposal: Proposal) -> int | None:
    """Number of another Active proposal on the same instrument, None if none."""
    return session.exec(
        select(Proposal.number).where(
            Proposal.instrument_id == proposal.instrument_id,
            Proposal.flg_beamtime_status == BeamtimeState.ACTIVE,
            Proposal.id != proposal.id,
        )
    ).first()


def raw_group(session: Session, run: Run) -> DataGroup | None:
    """The run's raw data group, None before one is registered."""
    return session.exec(
        select(DataGroup)
        .join(RunDataGroup, col(RunDataGroup.data_group_id) == DataGroup.id)
        .where(RunDataGroup.run_id == run.id, DataGroup.data_group_type_id == RAW)
        .order_by(col(DataGroup.id))
    ).first()


def copies(session: Session, group: DataGroup) -> list[Copy]:
    """Every copy on record for a data group."""
    rows = session.exec(
        select(Replica, Repository.identifier, Repository.tier)
        .join(Repository, col(Repository.id) == Replica.repository_id)
        .where(Replica.data_group_id == group.id)
        .order_by(col(Repository.rank))
    )
    return [
        Copy(
            identifier,
            Tier(tier),
            replica.state if replica.flg_available else ReplicaState.GONE,
            replica.manifest_hash,
        )
        for replica, identifier, tier in rows
    ]


def run_facts(session: Session, run: Run) -> RunFacts:
    """Everything the run table asks about a run."""
    group = raw_group(session, run)
    held = copies(session, group) if group else []
    proved = verified(held, group.manifest_hash) if group else []
    files = (
        session.exec(
            select(func.count())
            .select_from(DatasetFile)
            .where(DatasetFile.data_group_id == group.id)
        ).one()
        if group
        else 0
    )
    blocking = session.exec(
        select(Finding.check_name)
        .where(Finding.run_id == run.id, col(Finding.blocks_migration))
        .where(col(Finding.resolved_at).is_(None))
        .distinct()
        .order_by(Finding.check_name)
    ).all()
    online_gone = any(c.tier is Tier.ONLINE and c.state is ReplicaState.GONE for c in held)
    return RunFacts(
        online_copy=not online_gone,
        files_registered=files,
        inspected=run.inspected_at is not None,
        blocking_findings=tuple(blocking),
        verified_copies=tuple(c.repository for c in proved),
        copies_needed=COPIES_NEEDED,
        pair_safe=bool(group) and safe(held, group.manifest_hash if group else ""),
        hold=session.get_one(Proposal, run.proposal_id).hold,
    )


def facts_for(session: Session, run: Run, event: RunEvent) -> RunFacts:
    """The facts that a row of the run table asks for; without guards only its vetoes' fact."""
    row = RUN.row(run.state, event)
    if row is not None and not row.needs:
        return RunFacts(hold=session.get_one(Proposal, run.proposal_id).hold)
    return run_facts(session, run)


def online_store(session: Session, proposal: Proposal) -> Repository:
    """The online storage where a proposal's data are born; until noted, its instrument's."""
    chosen = proposal.orig_repository_id or instrument_of(session, proposal).repository_id
    kept = memory(session, "stores")
    if chosen not in kept:
        kept[chosen] = session.get_one(Repository, chosen)
    store: Repository = kept[chosen]
    return store


def instrument_of(session: Session, proposal: Proposal) -> Instrument:
    """The proposal's instrument."""
    kept = memory(session, "instruments")
    if proposal.instrument_id not in kept:
        kept[proposal.instrument_id] = session.get_one(Instrument, proposal.instrument_id)
    instrument: Instrument = kept[proposal.instrument_id]
    return instrument
