"""A run is migrated only with proofs, and only by whoever holds the newest lease."""

from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.commands import assessing, findings, migration, outbox, registration
from catalog.commands.findings import Found
from catalog.commands.sweeping import Automatic, fulfil
from catalog.queries.journal import history
from catalog.queries.lost import unconcluded
from catalog.queries.runs import run_view
from catalog.queries.sweeps import due_obligations, stuck_runs, uninspected_runs
from catalog.tables import Outbox, Replica
from policies.actor import SYSTEM
from policies.errors import Conflict, LeaseLost, Mismatch, Refused
from policies.run import RETRY_AFTER
from policies.vocabulary import (
    Assessment,
    BeamtimeState,
    OutboxKind,
    ReplicaState,
    RunState,
    Severity,
)
from tests.catalog.story import (
    ADMIN,
    MANAGER,
    NUMBER,
    T0,
    bring_to,
    files,
    lease,
    proof,
    record_run,
)

OFFLINE, DCACHE = "XFEL_GPFS_OFFLINE_RAW_CC", "DESY_DCACHE_RAW_CC"


@pytest.fixture
def requested(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        record_run(session, 1)
        assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)
    return facility_database


def begin(session, held, now=T0):
    return migration.begin(session, NUMBER, 1, held, SYSTEM, now)


def test_plan_names_source_targets_and_manifest(requested):
    with requested.write() as session:
        plan = begin(session, lease(session, 1))
        assert plan.source.path.endswith("/p002012/raw/r0001")
        assert [t.repository for t in plan.targets] == [OFFLINE, DCACHE]
        assert plan.targets[0].path == "/gpfs/exfel/d/raw/SPB/002012/p002012/r0001"
        assert [e.relative_path for e in plan.manifest] == [f.relative_path for f in files(1)]
        states = {r.state for r in session.exec(select(Replica))}
        assert states == {ReplicaState.VERIFIED, ReplicaState.PLANNED}


def test_complete_needs_a_second_verified_copy(requested):
    with requested.write() as session:
        held = lease(session, 1)
        plan = begin(session, held)
        with pytest.raises(Refused, match="1 verified copies on record"):
            migration.complete(session, NUMBER, 1, held, SYSTEM, T0)
        migration.record_copy(session, NUMBER, 1, OFFLINE, proof(plan), held, T0)
        migration.complete(session, NUMBER, 1, held, SYSTEM, T0)
        view = run_view(session, NUMBER, 1)
        assert (view.state, view.migration_end_at) == (RunState.MIGRATED, T0)
        again = migration.complete(session, NUMBER, 1, held, SYSTEM, T0)
        assert not again.changed
        events = session.exec(select(Outbox).where(Outbox.work == "migration_complete")).all()
        assert len(events) == 1


def test_a_proof_of_something_else_is_no_proof(requested):
    with requested.write() as session:
        held = lease(session, 1)
        plan = begin(session, held)
        wrong = proof(plan) | {"manifest_hash": "0" * 64}
        with pytest.raises(Mismatch, match="proves manifest 000000000000"):
            migration.record_copy(session, NUMBER, 1, OFFLINE, wrong, held, T0)


def test_an_overtaken_worker_writes_nothing(requested):
    with requested.write() as session:
        first = lease(session, 1, "w1")
        plan = begin(session, first)
        with pytest.raises(Conflict, match="worked on by w1"):
            lease(session, 1, "w2", T0 + timedelta(seconds=59))
        later = T0 + timedelta(seconds=61)
        second = lease(session, 1, "w2", later)
        assert second.token == first.token + 1
        for call in (
            lambda: begin(session, first, later),
            lambda: migration.record_copy(session, NUMBER, 1, OFFLINE, proof(plan), first, later),
            lambda: migration.complete(session, NUMBER, 1, first, SYSTEM, later),
            lambda: migration.fail(session, NUMBER, 1, first, SYSTEM, later, "x"),
            lambda: migration.suspect_copy(session, NUMBER, 1, OFFLINE, "x", first, later),
        ):
            with pytest.raises(LeaseLost):
                call()
        assert run_view(session, NUMBER, 1).state is RunState.MIGRATING
        begin(session, second, later)
        assert run_view(session, NUMBER, 1).migration_attempts == 2


def test_failure_leaves_the_source_and_climbs_the_ladder(requested):
    now = T0
    with requested.write() as session:
        for attempt, wait in enumerate(RETRY_AFTER, start=1):
            held = lease(session, 1, f"w{attempt}", now)
            begin(session, held, now)
            due = migration.fail(session, NUMBER, 1, held, SYSTEM, now, "flipped bit")
            assert due == now + wait
            assert run_view(session, NUMBER, 1).state is RunState.MIGRATION_FAILED
            early = due_obligations(session, due - timedelta(seconds=1))
            assert not [d for d in early if "retry" in d.duty]
            (item,) = [d for d in due_obligations(session, due) if "retry" in d.duty]
            assert fulfil(session, item.id, Automatic(), due) == "asked again"
            now = due + timedelta(seconds=61)
        held = lease(session, 1, "last", now)
        begin(session, held, now)
        assert migration.fail(session, NUMBER, 1, held, SYSTEM, now, "flipped bit") is None
        migration.retry(session, NUMBER, 1, MANAGER, now, "the disk was exchanged")
        view = run_view(session, NUMBER, 1)
        assert (view.state, view.migration_attempts) == (RunState.MIGRATION_REQUESTED, 0)


