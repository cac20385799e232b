"""Single values of a proposal and the end of its embargo, each with its line of history."""

from typing import Any

from catalog.commands.data_policies import choose, pin
from catalog.commands.portal_book import VERSION, Book, words
from catalog.queries.data_policies import embargo_facts, pinned
from catalog.tables.proposals import Beamtime, Proposal
from policies import data_policy, release
from policies.embargo import computed_release, stored_release
from policies.portal_report import NOTHING, FieldChange

PLAIN = {
    "title": "title",
    "abstract": "abstract",
    "url": "url",
    "num_scheduled_shifts": "scheduled_shifts",
    "num_preparation_shifts": "preparation_shifts",
    "flg_available": "available",
}
"""Columns that are taken over as they are, and what the export calls them."""


def put_value(book: Book, proposal: Proposal, column: str, wanted: Any) -> None:  # noqa: ANN401 - any column
    """Set a column; the same value again is no change."""
    former = getattr(proposal, column)
    if former == wanted:
        return
    setattr(proposal, column, wanted)
    name = PLAIN.get(column, column.removeprefix("flg_"))
    dates = column.endswith("_at")
    old, to = (book.moment(v) if dates else words(v) for v in (former, wanted))
    change = FieldChange(name.replace("_", " "), old, to)
    policy = release.VERSION if column == "release_at" else VERSION
    book.note(event_of(name), change, proposal.id or 0, policy=policy)


def event_of(name: str) -> str:
    """Name of the event that a changed value is, in the journal."""
    return f"change-{name.replace('_', '-')}"


def put_release(book: Book, proposal: Proposal, beamtimes: list[Beamtime]) -> None:
    """Store when the embargo ends, by the policy that the proposal is pinned to.

    Without one on record it is three civil years, as every policy of the facility had it so far.
    """
    _pin(book, proposal, beamtimes)
    policy = pinned(book.session, proposal)
    if policy is None:
        ends = [b.end_at for b in beamtimes] or [e for e in (proposal.end_at,) if e]
        computed = release.release_at(ends, book.site.zone) if ends else None
        kept = release.keep_or_extend(proposal.release_at, computed)
    else:
        book.session.flush()
        facts = embargo_facts(book.session, proposal, book.now)
        computed, (kept, _) = computed_release(policy, facts), stored_release(policy, facts)
    put_value(book, proposal, "release_at", kept)
    if release.drift(proposal.release_at, computed):
        book.warnings.append(
            f"release at: stays {book.moment(proposal.release_at)}, the beamtimes now say"
            f" {book.moment(computed)}; an embargo is never shortened by itself"
        )


def _pin(book: Book, proposal: Proposal, beamtimes: list[Beamtime]) -> None:
    """Pin a proposal to the policy in force at its first beamtime; it stays with it for ever."""
    if proposal.policy_identifier or not beamtimes:
        return
    policy = choose(book.session, min(b.begin_at for b in beamtimes))
    if policy is not None:
        pin(proposal, policy)
        change = FieldChange("policy", NOTHING, f"{policy.id}, version {policy.version}")
        book.note("pin-policy", change, proposal.id or 0, policy=data_policy.VERSION)
