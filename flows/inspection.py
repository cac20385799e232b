"""What a closed run's files are compared with, and how the outcome is put on record."""

from flows import artifacts
from policies import layout
from policies.audit import Finding
from policies.audit_facts import FileFacts, RunFacts
from policies.errors import Mismatch
from policies.vocabulary import Severity
from tasks.copying import FileDigest
from tasks.records import runs


def registered(facts: FileFacts, digest: FileDigest) -> runs.RegisteredFile:
    """A file as it is put on record."""
    created = facts.metadata.created_at if facts.metadata else None
    return runs.RegisteredFile(
        relative_path=facts.filename,
        size_bytes=digest.size_bytes,
        xxh3_128=digest.xxh3_128,
        adler32=digest.adler32,
        created_at=created,
        first_train=facts.trains.first,
        last_train=facts.trains.last,
        num_trains=facts.trains.count,
        mtime_ns=digest.mtime_ns,
    )


def rows_of(findings: list[Finding]) -> list[runs.Found]:
    """Findings as the catalog takes them."""
    return [
        runs.Found(
            f.check, f.severity, f.blocks_migration, f.file or "", f.message, f.expected, f.found
        )
        for f in findings
    ]


def changed_after_copy(error: Mismatch) -> runs.Found:
    """The finding for files that changed after they were copied."""
    return runs.Found(
        "changed-after-copy",
        Severity.ERROR,
        False,
        "",
        error.message,
        str(error.context.get("expected", "")),
        str(error.context.get("found", "")),
    )


def show(proposal: int, run: int, facts: RunFacts, findings: list[Finding]) -> None:
    """Tables of files and findings on the run's page."""
    key = artifacts.slug(layout.run_label(proposal, run))
    files = [
        {
            "file": f.filename,
            "MB": round(f.size_bytes / 1e6, 3),
            "trains": f.trains.count,
            "first": f.trains.first,
            "last": f.trains.last,
            "adler32": f.adler32,
        }
        for f in facts.files
    ]
    artifacts.table(f"{key}-files", files, "Files of the run")
    odd = [
        {
            "check": f.check,
            "weight": str(f.severity),
            "blocks migration": "yes" if f.blocks_migration else "no",
            "file": f.file or "",
            "what": f.message,
        }
        for f in findings
    ]
    artifacts.table(f"{key}-findings", odd, "What the checks found")
