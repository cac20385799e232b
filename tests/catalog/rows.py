"""Rows that tests of the catalog start from."""

from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, select

from catalog.tables import Instrument, InstrumentCycle, Proposal
from policies.vocabulary import BeamtimeState

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def proposal(session: Session, number: int, instrument: str = "SPB", **values: Any) -> Proposal:
    """A proposal of a facility that is loaded."""
    place = session.exec(select(Instrument).where(Instrument.identifier == instrument)).one()
    cycle = session.exec(
        select(InstrumentCycle).where(InstrumentCycle.instrument_id == place.id)
    ).first()
    assert place.id is not None
    assert cycle is not None
    assert cycle.id is not None
    folder = f"p{number:06d}"
    made = Proposal(
        number=number,
        proposal_folder=folder,
        def_proposal_path=f"/gpfs/exfel/exp/{instrument}/{cycle.identifier}/{folder}/raw",
        instrument_id=place.id,
        instrument_cycle_id=cycle.id,
        **{"flg_beamtime_status": BeamtimeState.NEW, **values},
    )
    session.add(made)
    session.flush()
    return made
