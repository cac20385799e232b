"""What the run table looks at: facts, and the named conditions on them."""

from dataclasses import dataclass

from policies.machine import Guard


@dataclass(frozen=True)
class RunFacts:
    """What the guards look at.

    Attributes:
        online_copy: Whether a copy of the raw data is on record on the online storage.
        files_registered: Number of raw files registered with digests.
        inspected: Whether the run's files were inspected after it closed.
        blocking_findings: Checks whose open findings forbid migration.
        verified_copies: Repositories that hold a verified copy.
        copies_needed: Number of verified copies that the policy asks for.
        pair_safe: Whether the verified copies contain an allowed pair of stores.
        hold: Holds of its proposal, as `policies.veto` keeps them; empty when none stands.
    """

    online_copy: bool = True
    files_registered: int = 0
    inspected: bool = False
    blocking_findings: tuple[str, ...] = ()
    verified_copies: tuple[str, ...] = ()
    copies_needed: int = 2
    pair_safe: bool = False
    hold: str = ""


ONLINE_COPY = Guard[RunFacts](
    "online copy exists",
    lambda f: "no online copy is on record: there is nothing to migrate from",
    lambda f: f.online_copy,
    overridable=False,
)
REGISTERED = Guard[RunFacts](
    "files registered",
    lambda f: "the run's files are not registered yet: run-closed has not finished",
    lambda f: f.inspected and f.files_registered > 0,
    overridable=False,
)
CLEAN = Guard[RunFacts](
    "no blocking finding",
    lambda f: (
        "open findings forbid migration: "
        + ", ".join(f.blocking_findings)
        + "; resolve them or put operator-ask with a reason"
    ),
    lambda f: not f.blocking_findings,
)
COPIES = Guard[RunFacts](
    "two verified copies",
    lambda f: (
        f"{len(f.verified_copies)} verified copies on record"
        f" ({', '.join(f.verified_copies) or 'none'}), {f.copies_needed} are needed"
    ),
    lambda f: f.pair_safe and len(f.verified_copies) >= f.copies_needed,
    overridable=False,
)
