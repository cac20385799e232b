"""Who asks."""

from dataclasses import dataclass

from policies.vocabulary import Role


@dataclass(frozen=True)
class Actor:
    """Somebody or something that asks for a change.

    Attributes:
        name: What the history shows, for example `alice` or `daq:SPB`.
        roles: Roles held on the thing in question.
    """

    name: str
    roles: frozenset[Role]


SYSTEM = Actor("## System ##", frozenset({Role.SYSTEM}))
"""Flows and sweeps; the name is the one that the history tab of the slides shows."""

PORTAL = Actor("upex", frozenset({Role.PORTAL_SYS}))
"""The user portal's synchronisation."""


def daq(sender: str) -> Actor:
    """The data acquisition that signed a message."""
    return Actor(f"daq:{sender}", frozenset({Role.DAQ_SYS}))
