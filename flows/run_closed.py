"""The DAQ closed a run: read its files, register them, say what is odd."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import artifacts
from flows.forms import ProposalNumber, RunNumber
from flows.outcome import Result, conduct
from policies import layout
from policies.audit import Finding, audit, checks_made
from policies.audit_claims import CatalogFacts, ClaimedFile, Claims, RegisteredFile
from policies.audit_facts import FileFacts, RunFacts
from policies.errors import Mismatch
from policies.vocabulary import Severity, Work
from tasks.copying import FileDigest, digest_files
from tasks.rawfiles.inspection import inspect_run
from tasks.records import beamtimes, runs
from tasks.records.work import Working
from tasks.storage import local_path


@flow(name="run-closed", flow_run_name="p{proposal:06d} r{run:04d}")
def run_closed(proposal: ProposalNumber, run: RunNumber) -> State[Any]:
    """Read a closed run's files, register them with digests and compare with the DAQ's word.

    What is odd becomes a finding on the run, never a crash. Run it again at any time: the
    same files change nothing.

    Args:
        proposal: Proposal number.
        run: Run number.
    """

    def body(unit: Working) -> Result:
        view = beamtimes.proposal(proposal)
        folder = local_path(view.online_repository, f"{view.path}/{layout.run_folder(run)}")
        facts = inspect_run(folder)
        facts, digests = _with_digests(facts, folder, unit, layout.run_label(proposal, run))
        claims, record = _claims(proposal, run), _record(proposal, run, view.instrument)
        findings = audit(facts, claims, record)
        _show(proposal, run, facts, findings)
        try:
            registration, fresh, gone = runs.register(
                proposal,
                run,
                [_file(f, digests[f.filename]) for f in facts.files if f.filename in digests],
                findings_rows(findings),
                checks_made(facts, claims, record),
                unit.held,
            )
        except Mismatch as error:
            runs.note_findings(proposal, run, [_changed(error)], ["changed-after-copy"])
            return Result(error.message, "Mismatch", ("outcome:mismatch",))
        text = (
            f"{layout.run_label(proposal, run)}: {registration.num_files} files,"
            f" {registration.size_bytes:,} bytes; {fresh} new findings, {gone} resolved"
        )
        odd = ("outcome:findings",) if findings else ()
        return Result(text, tags=odd, data={"files": registration.num_files})

    return conduct(Work.RUN_CLOSED, body, proposal=proposal, run=run)


def _with_digests(
    facts: RunFacts, folder: Path, unit: Working, label: str
) -> tuple[RunFacts, dict[str, FileDigest]]:
    """Read every file once for its digests; the ring shows how far."""
    names = [f.filename for f in facts.files]
    ring = artifacts.progress(f"{artifacts.slug(label)}-digests", f"{label}: reading files")
    digests = digest_files(folder, names, on_progress=ring, should_continue=unit.check)
    pairs = {name: (d.adler32, d.xxh3_128) for name, d in digests.items()}
    return facts.with_digests(pairs), digests


def _claims(proposal: int, run: int) -> Claims:
    view = runs.run(proposal, run)
    files = tuple(
        ClaimedFile(
            c["filename"], c.get("relative_path", ""), c.get("size"), c.get("checksum") or ""
        )
        for c in runs.claims(proposal, run)
    )
    return Claims(
        first_train=view.first_train,
        last_train=view.last_train,
        files=files,
        run_type=view.run_type,
        sample=view.sample,
        begin_at=view.begin_at,
        end_at=view.end_at,
    )


def _record(proposal: int, run: int, instrument: str) -> CatalogFacts:
    known = {
        path: RegisteredFile(size, adler, strong)
        for path, (size, strong, adler) in runs.registered(proposal, run).items()
    }
    return CatalogFacts(proposal, run, instrument, "RAW", known)


def _file(facts: FileFacts, digest: FileDigest) -> runs.RegisteredFile:
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


def findings_rows(findings: list[Finding]) -> list[runs.Found]:
    """Findings as the catalog takes them."""
    return [
        runs.Found(
            f.check, f.severity, f.blocks_migration, f.file or "", f.message, f.expected, f.found
        )
        for f in findings
    ]


def _changed(error: Mismatch) -> runs.Found:
    return runs.Found(
        "changed-after-copy",
        Severity.ERROR,
        False,
        "",
        error.message,
        str(error.context.get("expected", "")),
        str(error.context.get("found", "")),
    )


def _show(proposal: int, run: int, facts: RunFacts, findings: list[Finding]) -> None:
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
