"""Raw data go to tape only: on real files, over the store's REST interface, with its failures."""

import os
from datetime import timedelta

import pytest
import sqlalchemy as sa
import yaml
from sqlmodel import select

from catalog.commands import archival as commands
from catalog.commands import holds
from catalog.tables import Archival, Proposal, Replica
from deployments.standins.dcache import DcacheStandin
from flows.archival_ask import ArchivalAsk, archival_ask
from flows.archival_sweep import archival_sweep
from flows.data_archive import data_archive
from flows.run_migrate import run_migrate
from policies.archival import ArchivalRules
from policies.vocabulary import ArchivalState, BeamtimeState, HoldKind, Work
from settings import model
from settings.clock import utc_now
from tasks.records import archival, work
from tasks.tape import dcache
from tests.catalog.story import ADMIN
from tests.flows.site import DCACHE, NUMBER

S = ArchivalState


@pytest.fixture
def store(ready, put, monkeypatch):
    """A proposal with two migrated runs whose grace is over, and a store that has them on tape."""
    for run in (1, 2):
        ready.request(run)
        assert put(run_migrate, proposal=NUMBER, run=run).name == "Completed"
    long_ago = utc_now() - timedelta(days=400)
    with ready.database.write() as session:
        session.connection().execute(
            sa.update(Proposal).values(
                flg_beamtime_status=BeamtimeState.CLOSED, release_at=long_ago
            )
        )
        commands.plan(session, NUMBER, ArchivalRules(), long_ago)
        commands.notify(session, NUMBER, ArchivalRules(), long_ago)
    with DcacheStandin(ready.tree(DCACHE)) as server:
        said = yaml.safe_load(ready.config.read_text())
        said["tape"] = {
            "url": server.url, "token": server.token, "copies_per_file": 2, "page": 2,
        }  # fmt: skip
        ready.config.write_text(yaml.safe_dump(said))
        model.load.cache_clear()
        dcache._made.cache_clear()
        server.flush("/")
        yield server
        if dcache._made.cache_info().currsize:
            dcache._made().close()
    model.load.cache_clear()
    dcache._made.cache_clear()


def row(site):
    with site.database.read() as session:
        found = session.exec(select(Archival)).one()
        session.expunge_all()
        return found


def paths(site):
    with site.database.read() as session:
        folders = session.exec(select(Replica.path).where(Replica.path.startswith("/pnfs"))).all()
    found = []
    for folder in folders:
        place = site.at(DCACHE, folder)
        found += [f"{folder}/{p.name}" for p in sorted(place.iterdir())]
    return found


def test_two_runs_go_to_tape_and_twice_is_once(ready, put, store):
    state = put(data_archive, proposal=NUMBER)
    assert state.name == "Completed", state.message
    assert store.shelf.off_disk == set(paths(ready))
    found = row(ready)
    assert (found.state, found.proof["files"], found.proof["tape_copies_per_file"]) == (
        S.ARCHIVED, len(paths(ready)), 2,
    )  # fmt: skip
    with ready.database.read() as session:
        proposal = session.exec(select(Proposal)).one()
        assert proposal.data_archived_at == found.archived_at
        assert proposal.flg_data_archived_notification == "S"
        tapes = session.exec(select(Replica.tape).where(Replica.path.startswith("/pnfs"))).all()
        assert set(tapes) == {"NEARLINE"}
    asked = len(store.log)
    assert put(data_archive, proposal=NUMBER).name == "Refused"
    assert len(store.log) == asked


def test_a_file_that_is_not_on_tape_stops_all_before_anything_goes(ready, put, store):
    missing = paths(ready)[-1]
    store.shelf.on_tape.discard(missing)
    state = put(data_archive, proposal=NUMBER)
    assert state.name == "Stopped"
    assert "is ONLINE, not on tape" in state.message
    assert store.shelf.off_disk == set()
    assert ("POST", missing) not in store.log
    found = row(ready)
    assert (found.state, found.attempts) == (S.NOTICED, 1)
    assert found.next_try_at > utc_now() + timedelta(hours=23)
    assert any("stopped" in r.parameters["text"] for r in ready.outbox(kind="notice"))


