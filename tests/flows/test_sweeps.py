"""Sweeps find what went nowhere, do what is due, try what waits; no item stops another."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col

from catalog.commands import duties, findings, leases, proposals
from catalog.commands.findings import Found
from catalog.tables import Inbox, Obligation, Outbox
from flows.due_sweep import due_sweep
from flows.inbox_sweep import inbox_sweep
from flows.run_closed import run_closed
from flows.run_migrate import run_migrate
from flows.stuck_sweep import stuck_sweep
from policies.actor import SYSTEM
from policies.messages import MessageKind
from policies.vocabulary import (
    BeamtimeEvent,
    BeamtimeState,
    Duty,
    OutboxKind,
    RunState,
    Severity,
    Work,
)
from settings.clock import utc_now
from tasks.records import runs
from tests.catalog.story import ADMIN, T0, closed, opened, post
from tests.flows.site import NUMBER, Site

LATER = timedelta(minutes=20)
"""Longer than anything may stand still."""


def update(site: Site, table, where, **values):
    with site.database.write() as session:
        done = session.connection().execute(sa.update(table).where(where).values(**values))
        assert done.rowcount == 1


def hand_over(site: Site, work: Work, run: int, **values):
    """What the relay notes about the newest asking."""
    (*_, row) = site.outbox(work=work, run=run)
    update(site, Outbox, Outbox.id == row.id, sent_at=utc_now(), **values)
    return row


def lease_of(site: Site, run: int, seconds: float) -> leases.Held:
    with site.database.write() as session:
        key, span = f"{Work.RUN_MIGRATE}:{NUMBER}:{run}", timedelta(seconds=seconds)
        return leases.acquire(session, key, f"worker-{run}", utc_now(), span)


def asked(site: Site, run: int) -> list[tuple[str, bool]]:
    """Askings for a run: key and whether it came to its end."""
    return [(row.key, row.concluded_at is not None) for row in site.outbox(kind="flow", run=run)]


def test_what_stands_still_is_asked_for_again_and_what_moves_is_not(ready, put, at):
    # r1: migrating; its worker is dead and its asking was ended by another one
    for run in (1, 2, 3, 5, 6):
        ready.request(run)
        for row in ready.outbox(work=Work.RUN_CLOSED, run=run):
            update(ready, Outbox, Outbox.id == row.id, concluded_at=utc_now())
    hand_over(ready, Work.RUN_MIGRATE, 1, concluded_at=utc_now(), outcome="Overtaken")
    runs.begin_migration(NUMBER, 1, lease_of(ready, 1, 60))
    # r2: handed over, and never heard of again
    hand_over(ready, Work.RUN_MIGRATE, 2)
    # r3: still with the relay
    # r4: closed, and its inspection was ended without one
    ready.record(4)
    hand_over(ready, Work.RUN_CLOSED, 4, concluded_at=utc_now(), outcome="given up")
    # r5: a worker is at it
    hand_over(ready, Work.RUN_MIGRATE, 5)
    lease_of(ready, 5, 7200)
    # r6: waits for a person
    hand_over(ready, Work.RUN_MIGRATE, 6, concluded_at=utc_now(), outcome="Refused")
    with ready.database.write() as session:
        rot = Found("checksum-claimed", Severity.ERROR, True, "a.h5", "is another")
        findings.sync(session, NUMBER, 6, [rot], [], utc_now())

    before = {run: asked(ready, run) for run in range(1, 7)}
    state, tags, table = at(stuck_sweep, utc_now())
    assert state.message == "0 stuck"
    assert "outcome:trouble" not in tags

    state, tags, table = at(stuck_sweep, utc_now() + LATER)
    assert state.message == "3 stuck"
    assert "outcome:trouble" not in tags
    assert "p002012 r0001 migrating: nobody works on it" in table
    assert "p002012 r0004 closed: files not registered" in table
    for run in (3, 5, 6):
        assert asked(ready, run) == before[run]
    new = {run: asked(ready, run)[len(before[run]) :] for run in (1, 2, 4)}
    assert [len(rows) for rows in new.values()] == [1, 1, 1]
    assert new[1][0][0].startswith(f"run-migrate:{NUMBER}:1:stuck:")
    assert new[2] == [(before[2][-1][0] + "#2", False)]
    assert asked(ready, 2)[1] == (before[2][-1][0], True)
    assert new[4][0][0].startswith(f"run-closed:{NUMBER}:4:stuck:")

    # what was asked for is on its way: nobody asks a third time
    assert at(stuck_sweep, utc_now() + LATER)[0].message == "0 stuck"
    with ready.database.write() as session:
        lost = leases.Held(f"{Work.RUN_MIGRATE}:{NUMBER}:1", "worker-1", 1, utc_now())
        leases.release(session, lost, utc_now())
    for run in (1, 2):
        assert put(run_migrate, proposal=NUMBER, run=run).name == "Completed"
        assert ready.safe(run)
    assert put(run_closed, proposal=NUMBER, run=4).name == "Completed"
    assert ready.run_state(6) is RunState.MIGRATION_REQUESTED
    assert ready.sound()


def test_an_asking_that_nothing_can_be_made_of_is_reported_and_the_rest_is_swept(ready, at):
    """For example of a flow that a later version no longer has."""
    for run in (1, 2):
        ready.request(run)
        hand_over(ready, Work.RUN_MIGRATE, run)
    (poison,) = ready.outbox(work=Work.RUN_MIGRATE, run=1)
    update(ready, Outbox, Outbox.id == poison.id, work="retired-flow")
    for row in ready.outbox(work=Work.RUN_CLOSED):
        update(ready, Outbox, Outbox.id == row.id, concluded_at=utc_now())
    for _ in range(2):
        _, tags, table = at(stuck_sweep, utc_now() + LATER)
        assert "outcome:trouble" in tags
        assert "retired-flow" in table
    assert [ended for _, ended in asked(ready, 2)[1:]] == [True, False]
    (row,) = ready.outbox(work="retired-flow")
    assert row.concluded_at is None


def owe(site: Site, duty: Duty, due_at: datetime, **more) -> int:
    with site.database.write() as session:
        key = f"{duty}:{due_at.isoformat()}:{more}"
        row = duties.owe(session, duty, key=key, due_at=due_at, now=T0, **more)
        session.flush()
        return row.id


def owed(site: Site, duty: Duty) -> list[tuple[datetime, str]]:
    """What is still owed: when it is due, and what was said of it last."""
    with site.database.read() as session:
        query = sa.select(Obligation).where(
            Obligation.duty == duty, col(Obligation.settled_at).is_(None)
        )
        rows = session.execute(query.order_by(col(Obligation.id))).scalars()
        return [(row.due_at, row.details.get("again", "")) for row in rows]


def told(site: Site, word: str) -> int:
    """How often people are told something."""
    rows = site.outbox(kind=OutboxKind.NOTICE)
    return sum(word in row.parameters["text"] for row in rows)


def test_a_reminder_is_due_once_however_often_and_however_late_one_looks(ready, at):
    begun = utc_now()
    ready.write(7)
    (due,) = [due for due, _ in owed(ready, Duty.STALE_OPEN_RUN)]
    assert timedelta(hours=23) < due - begun < timedelta(hours=25)
    for moment in (begun, due - timedelta(seconds=1)):
        at(due_sweep, moment)
        assert told(ready, "has been open for a day") == 0
    # the sweep itself was away for three days: one word, not three
    late = due + timedelta(days=3)
    for _ in range(3):
        at(due_sweep, late)
    assert told(ready, "Run 7 of proposal 2012 has been open for a day") == 1
    assert owed(ready, Duty.STALE_OPEN_RUN) == [(late + timedelta(days=1), "alarmed")]
    at(due_sweep, late + timedelta(days=1))
    assert told(ready, "has been open for a day") == 2
    ready.close(7)
    at(due_sweep, late + timedelta(days=9))
    assert told(ready, "has been open for a day") == 2
    assert owed(ready, Duty.STALE_OPEN_RUN) == []


def test_one_poisoned_obligation_is_reported_and_the_rest_is_done(ready, at):
    long_ago = T0 - timedelta(days=1)
    broken = owe(ready, Duty.REMIND_REVIEW, long_ago, proposal=NUMBER)
    update(ready, Obligation, Obligation.id == broken, details=["no", "object"])
    owe(ready, Duty.AUTO_QUALITY, long_ago, proposal=4711, run=1)
    owe(ready, Duty.REMIND_NOT_READY, T0, proposal=NUMBER)
    now = utc_now()
    for _ in range(2):
        _, tags, table = at(due_sweep, now)
        assert "outcome:trouble" in tags
        assert "there is no proposal 4711" in table
        assert "remind-review" in table
    assert told(ready, "is not Ready and its first beamtime is near") == 1
    # what could not be done is still owed
    assert len(owed(ready, Duty.AUTO_QUALITY)) == 1
    update(ready, Obligation, Obligation.id == broken, details={})
    at(due_sweep, now)
    assert told(ready, "is finished: assess its runs") == 1


def test_the_clock_moves_a_beamtime_only_where_the_site_says_so(make_site, at):
    ready = make_site(automatic={"start": True})
    ready.add_proposal()
    ready.make_ready()
    assert [due for due, _ in owed(ready, Duty.AUTO_START)] == [T0]
    at(due_sweep, T0 - timedelta(seconds=1))
    assert ready.state() is BeamtimeState.READY
    for _ in range(2):
        at(due_sweep, T0)
    assert ready.state() is BeamtimeState.ACTIVE
    assert ready.events().count("start") == 1
    (start,) = [row for row in ready.history() if row.event == "start"]
    assert (start.actor, start.reason) == (SYSTEM.name, "automatic")
    # finishing is not switched on: said once, never done
    end = T0 + timedelta(days=6)
    assert [due for due, _ in owed(ready, Duty.AUTO_FINISH)] == [end]
    _, _, table = at(due_sweep, end)
    assert "switched off: a person decides" in table
    assert ready.state() is BeamtimeState.ACTIVE
    assert owed(ready, Duty.AUTO_FINISH) == []


def test_what_the_table_refuses_the_clock_is_tried_again_and_people_are_told(make_site, at):
    ready = make_site(automatic={"start": True})
    ready.add_proposal()
    ready.make_ready()
    ready.add_proposal(2013)
    ready.make_ready(2013)
    with ready.database.write() as session:
        proposals.advance(session, 2013, BeamtimeEvent.START, ADMIN, T0)
    _, _, table = at(due_sweep, T0)
    assert "proposal 2013 is Active on this instrument" in table
    assert told(ready, "start by the clock was refused") == 1
    assert [due for due, _ in owed(ready, Duty.AUTO_START)] == [T0 + timedelta(hours=1)]
    with ready.database.write() as session:
        proposals.advance(session, 2013, BeamtimeEvent.FINISH, ADMIN, T0)
    at(due_sweep, T0 + timedelta(minutes=59))
    assert ready.state() is BeamtimeState.READY
    at(due_sweep, T0 + timedelta(hours=1))
    assert ready.state() is BeamtimeState.ACTIVE
    assert ready.sound()


def messages(site: Site) -> dict[str, tuple[str, str]]:
    """Event id → state and reason."""
    with site.database.read() as session:
        rows = session.execute(sa.select(Inbox).order_by(col(Inbox.id))).scalars()
        return {row.event_id: (str(row.state), row.reason) for row in rows}


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_messages_that_can_be_applied_are_and_the_others_stay_held(make_site, at, dialect):
    site = make_site(dialect)
    site.add_proposal()
    site.make_ready()
    with site.database.write() as session:
        # too early: the portal has not sent 3000 yet; the end comes before the beginning
        post(session, MessageKind.RUN_CLOSED, closed(1, 3000), "end")
        post(session, MessageKind.RUN_OPENED, opened(1, 3000), "begin")
        # what the gateway of a later version kept, and what hides in the middle
        post(session, MessageKind.RUN_OPENED, opened(2, 3000), "poison")
        post(session, MessageKind.RUN_CLOSED, closed(99), "nobody")
        post(session, MessageKind.RUN_OPENED, opened(3, 3000), "good")
    update(site, Inbox, Inbox.event_id == "poison", kind="run-exploded")
    now = utc_now()
    state, _, _ = at(inbox_sweep, now)
    assert state.message == "5 held"
    assert "there is no proposal 3000" in messages(site)["end"][1]

    site.add_proposal(3000)
    site.make_ready(3000)
    state, _, _ = at(inbox_sweep, now)
    assert state.message == "3 applied, 2 held"
    said = messages(site)
    assert [said[name][0] for name in ("end", "begin", "good")] == ["applied"] * 3
    assert "run-exploded" in said["poison"][1]
    assert said["nobody"] == ("held", "proposal 2012 has no run 99: waits for it")
    assert site.run_state(1, 3000) is RunState.CLOSED
    assert site.run_state(3, 3000) is RunState.OPEN
    past = site.history(number=3000)
    state, _, _ = at(inbox_sweep, now)
    assert state.message == "2 held"
    assert site.history(number=3000) == past
    assert len(site.outbox(work=Work.RUN_CLOSED, proposal=3000)) == 1
    assert site.sound()
