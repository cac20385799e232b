"""One way to read, one way to write: what the engine promises on both databases."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlmodel import func, select

from catalog import engine
from catalog.engine import Database
from catalog.tables import Beamtime, Change, Inbox, Lease, Proposal, User
from policies.errors import Unavailable
from policies.vocabulary import BeamtimeState, InboxState
from tests.catalog.rows import NOW, proposal

ROOT = Path(__file__).parents[2]
KEY = "counter"


def counter(database: Database) -> int:
    with database.read() as session:
        return session.get_one(Lease, KEY).token


@pytest.fixture
def counting(database: Database) -> Database:
    """A catalog with one row to count on, from 0."""
    with database.write() as session:
        session.add(Lease(key=KEY, holder="me", token=0, acquired_at=NOW, expires_at=NOW))
    return database


def count(database: Database, times: int) -> None:
    """Read, then write what was read plus one: a lost update waiting to happen."""
    for _ in range(times):
        with database.write() as session:
            lease = session.get_one(Lease, KEY)
            seen = lease.token
            time.sleep(0.002)
            lease.token = seen + 1


def test_threads_that_write_take_turns(counting):
    threads = [threading.Thread(target=count, args=(counting, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counter(counting) == 40


CHILD = """
import sys, time
from tests.catalog.test_engine import Database, Lease, KEY, count
database = Database(sys.argv[1])
{body}
"""


@pytest.fixture
def child() -> Iterator[Callable[[Database, str], subprocess.Popen[str]]]:
    """Starts another process on the same catalog."""
    with ExitStack() as stack:

        def start(database: Database, body: str) -> subprocess.Popen[str]:
            url = database.engine.url.render_as_string(hide_password=False)
            process = subprocess.Popen(
                [sys.executable, "-c", CHILD.format(body=body), url],
                cwd=ROOT,
                text=True,
                stdout=subprocess.PIPE,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def test_processes_that_write_take_turns(counting, child):
    children = [child(counting, "count(database, 20)") for _ in range(2)]
    count(counting, 20)
    assert [c.wait(60) for c in children] == [0, 0]
    assert counter(counting) == 60


def test_a_killed_writer_leaves_no_lock_and_no_half_write(counting, child):
    body = """
with database.write() as session:
    session.get_one(Lease, KEY).token = 666
    session.flush()
    print("holding", flush=True)
    time.sleep(60)
