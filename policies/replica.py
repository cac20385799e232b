"""Copies of a data group, and the promise that two of them are verified.

Source: "There are always two copies of a run, if it's been migrated", public merge
request 553 of the facility's calibration pipeline; the pairs below are its list.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from policies.vocabulary import ReplicaState


class Tier(StrEnum):
    """What kind of store a repository is."""

    ONLINE = "online"
    """The instrument's own storage."""
    OFFLINE = "offline"
    """GPFS at the computing centre."""
    DCACHE = "dcache"
    """dCache disk at the computing centre."""
    TAPE = "tape"
    """Tape behind dCache."""
    REMOTE = "remote"
    """A store of another site; never counts as one of the two."""


@dataclass(frozen=True)
class Copy:
    """One copy as the catalog knows it.

    Attributes:
        repository: Repository identifier.
        tier: Kind of store.
        state: What is known of it.
        manifest_hash: Hash of the manifest that was proved; empty without a proof.
    """

    repository: str
    tier: Tier
    state: ReplicaState
    manifest_hash: str = ""


COPIES_NEEDED = 2
"""Verified copies of a migrated run, at the least."""

ALLOWED_PAIRS: tuple[frozenset[Tier], ...] = (
    frozenset({Tier.ONLINE, Tier.OFFLINE}),
    frozenset({Tier.ONLINE, Tier.DCACHE}),
    frozenset({Tier.OFFLINE, Tier.DCACHE}),
    frozenset({Tier.DCACHE, Tier.TAPE}),
)
"""Pairs of stores that together count as safe."""

MIGRATION_TARGETS = (Tier.OFFLINE, Tier.DCACHE)
"""Where a migration writes, in this order."""


def verified(copies: Collection[Copy], manifest_hash: str) -> list[Copy]:
    """Copies that are proved against this manifest.

    Args:
        copies: Everything on record for the data group.
        manifest_hash: Hash of the manifest in force; empty matches nothing.
    """
    return [
        c
        for c in copies
        if manifest_hash
        and c.state is ReplicaState.VERIFIED
        and c.manifest_hash == manifest_hash
        and c.tier is not Tier.REMOTE
    ]


def safe(copies: Collection[Copy], manifest_hash: str) -> bool:
    """Whether the verified copies contain an allowed pair."""
    tiers = {c.tier for c in verified(copies, manifest_hash)}
    return any(pair <= tiers for pair in ALLOWED_PAIRS)


def may_go(copy: Copy, copies: Collection[Copy], manifest_hash: str) -> str:
    """Why this copy may not be removed.

    Returns:
        A sentence, or the empty string when what remains is still safe.
    """
    rest = [c for c in copies if c.repository != copy.repository]
    if copy.state is not ReplicaState.VERIFIED:
        return "" if safe(rest, manifest_hash) else "the copies that remain are not two verified"
    if not safe(rest, manifest_hash):
        left = ", ".join(sorted(c.repository for c in verified(rest, manifest_hash))) or "none"
        return f"would leave verified copies only on: {left}; an allowed pair must remain"
    return ""
