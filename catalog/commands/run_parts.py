"""What a run needs beside its own row: a run type, a sample, a raw data group."""

from datetime import datetime

from sqlmodel import Session, col, func, select

from catalog.commands.journal import record
from catalog.queries.facts import RAW, online_store
from catalog.tables.facility import ExperimentType, SampleType
from catalog.tables.files import DataGroup, Replica, RunDataGroup
from catalog.tables.proposals import Experiment, Proposal, Sample
from catalog.tables.runs import Run
from policies import layout
from policies.actor import Actor
from policies.errors import Misconfigured
from policies.run import VERSION
from policies.vocabulary import ReplicaState, Subject

NO_SAMPLE = "No sample"
"""The sample of a run for which nothing was put in."""

DEFAULT_RUN_TYPE = "Sample"
"""Run type when the DAQ names none."""


def run_type_row(
    session: Session, proposal: Proposal, name: str | None, actor: Actor, now: datetime
) -> Experiment:
    """The proposal's run type of that name, made when it is new.

    A beamtime must never stop on metadata, so an unknown name is no error.
    """
    wanted = (name or DEFAULT_RUN_TYPE).strip() or DEFAULT_RUN_TYPE
    row = session.exec(
        select(Experiment).where(Experiment.proposal_id == proposal.id, Experiment.name == wanted)
    ).first()
    if row is not None:
        return row
    number = 1 + (
        session.exec(
            select(func.max(Experiment.experiment_number)).where(
                Experiment.proposal_id == proposal.id
            )
        ).one()
        or 0
    )
    row = Experiment(
        name=wanted,
        experiment_number=number,
        experiment_folder=layout.experiment_folder(number),
        experiment_type_id=_first(session, ExperimentType),
        proposal_id=proposal.id or 0,
    )
    session.add(row)
    session.flush()
    row.doi = f"xfel.mdc.exp.{row.id}"
    _created(session, proposal, "run-type", row.id or 0, wanted, actor, now)
    return row


def sample_row(
    session: Session, proposal: Proposal, name: str | None, actor: Actor, now: datetime
) -> Sample:
    """The proposal's sample of that name, made when it is new."""
    wanted = (name or NO_SAMPLE).strip() or NO_SAMPLE
    row = session.exec(
        select(Sample).where(Sample.proposal_id == proposal.id, Sample.name == wanted)
    ).first()
    if row is not None:
        return row
    row = Sample(
        name=wanted, sample_type_id=_first(session, SampleType), proposal_id=proposal.id or 0
    )
    session.add(row)
    session.flush()
    _created(session, proposal, "sample", row.id or 0, wanted, actor, now)
    return row


def _first(session: Session, table: type[ExperimentType] | type[SampleType]) -> int:
    found = session.exec(select(table.id).order_by(col(table.id))).first()
    if found is None:
        raise Misconfigured(f"{table.__tablename__} is empty: load the facility file first")
    return found


def _created(
    session: Session,
    proposal: Proposal,
    kind: str,
    row_id: int,
    name: str,
    actor: Actor,
    now: datetime,
) -> None:
    record(
        session,
        subject=Subject.PROPOSAL,
        subject_id=proposal.id or 0,
        proposal=proposal.number,
        event=f"create-{kind}",
        source="---",
        target=name,
        actor=actor,
        now=now,
        policy=VERSION,
        details={"id": row_id},
    )


def add_raw_group(
    session: Session, proposal: Proposal, experiment: Experiment, run: Run, now: datetime
) -> DataGroup:
    """The run's raw data group, and the online copy that the DAQ is writing."""
    count = session.exec(
        select(func.count()).select_from(DataGroup).where(DataGroup.proposal_id == proposal.id)
    ).one()
    group = DataGroup(
        name=layout.data_group_name(experiment.experiment_number, count + 1),
        data_group_type_id=RAW,
        proposal_id=proposal.id or 0,
        experiment_id=experiment.id,
        prefix_path=f"{proposal.def_proposal_path}/{run.run_folder}",
        flg_writing=True,
        created_at=now,
    )
    session.add(group)
    session.flush()
    group.doi = f"xfel.mdc.dg.{group.id}"
    session.add(RunDataGroup(run_id=run.id or 0, data_group_id=group.id or 0))
    online = online_store(session, proposal)
    session.add(
        Replica(
            data_group_id=group.id or 0,
            repository_id=online.id or 0,
            state=ReplicaState.PLANNED,
            state_since=now,
            path=group.prefix_path,
        )
    )
    session.flush()
    return group