"""
    writer = child(counting, body)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "holding\n"
    os.kill(writer.pid, signal.SIGKILL)
    assert writer.wait(10) == -signal.SIGKILL
    begun = time.monotonic()
    count(counting, 1)
    assert time.monotonic() - begun < 5
    assert counter(counting) == 1


def test_a_frozen_writer_makes_the_others_unavailable_not_hang(databases, dialect, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_MS", 300)
    database = Database(databases.url(dialect, "migrated"))
    with database.write() as holder:
        holder.connection()
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="does not answer") as caught, database.write() as s:
            s.add(User(uid="late"))
        assert 0.2 < time.monotonic() - begun < 5
        assert caught.value.retry
    with database.write() as session:
        session.add(User(uid="later"))
    database.dispose()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_the_server_ends_a_writer_that_sits_idle(databases, dialect, monkeypatch):
    monkeypatch.setattr(engine, "IDLE_MS", 200)
    database = Database(databases.url(dialect, "migrated"))

    def sleep_with_the_lock() -> None:
        with database.write() as session:
            session.add(User(uid="sleeper"))
            session.flush()
            time.sleep(0.6)

    with pytest.raises(Unavailable):
        sleep_with_the_lock()
    with database.write() as session:
        assert session.exec(select(func.count()).select_from(User)).one() == 0
    database.dispose()


def test_readers_do_not_wait_for_a_writer(counting):
    with counting.write() as session:
        session.get_one(Lease, KEY).token = 5
        session.flush()
        begun = time.monotonic()
        assert counter(counting) == 0
        assert time.monotonic() - begun < 1
    assert counter(counting) == 5


def test_a_reader_sees_one_moment(counting):
    with counting.read() as session:
        before = session.exec(select(Lease.token)).one()
        count(counting, 1)
        assert session.exec(select(Lease.token)).one() == before == 0
    assert counter(counting) == 1


def test_readers_cannot_write(counting):
    for statement in ("UPDATE leases SET token = 9", "DELETE FROM leases"):
        with pytest.raises((Unavailable, DBAPIError)), counting.read() as session:
            session.connection().exec_driver_sql(statement)

    def write_as_a_reader() -> None:
        with counting.read() as session:
            session.get_one(Lease, KEY).token = 9
            session.flush()

    with pytest.raises((Unavailable, DBAPIError)):
        write_as_a_reader()
    assert counter(counting) == 0


def test_a_reader_that_forgets_to_write_properly_stores_nothing(counting):
    with counting.read() as session:
        session.get_one(Lease, KEY).token = 9
    assert counter(counting) == 0


def test_a_connection_that_a_reader_gave_back_can_write(databases, dialect):
    database = Database(databases.url(dialect, "migrated"), pool_size=1)
    for number in range(3):
        with database.read() as session:
            assert session.exec(select(func.count()).select_from(User)).one() == number
        with database.write() as session:
            session.add(User(uid=f"u{number}"))
    database.dispose()


def test_an_error_rolls_everything_back(database):
    def stop_half_way() -> None:
        with database.write() as session:
            session.add(User(uid="ghost"))
            session.flush()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stop_half_way()
    with database.read() as session:
        assert session.exec(select(func.count()).select_from(User)).one() == 0


def test_instants_come_back_aware_and_in_utc(database):
    summer = datetime(2024, 7, 1, 14, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as session:
        session.add(Lease(key="a", holder="h", acquired_at=summer, expires_at=NOW))
    with database.read() as session:
        found = session.get_one(Lease, "a").acquired_at
    assert found == summer
    assert found.utcoffset() == timedelta(0)
    assert (found.hour, found.microsecond) == (12, 123456)


def test_an_instant_without_offset_is_refused(database):
    naive = datetime(2024, 7, 1, 14, 30)
    with (
        pytest.raises((ValueError, StatementError), match="timezone"),
        database.write() as session,
    ):
        session.add(Lease(key="a", holder="h", acquired_at=naive, expires_at=NOW))
    with database.read() as session:
        assert session.get(Lease, "a") is None


@pytest.mark.parametrize("instant", [datetime(2024, 10, 27, h, 30, tzinfo=UTC) for h in (0, 1)])
def test_the_hour_that_comes_twice_stays_two_instants(database, instant):
    """02:30 in Berlin is there twice on that night; the catalog tells them apart."""
    with database.write() as session:
        session.add(Lease(key="a", holder="h", acquired_at=instant, expires_at=NOW))
    with database.read() as session:
        assert session.exec(select(Lease.acquired_at)).one() == instant
        earlier = select(Lease.key).where(Lease.acquired_at < instant + timedelta(microseconds=1))
        assert session.exec(earlier).all() == ["a"]


def test_only_one_proposal_is_active_on_an_instrument(facility_database):
    active = {"flg_beamtime_status": BeamtimeState.ACTIVE}
    with facility_database.write() as session:
        proposal(session, 900001, "SPB", **active)
        proposal(session, 900002, "FXE", **active)
        proposal(session, 900003, "SPB", flg_beamtime_status=BeamtimeState.READY)
    with pytest.raises(IntegrityError), facility_database.write() as session:
        proposal(session, 900004, "SPB", **active)
    with facility_database.write() as session:
        first = session.exec(select(Proposal).where(Proposal.number == 900001)).one()
        first.flg_beamtime_status = BeamtimeState.FINISHED
        session.flush()
        proposal(session, 900004, "SPB", **active)


@pytest.mark.parametrize("word", ["lost", "HELD", "", "InboxState.HELD"])
def test_a_word_outside_the_vocabulary_is_refused(database, word):
    row = {"sender": "s", "event_id": "1", "kind": "k", "body_sha256": "0", "received_at": NOW}
    with database.write() as session:
        session.add(Inbox(**row, state=InboxState.HELD))
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(sa.text("UPDATE inbox SET state = :word"), {"word": word})
    with database.read() as session:
        assert session.exec(select(Inbox.state)).one() is InboxState.HELD
        stored = session.execute(sa.text("SELECT state FROM inbox")).scalar_one()
        assert stored == "held"


def test_a_row_cannot_refer_to_nothing(database):
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(Beamtime(proposal_id=4711, begin_at=NOW, end_at=NOW))


def test_a_row_that_is_referred_to_cannot_go(facility_database):
    with facility_database.write() as session:
        proposal(session, 900001)
    with pytest.raises(IntegrityError), facility_database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM instrument_cycles")


def test_ids_beyond_32_bits_fit(database):
    """Trains and bytes do; the published ids of runs and files will not for long."""
    row = {"subject": "work", "event": "e", "actor": "a", "policy": "p", "previous": "", "hash": ""}
    big = 2**40
    with database.write() as session:
        session.add(Change(seq=big, at=NOW, subject_id=big, **row))
    with database.read() as session:
        found = session.exec(select(Change)).one()
        assert (found.seq, found.subject_id) == (big, big)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://beamkeeper@127.0.0.1:1/none",
        "sqlite:////nowhere/at/all/catalog.db",
    ],
)
def test_a_database_that_does_not_answer_is_unavailable(url):
    database = Database(url)
    for way in (database.read, database.write):
        with pytest.raises(Unavailable, match="does not answer") as caught, way() as session:
            session.exec(select(User)).all()
        assert caught.value.retry
        assert "\n" not in caught.value.message


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_server_that_was_restarted_is_found_again(counting):
    """Connections that died while they rested are replaced before somebody meets them."""
    admin = sa.create_engine(counting.engine.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    admin.dispose()
    count(counting, 1)
    assert counter(counting) == 1
