"""Proposals as flows, forms and tables see them."""

from datetime import datetime

from sqlmodel import Session, col, select

from catalog.queries.facts import online_store
from catalog.queries.find import proposal_row
from catalog.tables.facility import Instrument, InstrumentCycle
from catalog.tables.journal import Obligation
from catalog.tables.people import User
from catalog.tables.proposals import Beamtime, Proposal, ProvisioningStep, TeamMember
from catalog.views import Member, ProposalView, Step
from policies.vocabulary import BeamtimeState, DataAccessRole, Duty


def proposal_view(session: Session, number: int) -> ProposalView:
    """A proposal with its team and its provisioning steps.

    Raises:
        Missing: No such proposal.
    """
    return _view(session, proposal_row(session, number))


def _view(session: Session, p: Proposal) -> ProposalView:
    instrument = session.get_one(Instrument, p.instrument_id)
    online = online_store(session, p)
    return ProposalView(
        number=p.number,
        title=p.title,
        folder=p.proposal_folder,
        path=p.def_proposal_path,
        instrument=instrument.identifier,
        cycle=session.get_one(InstrumentCycle, p.instrument_cycle_id).identifier,
        state=p.flg_beamtime_status,
        system=p.flg_proposal_system,
        online_repository=online.identifier,
        principal_investigator=_uid(session, p.principal_investigator_id),
        main_proposer=_uid(session, p.main_proposer_id),
        local_contact=_uid(session, p.local_contact_id),
        gid_participants=p.gid_participants,
        gid_data_managers=p.gid_data_managers,
        begin_at=p.begin_at,
        end_at=p.end_at,
        beamtimes=_beamtimes(session, p),
        release_at=p.release_at,
        delivered_shifts=p.num_delivered_shifts,
        last_run=p.last_run,
        team=team(session, p),
        contacts=_contacts(session, p),
        steps=steps(session, p),
        hold=p.hold,
        writable_until=_writable_until(session, p),
    )


def _writable_until(session: Session, p: Proposal) -> datetime | None:
    """The date that was promised when the proposal was reviewed last."""
    if p.flg_beamtime_status is not BeamtimeState.REVIEWED:
        return None
    return session.exec(
        select(Obligation.due_at)
        .where(Obligation.proposal == p.number, Obligation.duty == Duty.LAPSE_RIGHTS)
        .order_by(col(Obligation.id).desc())
        .limit(1)
    ).first()


def _uid(session: Session, user_id: int | None) -> str:
    user = session.get(User, user_id) if user_id else None
    return user.uid if user else ""


def _beamtimes(session: Session, p: Proposal) -> tuple[tuple[datetime, datetime], ...]:
    rows = session.exec(
        select(Beamtime)
        .where(Beamtime.proposal_id == p.id, col(Beamtime.flg_available))
        .order_by(col(Beamtime.begin_at))
    )
    return tuple((b.begin_at, b.end_at) for b in rows)


def team(session: Session, p: Proposal) -> tuple[Member, ...]:
    """The team, data managers first."""
    rows = session.exec(
        select(TeamMember, User)
        .join(User, col(User.id) == TeamMember.user_id)
        .where(TeamMember.proposal_id == p.id)
        .order_by(col(TeamMember.data_access_role), col(TeamMember.id))
    )
    return tuple(
        Member(
            uid=user.uid,
            name=user.name,
            data_manager=row.data_access_role == DataAccessRole.DATA_MANAGER,
            lab_access=row.flg_lab_access,
            accepted=user.flg_upex_acceptances,
            account_valid=user.flg_ldap_account_valid,
            role_description=row.role_description or "",
        )
        for row, user in rows
    )


def _contacts(session: Session, p: Proposal) -> tuple[Member, ...]:
    named = (
        (p.principal_investigator_id, "Principal investigator", True),
        (p.main_proposer_id, "Main proposer", True),
        (p.local_contact_id, "Local contact", False),
    )
    found = []
    for user_id, words, manager in named:
        user = session.get(User, user_id) if user_id else None
        if user is not None:
            found.append(
                Member(
                    uid=user.uid,
                    name=user.name,
                    data_manager=manager,
                    lab_access=False,
                    accepted=user.flg_upex_acceptances,
                    account_valid=user.flg_ldap_account_valid,
                    role_description=words,
                )
            )
    return tuple(found)


def steps(session: Session, p: Proposal) -> tuple[Step, ...]:
    """Provisioning steps on record."""
    rows = session.exec(
        select(ProvisioningStep)
        .where(ProvisioningStep.proposal_id == p.id)
        .order_by(col(ProvisioningStep.id))
    )
    return tuple(Step(s.name, s.state, s.attempts, s.message, s.ended_at) for s in rows)


def proposal_list(
    session: Session, instrument: str | None = None, state: BeamtimeState | None = None
) -> list[ProposalView]:
    """Proposals by number, newest first."""
    query = select(Proposal).join(Instrument, col(Instrument.id) == Proposal.instrument_id)
    if instrument:
        query = query.where(Instrument.identifier == instrument)
    if state:
        query = query.where(Proposal.flg_beamtime_status == state)
    rows = session.exec(query.order_by(col(Proposal.number).desc()).limit(500)).all()
    return [_view(session, p) for p in rows]


def active_proposal(session: Session, instrument: str) -> int | None:
    """Number of the instrument's one Active proposal, None when there is none."""
    return session.exec(
        select(Proposal.number)
        .join(Instrument, col(Instrument.id) == Proposal.instrument_id)
        .where(Instrument.identifier == instrument)
        .where(Proposal.flg_beamtime_status == BeamtimeState.ACTIVE)
    ).first()
