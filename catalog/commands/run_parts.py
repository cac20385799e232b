"""What a run needs beside its own row: a run type, a sample, a raw data group."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from catalog.commands.journal import record
from catalog.memory import memory, next_id
from catalog.queries.facts import RAW, online_store
from catalog.tables.facility import (
    ExperimentType,
    Facility,
    Instrument,
    Repository,
    SampleType,
)
from catalog.tables.files import DataGroup, Replica, RunDataGroup
from catalog.tables.making import made
from catalog.tables.proposals import Experiment, Proposal, Sample
from catalog.tables.runs import Run
from policies import layout
from policies.actor import Actor
from policies.errors import Misconfigured
from policies.run import VERSION
from policies.vocabulary import ReplicaState, Subject

NO_SAMPLE = "No sample"
"""The sample of a run for which nothing was put in, where the facility names none."""

DEFAULT_RUN_TYPE = "Sample"
"""Run type when the DAQ names none."""

OTHER = "OTHER"
"""Type of a sample of which only the name is known."""


def run_type_row(
    session: Session, proposal: Proposal, name: str | None, actor: Actor, now: datetime
) -> Experiment:
    """The proposal's run type of that name, made when it is new.

    A beamtime must never stop on metadata, so an unknown name is no error.
    """
    wanted = (name or DEFAULT_RUN_TYPE).strip() or DEFAULT_RUN_TYPE
    known = memory(session, "run types")
    if (proposal.id, wanted) not in known:
        found = session.exec(
            select(Experiment).where(
                Experiment.proposal_id == proposal.id, Experiment.name == wanted
            )
        ).first()
        row = found or _new_run_type(session, proposal, wanted, actor, now)
        memory(session, "run types")[proposal.id, wanted] = row
        return row
    kept: Experiment = known[proposal.id, wanted]
    return kept


def _new_run_type(
    session: Session, proposal: Proposal, name: str, actor: Actor, now: datetime
) -> Experiment:
    numbers = select(func.max(Experiment.experiment_number))
    last = session.exec(numbers.where(Experiment.proposal_id == proposal.id)).one()
    number = 1 + (last or 0)
    known = {row["name"]: row for row in _reference(session).get("run_types", [])}
    kind = known.get(name) or known.get(DEFAULT_RUN_TYPE) or {}
    row = Experiment(
        name=name,
        experiment_number=number,
        experiment_folder=layout.experiment_folder(number),
        experiment_type_id=_type_id(session, ExperimentType, kind.get("experiment_type")),
        proposal_id=proposal.id or 0,
    )
    session.add(row)
    session.flush()
    row.doi = f"xfel.mdc.exp.{row.id}"
    _created(session, proposal, "run-type", row.id or 0, name, actor, now)
    return row


def sample_row(
    session: Session, proposal: Proposal, name: str | None, actor: Actor, now: datetime
) -> Sample:
    """The proposal's sample of that name, made when it is new."""
    wanted = (name or "").strip() or _none(session).get("name") or NO_SAMPLE
    known = memory(session, "samples")
    if (proposal.id, wanted) in known:
        kept: Sample = known[proposal.id, wanted]
        return kept
    row = session.exec(
        select(Sample).where(Sample.proposal_id == proposal.id, Sample.name == wanted)
    ).first()
    if row is None:
        none = _none(session)
        kind = none.get("sample_type") if wanted == none.get("name") else OTHER
        row = Sample(
            name=wanted,
            sample_type_id=_type_id(session, SampleType, kind),
            proposal_id=proposal.id or 0,
        )
        session.add(row)
        session.flush()
        _created(session, proposal, "sample", row.id or 0, wanted, actor, now)
    memory(session, "samples")[proposal.id, wanted] = row
    return row


def _none(session: Session) -> dict[str, Any]:
    """How the facility calls the sample of a run for which nothing was put in."""
    return _reference(session).get("sample") or {}


def _reference(session: Session) -> dict[str, Any]:
    """What the facility says of itself; its own row has id 1."""
    kept = memory(session, "facility")
    if "reference" not in kept:
        own = session.get(Facility, 1)
        kept["reference"] = dict(own.reference) if own else {}
    reference: dict[str, Any] = kept["reference"]
    return reference


def _type_id(
    session: Session, table: type[ExperimentType] | type[SampleType], identifier: str | None
) -> int:
    """The type of that identifier, the first one where the facility has none such."""
    found = session.exec(select(table.id).where(table.identifier == identifier)).first()
    found = found or session.exec(select(table.id).order_by(col(table.id))).first()
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
    place = memory(session, "data groups")[proposal.id] = _groups_of(session, proposal) + 1
    number = next_id(session, DataGroup)
    group = made(
        DataGroup,
        id=number,
        name=layout.data_group_name(experiment.experiment_number, place),
        doi=f"xfel.mdc.dg.{number}",
        data_group_type_id=RAW,
        proposal_id=proposal.id or 0,
        experiment_id=experiment.id,
        prefix_path=f"{proposal.def_proposal_path}/{run.run_folder}",
        flg_writing=True,
        created_at=now,
    )
    session.add(group)
    session.add(made(RunDataGroup, run_id=run.id or 0, data_group_id=number))
    session.add(
        made(
            Replica,
            data_group_id=number,
            repository_id=online_store(session, proposal).id or 0,
            state=ReplicaState.PLANNED,
            state_since=now,
            path=group.prefix_path,
        )
    )
    return group


def look_ahead(session: Session, numbers: Collection[int]) -> dict[int, Proposal]:
    """Read proposals and what every new run of them asks for, in one question.

    Args:
        session: A writing session.
        numbers: Proposal numbers.

    Returns:
        Those that exist, by number.
    """
    store = func.coalesce(Proposal.orig_repository_id, Instrument.repository_id)
    found = session.execute(
        select(Proposal, Instrument, Repository, _group_count().label("groups"))
        .join(Instrument, col(Instrument.id) == Proposal.instrument_id)
        .outerjoin(Repository, col(Repository.id) == store)
        .where(col(Proposal.number).in_(numbers))
    )
    known = {}
    for proposal, instrument, repository, groups in found:
        known[proposal.number] = memory(session, "proposals")[proposal.number] = proposal
        memory(session, "instruments")[instrument.id] = instrument
        memory(session, "data groups")[proposal.id] = groups
        if repository is not None:
            memory(session, "stores")[repository.id] = repository
    return known


def _group_count() -> Any:  # noqa: ANN401 - a scalar subquery
    groups = select(func.count()).select_from(DataGroup)
    return groups.where(DataGroup.proposal_id == Proposal.id).scalar_subquery()


def _groups_of(session: Session, proposal: Proposal) -> int:
    """Data groups of a proposal so far."""
    counts = memory(session, "data groups")
    if proposal.id not in counts:
        query = select(_group_count()).select_from(Proposal)
        counts[proposal.id] = session.exec(query.where(Proposal.id == proposal.id)).one()
    count: int = counts[proposal.id]
    return count
