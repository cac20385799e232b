"""Data policies on record, and the one that a proposal is pinned to."""

from datetime import datetime

from sqlmodel import Session, col, func, select

from catalog.memory import memory
from catalog.tables.files import DataGroup
from catalog.tables.proposals import Beamtime, Proposal
from catalog.tables.release import PolicyVersion, ReleaseRequest
from catalog.tables.runs import Run
from policies.data_policy import DataPolicy, policy_of
from policies.embargo import EmbargoFacts
from policies.opening import KINDS
from policies.vocabulary import RequestKind, RequestState


def loaded(session: Session) -> tuple[DataPolicy, ...]:
    """Every version on record, the oldest first."""
    known = memory(session, "policies")
    if "all" not in known:
        rows = session.exec(select(PolicyVersion).order_by(col(PolicyVersion.id))).all()
        known["all"] = tuple(policy_of(row.document) for row in rows)
    found: tuple[DataPolicy, ...] = known["all"]
    return found


def pinned(session: Session, proposal: Proposal) -> DataPolicy | None:
    """The version that a proposal is pinned to; None: none yet."""
    wanted = (proposal.policy_identifier, proposal.policy_version)
    return next((p for p in loaded(session) if (p.id, p.version) == wanted), None)


def covered(session: Session, proposal: Proposal) -> tuple[str, ...]:
    """Kinds of registered data that the proposal's policy opens; all where none is pinned."""
    policy = pinned(session, proposal)
    said = set(KINDS.values()) if policy is None else set(policy.embargo.covers)
    return tuple(kind for kind in KINDS.values() if kind in said)


def embargo_facts(session: Session, proposal: Proposal, now: datetime) -> EmbargoFacts:
    """Everything that an embargo is computed and explained from."""
    ends = session.exec(
        select(Beamtime.end_at).where(
            Beamtime.proposal_id == proposal.id, col(Beamtime.flg_available)
        )
    ).all()
    taken = session.exec(select(func.max(Run.end_at)).where(Run.proposal_id == proposal.id)).one()
    registered = session.exec(
        select(func.max(DataGroup.created_at)).where(DataGroup.proposal_id == proposal.id)
    ).one()
    granted = session.exec(
        select(func.count())
        .select_from(ReleaseRequest)
        .where(
            ReleaseRequest.proposal_id == proposal.id,
            ReleaseRequest.kind == RequestKind.EXTENSION,
            ReleaseRequest.state == RequestState.APPROVED,
        )
    ).one()
    return EmbargoFacts(
        now=now,
        beamtime_ends=tuple(ends),
        proposal_end=proposal.end_at,
        data_created=taken,
        dataset_created=registered,
        stored=proposal.release_at,
        opens_early_at=proposal.opens_early_at,
        openly_released_at=proposal.openly_released_at,
        state=proposal.release_state,
        restriction=proposal.restriction,
        hold=proposal.hold,
        system=proposal.flg_proposal_system,
        extensions=int(granted),
    )
