"""Where the files of runs are noted: what registering them reads, for many runs at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, and_, col, func

from catalog.memory import memory
from catalog.queries.facts import RAW
from catalog.queries.find import run_row
from catalog.tables.facility import Instrument
from catalog.tables.files import DataGroup, Replica, RunDataGroup
from catalog.tables.proposals import Proposal
from catalog.tables.runs import Run
from policies.errors import Missing


@dataclass(frozen=True)
class Home:
    """Where the raw files of a run are noted.

    Attributes:
        proposal: Its proposal.
        run: The run.
        group: Its first raw data group.
        store_id: The online repository where the run was born.
        online: The copy there, None when none is on record.
    """

    proposal: Proposal
    run: Run
    group: DataGroup
    store_id: int
    online: Replica | None


def raw_homes(session: Session, runs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Home]:
    """Everything that registering these runs touches, in one question per proposal.

    What was read is kept for the rest of the transaction.

    Args:
        session: A writing session.
        runs: Pairs of proposal and run number.

    Raises:
        Missing: No such proposal or run, or it has no raw data group.
    """
    found: dict[tuple[int, int], Home] = {}
    numbers: dict[int, list[int]] = {}
    for number, run_number in runs:
        numbers.setdefault(number, []).append(run_number)
    for number, wanted in numbers.items():
        for home in _look_up(session, number, wanted):
            # a run's first raw data group counts
            found.setdefault((number, home.run.run_number), home)
    for number, run_number in runs:
        if (number, run_number) not in found:
            run_row(session, number, run_number)
            raise Missing(
                f"run {run_number} of proposal {number} has no raw data group", field="run"
            )
    homes = found.values()
    memory(session, "proposals").update((h.proposal.number, h.proposal) for h in homes)
    memory(session, "runs").update(((h.proposal.id, h.run.run_number), h.run) for h in homes)
    return found


def _look_up(session: Session, number: int, runs: Sequence[int]) -> list[Home]:
    store = func.coalesce(Proposal.orig_repository_id, Instrument.repository_id)
    copy = and_(col(Replica.data_group_id) == DataGroup.id, col(Replica.repository_id) == store)
    query: Any = sa.select(Proposal, Run, DataGroup, store, Replica)
    rows = session.execute(
        query.join(Run, col(Run.proposal_id) == Proposal.id)
        .join(Instrument, col(Instrument.id) == Proposal.instrument_id)
        .join(RunDataGroup, col(RunDataGroup.run_id) == Run.id)
        .join(DataGroup, col(DataGroup.id) == RunDataGroup.data_group_id)
        .outerjoin(Replica, copy)
        .where(Proposal.number == number, col(Run.run_number).in_(runs))
        .where(DataGroup.data_group_type_id == RAW)
        .order_by(col(DataGroup.id))
    )
    return [Home(*row) for row in rows]
