"""Rows by the numbers that people and machines use."""

from sqlmodel import Session, select

from catalog.memory import memory
from catalog.tables.facility import Instrument
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.errors import Missing


def proposal_row(session: Session, number: int) -> Proposal:
    """A proposal by number.

    Raises:
        Missing: No such proposal.
    """
    known = memory(session, "proposals")
    row: Proposal | None = known.get(number)
    if row is not None and row in session:
        return row
    row = session.exec(select(Proposal).where(Proposal.number == number)).first()
    if row is None:
        raise Missing(f"there is no proposal {number}", field="proposal")
    known[number] = row
    return row


def find_run(session: Session, proposal: Proposal, run_number: int) -> Run | None:
    """A run by number, None when the proposal has no such run."""
    known = memory(session, "runs")
    key = (proposal.id, run_number)
    if key in known:
        found: Run | None = known[key]
        return found
    return session.exec(
        select(Run).where(Run.proposal_id == proposal.id, Run.run_number == run_number)
    ).first()


def run_row(session: Session, number: int, run_number: int) -> tuple[Proposal, Run]:
    """A run and its proposal by their numbers.

    Raises:
        Missing: No such proposal or run.
    """
    proposal = proposal_row(session, number)
    run = find_run(session, proposal, run_number)
    if run is None:
        raise Missing(f"proposal {number} has no run {run_number}", field="run")
    return proposal, run


def instrument_row(session: Session, identifier: str) -> Instrument:
    """An instrument by identifier.

    Raises:
        Missing: No such instrument.
    """
    row = session.exec(select(Instrument).where(Instrument.identifier == identifier)).first()
    if row is None:
        raise Missing(f"there is no instrument {identifier!r}", field="instrument")
    return row
