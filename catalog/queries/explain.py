"""Why a proposal's release date is what it is: one answer for people and programs."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from catalog.queries.data_policies import embargo_facts, loaded, pinned
from catalog.queries.find import proposal_row
from catalog.tables.journal import Change
from policies.embargo import plan
from policies.vocabulary import ReleaseState

_DATES = ("change-release-at", "pin-policy")
_SHOWN = 20


@dataclass(frozen=True)
class Explanation:
    """An embargo explained.

    Attributes:
        proposal: Its number.
        policy: Identifier and version that it is pinned to; empty: none yet.
        state: Where its release stands.
        release_at: The date that counts, aware; None: it opens on no date.
        computed: What the policy says now, aware.
        first_open_day: First civil day that is open from midnight on.
        latest_at: The latest date that extensions can reach.
        because: Why the date is what it is.
        follows: What comes next.
        who: Who can change it, and how.
        assumed: Places of the policy that the facility does not state.
        history: What was decided about the date, the oldest first.
    """

    proposal: int
    policy: str
    state: ReleaseState
    release_at: datetime | None
    computed: datetime | None
    first_open_day: date | None
    latest_at: datetime | None
    because: tuple[str, ...]
    follows: tuple[str, ...]
    who: tuple[str, ...]
    assumed: tuple[str, ...]
    history: tuple[str, ...]


def explain(session: Session, number: int, now: datetime) -> Explanation:
    """Explain a proposal's embargo.

    Args:
        session: Any session.
        number: Proposal number.
        now: The instant of asking, aware.

    Raises:
        Missing: No such proposal.
    """
    proposal = proposal_row(session, number)
    policy = pinned(session, proposal)
    history = tuple(_history(session, number))
    if policy is None:
        known = ", ".join(p.id for p in loaded(session)) or "none"
        why = f"no data policy is pinned: it has no beamtime yet; on record are {known}"
        stored = proposal.release_at
        return Explanation(
            number, "", proposal.release_state, stored, None, None, None,
            (why,), ("a policy is pinned with the first beamtime",),
            ("the user portal sets the beamtimes",), (), history,
        )  # fmt: skip
    found = plan(policy, embargo_facts(session, proposal, now))
    return Explanation(
        proposal=number,
        policy=f"{policy.id}, version {policy.version}",
        state=proposal.release_state,
        release_at=found.release_at,
        computed=found.computed,
        first_open_day=found.first_open_day,
        latest_at=found.latest_at,
        because=found.because,
        follows=found.follows,
        who=found.who,
        assumed=policy.assumed,
        history=history,
    )


def _history(session: Session, number: int) -> list[str]:
    rows = session.exec(
        select(Change)
        .where(Change.proposal == number, col(Change.event).in_(_DATES))
        .order_by(col(Change.seq).desc())
        .limit(_SHOWN)
    ).all()
    return [
        f"{row.at:%Y-%m-%d %H:%M} UTC {row.event} by {row.actor}: {row.source} ⇒ {row.target}"
        + (f" ({row.reason})" if row.reason else "")
        for row in reversed(rows)
    ]
