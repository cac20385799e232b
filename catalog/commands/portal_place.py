"""Where a proposal belongs, and when it may still move to another instrument or cycle."""

from dataclasses import dataclass

from sqlmodel import Session, select

from catalog.commands.portal_book import Book
from catalog.tables.facility import Instrument, InstrumentCycle
from catalog.tables.proposals import Proposal, ProvisioningStep
from catalog.tables.runs import Run
from policies import layout
from policies.errors import Refused
from policies.portal_export import ProposalRow
from policies.portal_report import FieldChange
from policies.vocabulary import BeamtimeState, StepName, StepState


@dataclass(frozen=True)
class Place:
    """Where a proposal belongs: rows that exist."""

    instrument: Instrument
    cycle: InstrumentCycle


def raw_path(place: Place, number: int) -> str:
    """The raw folder of a proposal, the same on every cluster.

    Raises:
        Invalid: The instrument's identifier cannot be a folder.
    """
    root = layout.proposal_root(place.instrument.identifier, place.cycle.identifier, number)
    return f"{root}/raw"


def check_identity(book: Book, proposal: Proposal, place: Place, row: ProposalRow) -> None:
    """Move a proposal to another instrument or cycle while nothing exists there.

    The whole row is refused otherwise: a number that suddenly means another experiment is
    more likely a mistake than a move, and its team must not enter the first one's folders.

    Raises:
        Refused: Runs or folders exist, or the system differs.
    """
    if row.system != proposal.flg_proposal_system:
        raise Refused(f"system: is {proposal.flg_proposal_system} and never changes")
    wanted = (place.instrument.id, place.cycle.id)
    if (proposal.instrument_id, proposal.instrument_cycle_id) == wanted:
        return
    former = _place_words(book.session, proposal)
    new = f"{row.instrument}/{row.cycle}"
    session = book.session
    run = session.exec(select(Run.run_number).where(Run.proposal_id == proposal.id)).first()
    if run is not None:
        raise Refused(
            f"instrument, cycle: cannot become {new}, there are runs on {former};"
            " ask for another proposal number"
        )
    if proposal.flg_beamtime_status is not BeamtimeState.NEW:
        raise Refused(
            f"instrument, cycle: cannot become {new}, folders are prepared for {former};"
            " an administrator first sets the proposal back to New"
        )
    path, proposal.def_proposal_path = proposal.def_proposal_path, raw_path(place, row.number)
    proposal.instrument_id, proposal.instrument_cycle_id = wanted[0] or 0, wanted[1] or 0
    details = {
        "path": [path, proposal.def_proposal_path],
        "steps_reset": _reset_steps(session, proposal),
    }
    change = FieldChange("instrument/cycle", former, new)
    book.note("move-proposal", change, proposal.id or 0, details=details)


def _place_words(session: Session, proposal: Proposal) -> str:
    instrument = session.get_one(Instrument, proposal.instrument_id)
    cycle = session.get_one(InstrumentCycle, proposal.instrument_cycle_id)
    return f"{instrument.identifier}/{cycle.identifier}"


def _reset_steps(session: Session, proposal: Proposal) -> list[str]:
    """What was provisioned at the former place has to be provisioned again."""
    steps = session.exec(
        select(ProvisioningStep).where(
            ProvisioningStep.proposal_id == proposal.id,
            ProvisioningStep.name != StepName.LDAP_GROUPS,
            ProvisioningStep.state != StepState.PENDING,
        )
    ).all()
    for step in steps:
        step.state, step.message = StepState.PENDING, "the proposal moved to another place"
        step.proof = {}
    return [str(step.name) for step in steps]