def test_blocking_findings_stop_the_copy_until_somebody_takes_responsibility(requested):
    found = [Found("identity", Severity.ERROR, True, "a.h5", "another run's file")]
    with requested.write() as session:
        assert findings.sync(session, NUMBER, 1, found, ["identity"], T0) == (1, 0)
        held = lease(session, 1)
        with pytest.raises(Refused, match="open findings forbid migration: identity"):
            begin(session, held)
        assert findings.resolve_blocking(session, NUMBER, 1, MANAGER, T0, "renamed by hand") == 1
        begin(session, held)
        # The same inspection again does not reopen what a person accepted.
        assert findings.sync(session, NUMBER, 1, found, ["identity"], T0) == (0, 0)


def test_a_run_that_waits_for_a_person_is_not_asked_for_again_and_again(requested):
    found = [Found("identity", Severity.ERROR, True, "a.h5", "another run's file")]
    with requested.write() as session:
        for row in session.exec(select(Outbox)):
            row.concluded_at = T0
        later = T0 + timedelta(minutes=16)
        assert [s.run for s in stuck_runs(session, later)] == [1]
        findings.sync(session, NUMBER, 1, found, ["identity"], T0)
        assert stuck_runs(session, later) == []
        findings.resolve_blocking(session, NUMBER, 1, MANAGER, later, "renamed by hand")
        assert [s.run for s in stuck_runs(session, later)] == [1]


def test_what_a_person_accepted_does_not_cover_new_damage(requested):
    seen = Found("checksum", Severity.ERROR, True, "a.h5", "differs", "aaaa", "bbbb")
    worse = Found("checksum", Severity.ERROR, True, "a.h5", "differs", "aaaa", "cccc")
    with requested.write() as session:
        findings.sync(session, NUMBER, 1, [seen], ["checksum"], T0)
        findings.resolve_blocking(session, NUMBER, 1, MANAGER, T0, "known, harmless")
        assert findings.sync(session, NUMBER, 1, [seen], ["checksum"], T0) == (0, 0)
        assert run_view(session, NUMBER, 1).findings == 0
        assert findings.sync(session, NUMBER, 1, [worse], ["checksum"], T0) == (1, 0)
        assert run_view(session, NUMBER, 1).findings == 1
        with pytest.raises(Refused, match="open findings forbid migration: checksum"):
            begin(session, lease(session, 1))


def test_a_finding_that_is_gone_is_resolved_and_comes_back(requested):
    found = [Found("sizes", Severity.WARNING, False, "a.h5", "too short")]
    with requested.write() as session:
        assert findings.sync(session, NUMBER, 1, found, ["sizes"], T0) == (1, 0)
        assert run_view(session, NUMBER, 1).findings == 1
        assert findings.sync(session, NUMBER, 1, [], ["identity"], T0) == (0, 0)
        assert findings.sync(session, NUMBER, 1, [], ["sizes"], T0) == (0, 1)
        assert run_view(session, NUMBER, 1).findings == 0
        assert findings.sync(session, NUMBER, 1, found, ["sizes"], T0) == (1, 0)


def test_registering_again(requested):
    with requested.write() as session:
        same = registration.register_files(session, NUMBER, 1, files(1), T0)
        assert not same.changed
        more = registration.register_files(session, NUMBER, 1, files(1, 3), T0)
        assert (more.changed, more.num_files) == (True, 3)
        begin(session, lease(session, 1))
        with pytest.raises(Mismatch, match="is migrating with manifest"):
            registration.register_files(session, NUMBER, 1, files(1, 3, "b"), T0)


def test_an_empty_run_is_registered_but_never_counts_as_a_copy(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        record_run(session, 1)
        registration.register_files(session, NUMBER, 1, [], T0)
        assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)
        with pytest.raises(Refused, match="files are not registered yet"):
            begin(session, lease(session, 1))
        (replica,) = session.exec(select(Replica)).all()
        assert replica.state is ReplicaState.SUSPECT


