"""People, techniques, methods and related resources of a public record."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from catalog.tables.calibration import RunConstant
from catalog.tables.dois import DoiRecord
from catalog.tables.facility import Instrument, Technique
from catalog.tables.people import User
from catalog.tables.proposals import Proposal
from catalog.tables.release import Publication
from catalog.tables.runs import RunTechnique
from policies.public_record import Contributor, Organisation, Person, Related, Term
from policies.vocabulary import DoiState, DoiSubject


def person(user: User) -> Person:
    """Somebody as the DOI publishes the name."""
    given, family = user.first_name, user.last_name
    if not family:
        given, _, family = user.name.rpartition(" ")
    place = Organisation(user.affiliation, user.affiliation_ror) if user.affiliation else None
    return Person(given, family or user.uid, user.orcid or "", place)


def people(
    session: Session, proposal: Proposal, instrument: Instrument
) -> tuple[tuple[Person, ...], tuple[Contributor, ...]]:
    """Creators (PI, main proposer) and contributors (local contact, leading scientist)."""
    wanted = {
        i
        for i in (
            proposal.principal_investigator_id,
            proposal.main_proposer_id,
            proposal.local_contact_id,
            instrument.instrument_leader_id,
        )
        if i is not None
    }
    users = {u.id: u for u in session.exec(select(User).where(col(User.id).in_(wanted)))}
    pi = users.get(proposal.principal_investigator_id)
    proposer = users.get(proposal.main_proposer_id)
    chosen: dict[int | None, User] = {u.id: u for u in (pi, proposer) if u is not None}
    creators = tuple(person(u) for u in chosen.values())
    contributors = [Contributor(person(pi), "ProjectLeader")] if pi else []
    collectors = {
        i: users[i]
        for i in (proposal.local_contact_id, instrument.instrument_leader_id)
        if i in users
    }
    contributors += [Contributor(person(u), "DataCollector") for u in collectors.values()]
    return creators, tuple(contributors)


def techniques(session: Session, runs: "sa.Select[Any]") -> tuple[Term, ...]:
    """Techniques of the runs behind a DOI, by name."""
    query = (
        select(Technique)
        .join(RunTechnique, col(RunTechnique.technique_id) == Technique.id)
        .where(col(RunTechnique.run_id).in_(runs))
        .distinct()
        .order_by(col(Technique.name))
    )
    return tuple(Term(t.name, t.url or "", "PaNET" if t.url else "") for t in session.exec(query))


def methods(session: Session, runs: "sa.Select[Any]") -> str:
    """How the data were corrected, in a sentence; empty when they were not."""
    count = session.execute(
        sa.select(sa.func.count(sa.distinct(col(RunConstant.path)))).where(
            col(RunConstant.run_id).in_(runs)
        )
    ).scalar_one()
    if not count:
        return ""
    return f"Corrected with {count} versions of calibration constants made from dark runs."


def related(
    session: Session, row: DoiRecord, proposal: Proposal, instrument: Instrument
) -> tuple[Related, ...]:
    """Other resources: the instrument, papers, the whole and its parts, other versions.

    Only DOIs that can be found are named.
    """
    found: list[Related] = []
    if instrument.doi:
        found.append(Related(instrument.doi, "DOI", "IsCollectedBy", "Instrument", instrument.name))
    papers = select(Publication).where(Publication.proposal_id == proposal.id)
    found += [
        Related(paper.doi, "DOI", "IsSupplementTo", "JournalArticle", paper.title)
        for paper in session.exec(papers.order_by(col(Publication.doi)))
    ]
    others = select(DoiRecord).where(
        DoiRecord.proposal_id == proposal.id,
        DoiRecord.id != row.id,
        DoiRecord.wanted == DoiState.FINDABLE,
        col(DoiRecord.published_at).is_not(None),
        DoiRecord.hidden_reason == "",
        col(DoiRecord.withdrawn_at).is_(None),
    )
    for other in session.exec(others.order_by(col(DoiRecord.id))):
        relation = _relation(row, other)
        if relation:
            found.append(Related(other.doi, "DOI", relation, "Dataset"))
    return tuple(found)


def _relation(row: DoiRecord, other: DoiRecord) -> str:
    whole = DoiSubject.PROPOSAL
    if (row.subject_kind, row.subject_id) == (other.subject_kind, other.subject_id):
        return "IsNewVersionOf" if row.version > other.version else "IsPreviousVersionOf"
    if row.subject_kind is whole:
        return "HasPart"
    return "IsPartOf" if other.subject_kind is whole else ""
