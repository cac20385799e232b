"""The disk copies of a proposal's raw data go once every file is safe on tape."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import artifacts
from flows.forms import ProposalNumber
from flows.outcome import Result, conduct
from flows.tape_checks import Count, give_up, not_yet, proof_of, survey
from policies import layout
from policies.errors import Mismatch, Refused
from policies.vocabulary import Work
from tasks.records import archival
from tasks.records.work import Working
from tasks.tape.dcache import tape


@flow(name="data-archive", flow_run_name="p{proposal:06d} to tape")
def data_archive(proposal: ProposalNumber) -> State[Any]:
    """Give up the disk copies of raw data in the tape store.

    First every file is found on tape with the size and the sum on record; one that does not
    fit stops all. Then the disk copies are given up, and all is looked at once more.

    Args:
        proposal: Proposal number.
    """

    def body(unit: Working) -> Result:
        store, door = archival.store(), tape()
        if store is None or door is None:
            raise Refused("no tape store is configured (settings: tape)")
        copies = archival.begin(proposal, store, unit.held)
        folder = layout.proposal_folder(proposal)
        ring = artifacts.progress(f"{folder}-to-tape", f"{folder}: files looked at")
        count = Count(ring, steps=3 * len(copies))
        try:
            survey(unit, door, copies, count)
            give_up(unit, door, copies, count)
            left = not_yet(unit, door, copies, count)
        except Mismatch as misfit:
            reason = misfit.message
            archival.stop(proposal, unit.held, reason, {"files_looked_at": count.files})
            return Result(f"stopped: {reason}", "Stopped", ("outcome:trouble",))
        if left:
            return Result(f"{left} disk copies are still there; asked again", "Waiting")
        archival.complete(proposal, store, proof_of(count), unit.held)
        return Result(f"{folder}: {count.files} files are on tape only")

    return conduct(Work.DATA_ARCHIVE, body, proposal=proposal)
