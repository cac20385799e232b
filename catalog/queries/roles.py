"""Which roles somebody holds, computed at the time of asking."""

from sqlmodel import Session, select

from catalog.tables.facility import Instrument, InstrumentUser
from catalog.tables.people import User
from catalog.tables.proposals import Proposal, TeamMember
from policies.actor import Actor
from policies.errors import Missing
from policies.vocabulary import DataAccessRole, Role

_APPLICATION_ROLES = {
    "admin": Role.ADMIN,
    "karabo_sys": Role.DAQ_SYS,
    "upex_sys": Role.PORTAL_SYS,
    "gpfs_sys": Role.STORAGE_SYS,
}


def roles_of(session: Session, user: User, proposal: Proposal | None) -> frozenset[Role]:
    """Roles of a person with respect to a proposal.

    Args:
        session: Any session.
        user: The person.
        proposal: None for facility-wide roles only.
    """
    roles = {_APPLICATION_ROLES[r] for r in user.roles if r in _APPLICATION_ROLES}
    if proposal is not None:
        roles |= _on_instrument(session, user, proposal) | _on_proposal(session, user, proposal)
    return frozenset(roles)


def _on_instrument(session: Session, user: User, proposal: Proposal) -> set[Role]:
    instrument = session.get_one(Instrument, proposal.instrument_id)
    roles = set()
    if user.id in (instrument.instrument_leader_id, instrument.deputy_instrument_leader_id):
        roles.add(Role.LS)
    kinds = session.exec(
        select(InstrumentUser.kind).where(
            InstrumentUser.instrument_id == instrument.id, InstrumentUser.user_id == user.id
        )
    ).all()
    return roles | {Role(kind) for kind in kinds if kind in {Role.BE, Role.SG}}


def _on_proposal(session: Session, user: User, proposal: Proposal) -> set[Role]:
    named = {
        Role.PI: (proposal.principal_investigator_id,),
        Role.MP: (proposal.main_proposer_id,),
        Role.LC: (proposal.local_contact_id,),
        Role.T_DM: (proposal.local_data_contact_id, proposal.experiment_data_contact_id),
    }
    roles = {role for role, ids in named.items() if user.id in ids}
    member = session.exec(
        select(TeamMember).where(
            TeamMember.proposal_id == proposal.id, TeamMember.user_id == user.id
        )
    ).first()
    if member is not None:
        roles.add(Role.T_PART)
        if member.data_access_role == DataAccessRole.DATA_MANAGER:
            roles.add(Role.T_DM)
        if member.flg_lab_access:
            roles.add(Role.T_UL)
        if member.flg_deputy_local_contact:
            roles.add(Role.LC)
    return roles


def person(session: Session, uid: str, proposal: Proposal | None) -> Actor:
    """Somebody by account name, with the roles held on this proposal.

    Raises:
        Missing: Nobody has that account name.
    """
    user = session.exec(select(User).where(User.uid == uid.strip())).first()
    if user is None:
        raise Missing(f"operator: nobody has the account {uid.strip()!r}", field="operator")
    return Actor(user.uid, roles_of(session, user, proposal))
