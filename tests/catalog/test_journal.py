"""The chain proves itself, and names each row that somebody touched."""

import pytest
import sqlalchemy as sa

from catalog.commands import proposals
from catalog.queries import journal
from policies.errors import Refused
from policies.messages import MessageKind
from policies.vocabulary import BeamtimeEvent, BeamtimeState
from tests.catalog.story import ADMIN, NUMBER, T0, bring_to, opened, post, record_run


@pytest.fixture
def played(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        record_run(session, 1)
        record_run(session, 2)
        post(session, MessageKind.RUN_OPENED, opened(3), "o3")
    return facility_database


def verify(database, anchor=None):
    with database.read() as session:
        return journal.verify(session, anchor)


def tamper(database, statement, **values):
    with database.write() as session:
        session.connection().execute(sa.text(statement), values)


def test_an_honest_chain_holds(played):
    verdict = verify(played)
    assert verdict.sound
    assert verdict.rows > 20
    assert verdict.head != journal.GENESIS


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "'somebody'"),
        ("reason", "'other'"),
        ("target", "'Ready'"),
        ("run", "7"),
        ("event", "'x'"),
        ("policy", "'y'"),
    ],
)
def test_an_altered_row_is_named(played, column, value):
    tamper(played, f"UPDATE changes SET {column} = {value} WHERE seq IN (5, 9)")
    named = [f for f in verify(played).faults if "was altered" in f]
    assert [f.split(":")[0] for f in named] == ["row 5", "row 9"]


def test_a_removed_row_is_named(played):
    tamper(played, "DELETE FROM changes WHERE seq = 6")
    faults = verify(played).faults
    assert "row 6: is missing" in faults
    assert "row 7: does not stand on the row before it" in faults


def test_a_row_written_anew_with_its_hash_breaks_the_next(played):
    with played.write() as session:
        from catalog.tables import Change

        row = session.get(Change, 5)
        row.actor = "somebody"
        row.hash = journal.digest(row)
    assert "row 6: does not stand on the row before it" in verify(played).faults


def test_a_cut_end_is_found_with_an_anchor(played):
    with played.read() as session:
        anchor = journal.head(session)
    assert verify(played, anchor).sound
    tamper(played, "DELETE FROM changes WHERE seq = :seq", seq=anchor[0])
    faults = verify(played, anchor).faults
    assert f"row {anchor[0]}: is not the row that was written down as anchor" in faults


def test_states_that_the_journal_did_not_write(played):
    tamper(played, "UPDATE runs SET state = 'migrated' WHERE run_number = 2")
    tamper(played, "UPDATE proposals SET flg_beamtime_status = 'CLO'")
    faults = "\n".join(verify(played).faults)
    assert "(r0002): is migrated, the journal says closed" in faults
    assert f"proposal {NUMBER}: is Closed, the journal (row" in faults


def test_a_rolled_back_change_leaves_no_gap(played):
    """The chain's end is remembered per savepoint: a rollback must not leave a stale one."""
    before = verify(played).rows
    with played.write() as session:
        post(session, MessageKind.RUN_OPENED, opened(8), "o8")
        nested = session.begin_nested()
        proposals.fill_shifts(session, NUMBER, 5, ADMIN, T0)
        nested.rollback()
        with pytest.raises(Refused):
            proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, ADMIN, T0)
        post(session, MessageKind.RUN_OPENED, opened(9), "o9")
    verdict = verify(played)
    assert verdict.faults == ()
    assert verdict.rows == before + 2