def test_a_file_that_is_not_the_one_on_record_stops_all(ready, put, store):
    path = paths(ready)[0]
    place = ready.at(DCACHE, path)
    whole = place.read_bytes()

    def message():
        state = put(data_archive, proposal=NUMBER)
        assert (state.name, row(ready).state) == ("Stopped", S.NOTICED)
        assert store.shelf.off_disk == set()
        return state.message

    store.shelf.sums[path] = "0badcafe"
    assert "has the sum 0badcafe of" in message()
    store.shelf.sums.clear()
    os.truncate(place, 10)
    assert "has 10 bytes in the tape store" in message()
    place.unlink()
    assert "is not in the tape store" in message()
    place.write_bytes(whole)
    assert put(data_archive, proposal=NUMBER).name == "Completed"
    assert row(ready).attempts == 4


def test_what_the_store_answers_is_not_believed(ready, put, store):
    stubborn = paths(ready)[1]
    store.shelf.stubborn.add(stubborn)
    assert put(data_archive, proposal=NUMBER).name == "Waiting"
    assert row(ready).state is S.MOVING
    store.shelf.stubborn.clear()
    assert put(data_archive, proposal=NUMBER).name == "Completed"
    assert row(ready).state is S.ARCHIVED


def test_a_store_that_fails_changes_nothing_and_is_asked_again(ready, put, store):
    for failure in (503, 401, 0):
        store.shelf.failures = [failure]
        assert put(data_archive, proposal=NUMBER).is_failed()
        assert row(ready).state is S.MOVING
        assert store.shelf.off_disk == set()
    assert put(data_archive, proposal=NUMBER).name == "Completed"
    assert row(ready).state is S.ARCHIVED


def test_a_hold_that_comes_in_between_wins(ready, put, store):
    store.shelf.slow = 99
    assert put(data_archive, proposal=NUMBER).name == "Waiting"
    with ready.database.write() as session:
        holds.set_hold(session, NUMBER, HoldKind.LEGAL_HOLD, ADMIN, utc_now(), "evidence")
    state = put(data_archive, proposal=NUMBER)
    assert state.name == "Refused"
    assert "evidence" in state.message


def test_too_few_copies_or_a_clock_that_runs_ahead_move_nothing(ready, put, store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("BEAMKEEPER_TAPE__COPIES_PER_FILE", "1")
        model.load.cache_clear()
        state = put(data_archive, proposal=NUMBER)
        assert (state.name, "declares 1" in state.message) == ("Refused", True)
    model.load.cache_clear()
    for module in (archival, work):
        monkeypatch.setattr(module, "now", lambda: utc_now() + timedelta(days=1))
    state = put(data_archive, proposal=NUMBER)
    assert (state.name, "clock" in state.message) == ("Refused", True)
    assert store.log == []


def test_the_sweep_plans_tells_and_begins_and_a_veto_stops_it(ready, put, at):
    with ready.database.write() as session:
        release = utc_now() + timedelta(days=10)
        session.connection().execute(
            sa.update(Proposal).values(flg_beamtime_status=BeamtimeState.CLOSED, release_at=release)
        )
    put(archival_sweep)
    found = row(ready)
    assert found.state is S.NOTICED
    assert found.expected_at > release + timedelta(days=41)
    (told,) = [r for r in ready.outbox(kind="notice") if r.key.startswith("archival:")]
    assert "tape only" in told.parameters["text"]
    put(archival_sweep)
    assert len([r for r in ready.outbox(kind="notice") if r.key == told.key]) == 1
    assert ready.outbox(work=Work.DATA_ARCHIVE) == []

    asked = {"proposal": NUMBER, "operator": "alice", "reason": "a paper is being written"}
    refused = put(archival_ask, ask=ArchivalAsk.VETO, **{**asked, "operator": "bob"})
    assert refused.name == "Refused"
    assert put(archival_ask, ask=ArchivalAsk.VETO, **asked).name == "Completed"
    assert (row(ready).state, row(ready).reason) == (S.VETOED, "a paper is being written")
    put(archival_sweep)
    assert row(ready).state is S.VETOED
    assert put(archival_ask, ask=ArchivalAsk.LIFT_VETO, **asked).name == "Completed"
    assert row(ready).noticed_at is None
