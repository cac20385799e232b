"""A beamtime moves to another cycle after its folders were made: its data stay one place."""

from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.queries.find import proposal_row
from catalog.tables import Instrument, InstrumentCycle
from flows import moving
from flows.proposal_prepare import proposal_prepare
from flows.run_closed import run_closed
from flows.run_migrate import run_migrate
from policies.access import Phase
from policies.vocabulary import RunState
from tests.catalog.story import T0
from tests.flows.site import DCACHE, NUMBER, OFFLINE, ONLINE, contents

RAW = "/gpfs/exfel/d/raw/SPB/002012/p002012"
STORE = "/pnfs/desy.de/exfel/archive/XFEL/raw/SPB/002012/p002012"
ELSEWHERE = "202450"


def move(site):
    """Another cycle on record; what was provisioned is where it was."""
    with site.database.write() as session:
        row = proposal_row(session, NUMBER)
        spb = session.exec(select(Instrument).where(Instrument.identifier == "SPB")).one()
        begin = T0 + timedelta(days=200)
        later = {"begin_at": begin, "end_at": begin + timedelta(days=90)}
        cycle = InstrumentCycle(identifier=ELSEWHERE, instrument_id=spb.id, **later)
        session.add(cycle)
        session.flush()
        row.instrument_cycle_id = cycle.id
    assert site.proposal().cycle == ELSEWHERE


def strays(site):
    """Everything that any storage has below the other cycle's name."""
    return [str(p) for p in site.folder.rglob(f"*{ELSEWHERE}*")]


@pytest.mark.parametrize("when", ["before the run", "after the run"])
def test_a_run_is_read_and_copied_where_its_folders_were_made(ready, put, when):
    if when == "before the run":
        move(ready)
    written = ready.request(1)
    if when == "after the run":
        move(ready)
    assert put(run_closed, proposal=NUMBER, run=1).name == "Completed"
    assert ready.findings(1) == {}
    done = put(run_migrate, proposal=NUMBER, run=1)
    assert done.message == f"p002012 r0001: verified copies in {OFFLINE}, {DCACHE}"
    assert ready.run_state(1) is RunState.MIGRATED
    for store, folder in ((OFFLINE, RAW), (DCACHE, STORE)):
        assert contents(ready.at(store, f"{folder}/r0001")) == contents(written.folder)
    link = ready.at(OFFLINE, "/gpfs/exfel/exp/SPB/002012/p002012/raw/r0001")
    assert contents(link) == contents(written.folder)
    assert strays(ready) == []


def test_rights_follow_the_folders_that_were_made(ready, put):
    move(ready)
    assert put(proposal_prepare, proposal=NUMBER).name == "Completed"
    moving.set_phase(ready.proposal(), Phase.CLOSED)
    assert strays(ready) == []
    for store in (ONLINE, OFFLINE):
        root = ready.at(store, "/gpfs/exfel/exp/SPB/002012/p002012/raw")
        assert root.stat().st_mode & 0o222 == 0
