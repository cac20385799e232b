"""Who is in a proposal's two groups.

Source: two groups per proposal follow from the published counts; who belongs to them, and
that a member needs the accepted data policy and a valid account, are ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class Belongs(Protocol):
    """Somebody with a part in a proposal."""

    @property
    def uid(self) -> str:
        """Account name."""

    @property
    def data_manager(self) -> bool:
        """Whether the data access role is Data Manager & Participant."""

    @property
    def accepted(self) -> bool:
        """Whether the latest data policy is accepted."""

    @property
    def account_valid(self) -> bool:
        """Whether the directory account is valid."""


@dataclass(frozen=True)
class Groups:
    """Members by group.

    Attributes:
        participants: Account names, sorted.
        data_managers: Account names, sorted; a part of the participants.
        left_out: Who is in neither, and why: account name → reason.
    """

    participants: tuple[str, ...]
    data_managers: tuple[str, ...]
    left_out: dict[str, str]


def why_not(person: Belongs) -> str:
    """Why somebody may not be in a group; empty when nothing speaks against it."""
    if not person.accepted:
        return "has not accepted the data policy"
    if not person.account_valid:
        return "has no valid directory account"
    return ""


def groups(team: Iterable[Belongs], contacts: Iterable[Belongs]) -> Groups:
    """The two groups of a proposal.

    Args:
        team: Rows of the execution team.
        contacts: Principal investigator, main proposer, local contact.
    """
    people = [*team, *contacts]
    left_out = {p.uid: reason for p in people if (reason := why_not(p))}
    members = [p for p in people if p.uid not in left_out]
    return Groups(
        tuple(sorted({p.uid for p in members})),
        tuple(sorted({p.uid for p in members if p.data_manager})),
        left_out,
    )
