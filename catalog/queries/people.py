"""Addresses of people by account name or by the role they hold."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from catalog.queries.roles import roles_of
from catalog.tables.facility import InstrumentUser
from catalog.tables.people import User
from catalog.tables.proposals import Proposal, TeamMember
from policies.vocabulary import Role


def addresses(session: Session, names: Sequence[str], proposal: Proposal | None) -> list[str]:
    """Mail addresses, each once.

    Args:
        session: Any session.
        names: Account names and role words, mixed.
        proposal: On which roles are held; None for facility-wide roles.
    """
    wanted = {Role(n) for n in names if n in set(Role)}
    people = list(session.exec(select(User).where(col(User.uid).in_(names))))
    people += [u for u in _candidates(session, proposal) if roles_of(session, u, proposal) & wanted]
    found = [u.contact_email or u.email for u in people]
    return sorted({address for address in found if "@" in address})


def _candidates(session: Session, proposal: Proposal | None) -> list[User]:
    """Everybody who could hold a role: administrators, the instrument's people, the team."""
    users = {u.id: u for u in session.exec(select(User)) if u.roles}
    if proposal is not None:
        ids = set(
            session.exec(select(TeamMember.user_id).where(TeamMember.proposal_id == proposal.id))
        )
        ids |= set(
            session.exec(
                select(InstrumentUser.user_id).where(
                    InstrumentUser.instrument_id == proposal.instrument_id
                )
            )
        )
        ids |= {
            i
            for i in (
                proposal.principal_investigator_id,
                proposal.main_proposer_id,
                proposal.local_contact_id,
            )
            if i
        }
        users |= {u.id: u for u in session.exec(select(User).where(col(User.id).in_(ids)))}
    return list(users.values())
