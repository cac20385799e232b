"""Releases as flows see them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from catalog.commands import release_decide, release_rounds, releases
from catalog.commands.leases import Held
from catalog.commands.release_rounds import Round
from catalog.commands.release_write import carrier
from catalog.engine import Session
from catalog.queries import releases as queries
from catalog.queries.releases import Overdue
from catalog.views import ProposalView
from policies import breakers, opening
from policies.embargo import ALARM_AFTER
from policies.errors import Refused
from policies.layout import Home, Mounts, home_of
from policies.opening import OpenGroup, Opening
from policies.vocabulary import ReleaseEvent, ReleaseState, ReleaseStep
from settings.model import load
from tasks.records.base import actor, database, now

_RIGHTS = frozenset({ReleaseState.OPEN, ReleaseState.OPENING})
"""States in which everybody may pass to the data."""


def stores() -> tuple[str, ...]:
    """Repositories whose copies can be opened here, the preferred first."""
    site = load().storage
    if site is None:
        raise Refused("no storage is configured (settings: storage)")
    return tuple(one for one in (site.offline, site.archive) if one in site.mounts)


def mounts() -> Mounts:
    """Where the facility's trees begin."""
    site = load().storage
    return site.trees if site else Mounts()


def begin(number: int, part: int, held: Held) -> Opening:
    """Begin to open, or go on; a refusal goes on record."""
    try:
        with database().write() as session:
            return releases.begin(session, number, part, stores(), held, now())
    except Refused as error:
        with database().write() as session:
            releases.refused(session, number, part, error.message, now())
        raise


def begin_anew(number: int, part: int, held: Held, operator: str, reason: str) -> Opening:
    """Begin to open what was closed after an incident: a person asks."""
    with database().write() as session:
        who = actor(session, operator, number)
        return releases.begin(
            session, number, part, stores(), held, now(), actor=who, reason=reason
        )


def state(number: int, part: int) -> ReleaseState:
    """Where a release stands."""
    with database().read() as session:
        return carrier(session, number, part).state


def home(number: int) -> Home:
    """Where a proposal's folders were made."""
    with database().read() as session:
        return home_of(carrier(session, number).proposal.def_proposal_path, mounts())


def files(group: int) -> dict[str, tuple[int, str, str]]:
    """Files of a group: relative path → bytes, Adler-32, SHA-256 (empty: not known yet)."""
    with database().read() as session:
        rows = queries.files(session, group)
        return {f.relative_path: (f.byte_size, f.checksum, f.sha256) for f in rows}


def save_digests(group: int, digests: Mapping[str, str], held: Held) -> int:
    """Keep the public sums of a group's files."""
    with database().write() as session:
        return releases.save_digests(session, group, digests, held, now())


def done(
    found: Opening, which: ReleaseStep, held: Held, outcome: str, proof: Mapping[str, Any]
) -> None:
    """A step was done and read back."""
    with database().write() as session:
        releases.done(session, found.proposal, found.part, which, held, now(), outcome, proof)


def confirm(found: Opening, held: Held) -> bool:
    """Call it open."""
    with database().write() as session:
        return releases.confirm(session, found.proposal, found.part, stores(), held, now())


def close_again(number: int, part: int, held: Held, reason: str) -> None:
    """Opening failed; everything is closed as before."""
    with database().write() as session:
        releases.close_again(session, number, part, held, now(), reason)


def closed(number: int, part: int, held: Held, groups: int) -> None:
    """The files are closed again, looked at as a stranger."""
    with database().write() as session:
        releases.closed(session, number, part, held, now(), groups)


def decide(number: int, part: int, event: ReleaseEvent, operator: str, reason: str) -> ReleaseState:
    """A person's decision."""
    with database().write() as session:
        who = actor(session, operator, number)
        return release_decide.decide(session, number, event, who, now(), reason, part=part)


def closing(
    number: int, part: int, *, failed: bool = False
) -> tuple[list[OpenGroup], list[OpenGroup]]:
    """What must be closed, and what of the proposal stays open.

    Args:
        number: Proposal number.
        part: Row id of the part; 0: the whole proposal.
        failed: It is being opened, and that failed.

    Raises:
        Refused: It is open, or opens.
    """
    with database().read() as session:
        row = carrier(session, number, part)
        if row.state in _RIGHTS and not failed:
            raise Refused(f"the data of proposal {number} are {row.state}")
        kept = _open_groups(session, number, but=part)
        every = queries.groups(session, row.proposal, row.part, stores())
    left = {g.group for g in kept}
    return [g for g in every if g.group not in left and g.path], kept


def _open_groups(session: Session, number: int, but: int | None = None) -> list[OpenGroup]:
    """Groups that everybody may pass to, of all parts but one; 0 is the whole proposal."""
    row = carrier(session, number)
    if row.state in _RIGHTS and but != 0:
        return [g for g in queries.groups(session, row.proposal, None, stores()) if g.path]
    found: list[OpenGroup] = []
    for part in queries.parts(session, row.proposal):
        if part.state in _RIGHTS and part.id != but:
            found += queries.groups(session, row.proposal, part, stores())
    return [g for g in found if g.path]


def ways(view: ProposalView) -> dict[str, int]:
    """What everybody may do in the folders above a proposal's open data."""
    if load().storage is None:
        return {}
    with database().read() as session:
        found = _open_groups(session, view.number)
    return opening.ways(found, home_of(view.path, mounts()), mounts())


def limits() -> breakers.Limits:
    """What a round may do by itself."""
    here = load().release
    return breakers.Limits(
        here.max_proposals_per_round,
        here.max_bytes_per_round,
        here.times_usual,
        timedelta(hours=here.longest_gap_hours),
    )


def begin_round() -> Round:
    """Begin a round of the sweep, or stop."""
    with database().write() as session:
        return release_rounds.begin(session, limits(), now())


def ask_round(found: Round) -> tuple[int, int]:
    """Ask for everything that is due; answers how many proposals and parts."""
    with database().write() as session:
        parts = len(release_rounds.ask_parts(session, now()))
    asked, after = 0, 0
    while True:
        with database().write() as session:
            numbers = release_rounds.ask_page(session, found, after, now())
        if not numbers:
            break
        asked, after = asked + len(numbers), numbers[-1]
    with database().write() as session:
        release_rounds.end(session, found, asked, now())
    return asked, parts


def confirm_round(operator: str, reason: str) -> Round:
    """Let a stopped round go on."""
    with database().write() as session:
        return release_rounds.confirm(session, actor(session, operator), now(), reason)


def alarm() -> list[Overdue]:
    """Tell people what should be open for more than a day."""
    with database().write() as session:
        return release_rounds.alarm(session, now(), ALARM_AFTER)
