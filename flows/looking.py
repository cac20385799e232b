"""Reading one closed run: its files, what is odd about them, and what is put on record."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows import artifacts
from flows.inspection import changed_after_copy, registered, rows_of
from flows.outcome import Result
from policies import layout
from policies.audit import Finding, audit, checks_made
from policies.audit_facts import RunFacts
from policies.audit_table import CHECKS, Need
from policies.errors import Mismatch
from tasks.copying import FileDigest, digest_files
from tasks.rawfiles.inspection import inspect_run
from tasks.records import configured, runs
from tasks.records.said import said_of
from tasks.records.work import Working
from tasks.storage import local_path

RING_AFTER_SECONDS = 1.0
"""A run that is read faster gets no ring: drawing one would cost more than reading."""


@dataclass(frozen=True)
class Look:
    """What one look at a run has shown.

    Attributes:
        facts: The files as they are.
        findings: What is odd about them.
        result: What became of it.
    """

    facts: RunFacts
    findings: list[Finding]
    result: Result


def look(proposal: int, run: int, unit: Working) -> Look:
    """Read a run's files, compare them with what was said and put them on record.

    Args:
        proposal: Proposal number.
        run: Run number.
        unit: The lease on the run.

    Raises:
        Missing: No such proposal or run.
        Unavailable: The folder is not there or cannot be read.
        LeaseLost: Somebody else took over.
    """
    said = said_of(proposal, run)
    folder = local_path(said.repository, f"{said.path}/{layout.run_folder(run)}")
    facts, digests = _read(folder, unit, layout.run_label(proposal, run))
    rules = configured.audit_rules()
    findings = audit(facts, said.claims, said.record, rules)
    try:
        registration, fresh, gone = runs.register(
            proposal,
            run,
            [registered(f, digests[f.filename]) for f in facts.files if f.filename in digests],
            rows_of(findings),
            _settled_by_looking(checks_made(facts, said.claims, said.record, rules)),
            unit.held,
        )
    except Mismatch as error:
        runs.note_findings(proposal, run, [changed_after_copy(error)], ["changed-after-copy"])
        return Look(facts, findings, Result(error.message, "Mismatch", ("outcome:mismatch",)))
    text = (
        f"{layout.run_label(proposal, run)}: {registration.num_files} files,"
        f" {registration.size_bytes:,} bytes; {fresh} new findings, {gone} resolved"
    )
    odd = ("outcome:findings",) if findings else ()
    return Look(facts, findings, Result(text, tags=odd, data={"files": registration.num_files}))


def _read(folder: Path, unit: Working, label: str) -> tuple[RunFacts, dict[str, FileDigest]]:
    """What the files hold, and their digests; read once each."""
    facts = inspect_run(folder)
    names = [f.filename for f in facts.files]
    digests = digest_files(folder, names, on_progress=_ring(label), should_continue=unit.check)
    pairs = {name: (d.adler32, d.xxh3_128) for name, d in digests.items()}
    return facts.with_digests(pairs), digests


def _ring(label: str) -> Callable[[int, int], None]:
    """A ring that appears when reading takes long enough to be watched."""
    began, rings = time.monotonic(), list[Callable[[int, int], None]]()

    def update(done: int, total: int) -> None:
        if not rings:
            if time.monotonic() - began < RING_AFTER_SECONDS:
                return
            key = f"{artifacts.slug(label)}-digests"
            rings.append(artifacts.progress(key, f"{label}: reading files"))
        rings[0](done, total)

    return update


def _settled_by_looking(checks: list[str]) -> list[str]:
    """Checks whose findings go by themselves when they are no longer found.

    Not those that compare with what was registered before: the record follows what was
    read, so the next look would agree with the rot. A person says what became of them.
    """
    lasting = {check.name for check in CHECKS if Need.REGISTERED in check.needs}
    return [name for name in checks if name not in lasting]