def test_the_sweep_finds_what_does_not_move(requested):
    with requested.write() as session:
        for row in session.exec(select(Outbox)):
            row.concluded_at = T0
        later = T0 + timedelta(minutes=16)
        (found,) = stuck_runs(session, later)
        assert (found.run, found.state) == (1, RunState.MIGRATION_REQUESTED)
        held = lease(session, 1, "w", later)
        assert stuck_runs(session, later) == []
        plan = begin(session, held, later)
        migration.record_copy(session, NUMBER, 1, OFFLINE, proof(plan), held, later)
        migration.complete(session, NUMBER, 1, held, SYSTEM, later)
        much_later = later + timedelta(minutes=20)
        (incomplete,) = stuck_runs(session, much_later)
        assert incomplete.why == "a further copy is missing"
        held = lease(session, 1, "w2", much_later)
        plan = begin(session, held, much_later)
        assert [t.done for t in plan.targets] == [True, False]
        migration.record_copy(session, NUMBER, 1, DCACHE, proof(plan), held, much_later)
        assert stuck_runs(session, much_later + timedelta(hours=1)) == []


def test_a_closed_run_that_nobody_read_is_found(facility_database):
    from policies.messages import MessageKind
    from tests.catalog.story import closed, opened, post

    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        post(session, MessageKind.RUN_OPENED, opened(1), "o1")
        post(session, MessageKind.RUN_CLOSED, closed(1), "c1")
        for row in session.exec(select(Outbox)):
            row.concluded_at = T0
        assert uninspected_runs(session, T0 + timedelta(minutes=9)) == []
        (found,) = uninspected_runs(session, T0 + timedelta(minutes=11))
        assert (found.run, str(found.work)) == (1, "run-closed")


def test_outbox_hands_over_once_and_asks_again_for_what_was_lost(requested):
    with requested.write() as session:
        item = outbox.due(session, T0, [OutboxKind.FLOW])[0]
        outbox.failed(session, item.id, "Prefect does not answer", T0)
        assert item.id not in {i.id for i in outbox.due(session, T0, [OutboxKind.FLOW])}
        soon = T0 + timedelta(seconds=2)
        assert item.id in {i.id for i in outbox.due(session, soon, [OutboxKind.FLOW])}
        outbox.sent(session, item.id, "flow-run-1", soon)
        assert unconcluded(session, soon, timedelta(minutes=2)) == []
        lost = soon + timedelta(minutes=3)
        assert item.id in {i.id for i in unconcluded(session, lost, timedelta(minutes=2))}
        key = outbox.ask_again(session, item.id, "worker died", lost)
        assert key == f"{item.key}#2"
        outbox.conclude(session, item.id, "late", lost)
        row = session.get(Outbox, item.id)
        assert row.outcome == "lost: worker died"


def test_what_waits_its_turn_in_a_burst_is_not_lost(facility_database):
    minutes = timedelta(minutes=2)
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        for run in (1, 2, 3, 4):
            record_run(session, run)
        items = [i for i in outbox.due(session, T0, [OutboxKind.FLOW]) if i.work == "run-closed"]
        for second, item in enumerate(items):
            outbox.sent(session, item.id, "flow-run", T0 + timedelta(seconds=second))

        def lost(at):
            return [i.run for i in unconcluded(session, at, minutes)]

        later = T0 + timedelta(minutes=5)
        assert lost(later) == [1, 2, 3, 4]  # nothing has ended: the queue does not move
        outbox.conclude(session, items[0].id, "Completed", later)
        assert lost(later) == []  # the queue moves: the others wait their turn
        outbox.conclude(session, items[2].id, "Completed", later)
        assert lost(later) == [2]  # a later one overtook it
        assert lost(later + timedelta(minutes=3)) == [2, 4]  # it moves no more
        outbox.ask_again(session, items[1].id, "worker died", later + timedelta(minutes=3))
        assert lost(later + timedelta(minutes=3)) == [4]  # giving one up is no sign of life


def test_events_fan_out_to_each_subscriber_once(requested):
    with requested.write() as session:
        (event,) = outbox.due(session, T0, [OutboxKind.EVENT])
        outbox.fan_out(session, event.id, ["damnit", "archive"], T0)
        outbox.fan_out(session, event.id, ["damnit", "archive"], T0)
        deliveries = outbox.due(session, T0, [OutboxKind.DELIVERY])
        assert [d.sent_to for d in deliveries] == ["damnit", "archive"]
        for _ in range(outbox.GIVE_UP_AFTER):
            outbox.failed(session, deliveries[0].id, "503", T0)
        row = session.get(Outbox, deliveries[0].id)
        assert row.outcome == "dead letter"


def test_history_says_who_and_with_which_lease(requested):
    with requested.write() as session:
        held = lease(session, 1)
        plan = begin(session, held)
        migration.record_copy(session, NUMBER, 1, OFFLINE, proof(plan), held, T0)
        rows = history(session, NUMBER, 1)
        copy = rows[-1]
        assert (copy.event, copy.source, copy.target) == (f"copy:{OFFLINE}", "planned", "verified")
        assert copy.details["lease"] == held.token
        assert ADMIN.name not in {r.actor for r in rows}
