"""The audit of a run: facts, claims and the record go in, findings come out.

The rows, and what each of them stops, are in `policies.audit_table`.
"""

from dataclasses import dataclass

from policies.audit_claims import AuditSettings, CatalogFacts, ClaimedFile, Claims, RegisteredFile
from policies.audit_facts import (
    EntryKind,
    Fault,
    FileFacts,
    FileFault,
    FileMetadata,
    RunFacts,
    SourceFacts,
    TrainFacts,
    TrainRange,
)
from policies.audit_files import Case, Hit
from policies.audit_table import CHECKS, Check, Need
from policies.errors import Misconfigured
from policies.vocabulary import Severity

__all__ = [
    "CHECKS",
    "VERSION",
    "AuditSettings",
    "CatalogFacts",
    "Check",
    "ClaimedFile",
    "Claims",
    "EntryKind",
    "Fault",
    "FileFacts",
    "FileFault",
    "FileMetadata",
    "Finding",
    "Need",
    "RegisteredFile",
    "RunFacts",
    "SourceFacts",
    "TrainFacts",
    "TrainRange",
    "audit",
    "audit_markdown",
    "check_names",
    "checks_made",
    "checks_not_made",
]

VERSION = "audit-1"
"""Written beside every finding that this table decided."""

_LONGEST = 2_000
"""Characters of a message; what is cut is counted."""


@dataclass(frozen=True, order=True)
class Finding:
    """What a check found; (check, file) is unique within one audit.

    Attributes:
        check: Name of the row.
        severity: How much it weighs.
        blocks_migration: Whether it forbids migration, after the site's settings.
        file: File name; None when it speaks of the whole run.
        expected: What should be there.
        found: What is there.
        message: Sentence for people.
    """

    check: str
    severity: Severity
    blocks_migration: bool
    file: str | None
    expected: str
    found: str
    message: str


_NAMES = frozenset(check.name for check in CHECKS)


def check_names() -> frozenset[str]:
    """Names of all checks."""
    return _NAMES


def _known(case: Case) -> frozenset[Need]:
    """Which needs this case meets."""
    claims, files = case.claims, case.facts.files
    met = {
        Need.CLAIMED_TRAINS: (claims.first_train, claims.last_train) != (None, None),
        Need.CLAIMED_FILES: bool(claims.files),
        Need.CLAIMED_CHECKSUMS: any(c.checksum for c in claims.files),
        Need.CLAIMED_TIMES: (claims.begin_at, claims.end_at) != (None, None),
        Need.END: claims.end_at is not None,
        Need.DIGESTS: any(f.adler32 for f in files),
        Need.PROPOSAL: case.catalog.proposal is not None,
        Need.RUN: case.catalog.run is not None,
        Need.REGISTERED: bool(case.catalog.registered),
    }
    return frozenset(need for need, there in met.items() if there)


def _checked(settings: AuditSettings) -> AuditSettings:
    unknown = sorted((settings.disabled | settings.not_blocking) - _NAMES)
    if unknown:
        raise Misconfigured(f"audit settings name unknown checks: {', '.join(unknown)}")
    return settings


def _one(check: Check, file: str, hits: list[Hit], settings: AuditSettings) -> Finding:
    """Put everything that one check found on one file into one finding."""
    message = "; ".join(dict.fromkeys(h.message for h in hits))
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}… ({len(hits)} in all)"
    return Finding(
        check.name,
        check.severity,
        check.blocks and check.name not in settings.not_blocking,
        file or None,
        "; ".join(dict.fromkeys(h.expected for h in hits))[:_LONGEST],
        "; ".join(dict.fromkeys(h.found for h in hits))[:_LONGEST],
        message,
    )


def audit(
    facts: RunFacts,
    claims: Claims | None = None,
    catalog: CatalogFacts | None = None,
    settings: AuditSettings | None = None,
) -> list[Finding]:
    """Judge a run.

    Args:
        facts: What was seen in the folder, with digests as far as they are computed.
        claims: What the data acquisition said; None when it said nothing.
        catalog: What is on record; None when nothing is.
        settings: Thresholds; None for the defaults.

    Returns:
        Findings in the table's order, then by file; (check, file) is unique.

    Raises:
        Misconfigured: The settings name a check that does not exist.
    """
    chosen = _checked(settings or AuditSettings())
    case = Case(facts, claims or Claims(), catalog or CatalogFacts(), chosen)
    met, findings = _known(case), list[Finding]()
    for check in CHECKS:
        if check.name in chosen.disabled or not check.needs <= met:
            continue
        by_file: dict[str, list[Hit]] = {}
        for hit in check.find(case):
            by_file.setdefault(hit.file, []).append(hit)
        findings += [_one(check, name, by_file[name], chosen) for name in sorted(by_file)]
    return findings


def checks_not_made(
    facts: RunFacts,
    claims: Claims | None = None,
    catalog: CatalogFacts | None = None,
    settings: AuditSettings | None = None,
) -> dict[str, str]:
    """Checks that `audit` leaves out with the same arguments.

    Returns:
        Why, by name of the check: what is not known, or that the site disabled it.

    Raises:
        Misconfigured: The settings name a check that does not exist.
    """
    chosen = _checked(settings or AuditSettings())
    met = _known(Case(facts, claims or Claims(), catalog or CatalogFacts(), chosen))
    reasons = {}
    for check in CHECKS:
        if check.name in chosen.disabled:
            reasons[check.name] = "disabled by the settings"
        elif not check.needs <= met:
            reasons[check.name] = f"not known: {', '.join(sorted(check.needs - met))}"
    return reasons


def checks_made(
    facts: RunFacts,
    claims: Claims | None = None,
    catalog: CatalogFacts | None = None,
    settings: AuditSettings | None = None,
) -> list[str]:
    """Names of the checks that `audit` makes with the same arguments.

    Raises:
        Misconfigured: The settings name a check that does not exist.
    """
    left_out = checks_not_made(facts, claims, catalog, settings)
    return [check.name for check in CHECKS if check.name not in left_out]


def audit_markdown() -> str:
    """Write the table as a Markdown table."""
    head = "| check | weight | blocks | needs | looks for | because | source |\n" + "|---" * 7 + "|"
    rows = [
        f"| {c.name} | {c.severity} | {'yes' if c.blocks else 'no'} | {', '.join(sorted(c.needs))}"
        f" | {c.sentence} | {c.because} | {c.source} |"
        for c in CHECKS
    ]
    return "\n".join([head, *rows])
