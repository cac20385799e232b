"""The DAQ closed a run: read its files, register them, say what is odd."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import artifacts
from flows.forms import ProposalNumber, RunNumber
from flows.inspection import (
    changed_after_copy,
    claims_of,
    record_of,
    registered,
    rows_of,
    show,
)
from flows.outcome import Result, conduct
from policies import layout
from policies.audit import audit, checks_made
from policies.audit_facts import RunFacts
from policies.audit_table import CHECKS, Need
from policies.errors import Mismatch
from policies.vocabulary import Work
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
        claims, record = claims_of(proposal, run), record_of(proposal, run, view.instrument)
        findings = audit(facts, claims, record)
        show(proposal, run, facts, findings)
        try:
            registration, fresh, gone = runs.register(
                proposal,
                run,
                [registered(f, digests[f.filename]) for f in facts.files if f.filename in digests],
                rows_of(findings),
                _settled_by_looking(checks_made(facts, claims, record)),
                unit.held,
            )
        except Mismatch as error:
            runs.note_findings(proposal, run, [changed_after_copy(error)], ["changed-after-copy"])
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


def _settled_by_looking(checks: list[str]) -> list[str]:
    """Checks whose findings go by themselves when they are no longer found.

    Not those that compare with what was registered before: the record follows what was
    read, so the next look would agree with the rot. A person says what became of them.
    """
    lasting = {check.name for check in CHECKS if Need.REGISTERED in check.needs}
    return [name for name in checks if name not in lasting]
