"""The promise as a state machine: whatever happens in whatever order, with workers dying
at every step, a migrated run never has fewer than two verified copies, the chain holds, and
nobody with an old lease writes."""

import atexit
import contextlib
import functools
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlmodel import select

from catalog import schema
from catalog.commands import assessing, leases, migration, outbox, proposals, registration, runs
from catalog.commands.sweeping import Automatic, fulfil
from catalog.engine import Database
from catalog.queries import journal
from catalog.queries.facts import copies, raw_group
from catalog.queries.lost import unconcluded
from catalog.queries.sweeps import due_obligations
from catalog.reference import load_facility
from catalog.tables import Outbox, Proposal, Run
from policies.actor import SYSTEM
from policies.errors import BeamkeeperError
from policies.messages import MessageKind
from policies.replica import safe, verified
from policies.vocabulary import Assessment, BeamtimeEvent, BeamtimeState, OutboxKind, RunState
from settings.facility import read_facility
from tests.catalog.story import (
    ADMIN,
    NUMBER,
    T0,
    bring_to,
    closed,
    files,
    opened,
    post,
    proof,
    record_run,
)

RUNS = st.sampled_from([1, 1, 1, 2, 3])
"""Runs 1 and 2 wait for their migration from the start; 3 does not exist yet."""

WORKERS = st.sampled_from(["w1", "w2"])


@functools.cache
def _template() -> str:
    """A catalog with one Active proposal, made once."""
    path = Path(tempfile.mkdtemp(prefix="beamkeeper-promise-")) / "template.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    with database.write() as session:
        load_facility(session, read_facility("xfel"), T0, SYSTEM)
        bring_to(session, BeamtimeState.ACTIVE)
        for run in (1, 2):
            record_run(session, run)
            assessing.assess_run(session, NUMBER, run, Assessment.GOOD, ADMIN, T0)
    database.dispose()
    return str(path)


class Promise(RuleBasedStateMachine):
    """Drives the commands in random order."""

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory(prefix="beamkeeper-promise-")
        shutil.copyfile(_template(), f"{self.folder.name}/catalog.db")
        self.database = Database(f"sqlite:///{self.folder.name}/catalog.db")
        self.now = T0
        self.serial = 0
        self.held = {}
        self.plans = {}

    def teardown(self):
        if hasattr(self, "database"):
            self.database.dispose()
            self.folder.cleanup()

    @contextlib.contextmanager
    def trying(self):
        """A refusal is fine; a broken rule is not, and shows in the invariants."""
        with contextlib.suppress(BeamkeeperError), self.database.write() as session:
            yield session

    def name(self, kind):
        self.serial += 1
        return f"{kind}-{self.serial}"

    @rule(seconds=st.sampled_from([1, 20, 61, 600, 90000]))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(run=RUNS, repeat=st.booleans())
    def daq_opens(self, run, repeat):
        with self.trying() as session:
            name = f"open-{run}" if repeat else self.name("open")
            post(session, MessageKind.RUN_OPENED, opened(run), name, self.now)

    @rule(run=RUNS, repeat=st.booleans())
    def daq_closes(self, run, repeat):
        with self.trying() as session:
            name = f"close-{run}" if repeat else self.name("close")
            post(session, MessageKind.RUN_CLOSED, closed(run), name, self.now)

    @rule(run=RUNS)
    def aborted(self, run):
        with self.trying() as session:
            runs.abort_run(session, NUMBER, run, ADMIN, self.now, "DAQ died")

    @rule(run=RUNS, count=st.integers(0, 3), mark=st.sampled_from("ab"))
    def inspected(self, run, count, mark):
        with self.trying() as session:
            registration.register_files(session, NUMBER, run, files(run, count, mark), self.now)

    @rule(run=RUNS, what=st.sampled_from(list(Assessment)))
    def assessed(self, run, what):
        with self.trying() as session:
            assessing.assess_run(session, NUMBER, run, what, ADMIN, self.now)

    @rule(run=RUNS, worker=WORKERS)
    def worker_begins(self, run, worker):
        with self.trying() as session:
            key = outbox.lease_key("run-migrate", NUMBER, run)
            held = leases.acquire(session, key, worker, self.now, timedelta(seconds=60))
            self.held[worker, run] = held
            self.plans[worker, run] = migration.begin(session, NUMBER, run, held, SYSTEM, self.now)

    @rule(run=RUNS, worker=WORKERS, store=st.integers(0, 1))
    def worker_records(self, run, worker, store):
        plan = self.plans.get((worker, run))
        if plan is None:
            return
        with self.trying() as session:
            migration.record_copy(
                session,
                NUMBER,
                run,
                plan.targets[store].repository,
                proof(plan),
                self.held[worker, run],
                self.now,
            )

    @rule(run=RUNS, worker=WORKERS, store=st.integers(0, 1))
    def worker_finds_a_bad_copy(self, run, worker, store):
        plan = self.plans.get((worker, run))
        if plan is None or plan.targets[store].done:
            return
        with self.database.read() as session:
            row = session.exec(select(Run).where(Run.run_number == run)).first()
            if row is not None and row.state is RunState.MIGRATED:
                return
        with self.trying() as session:
            migration.suspect_copy(
                session,
                NUMBER,
                run,
                plan.targets[store].repository,
                "flipped bit",
                self.held[worker, run],
                self.now,
            )

    @rule(run=RUNS, worker=WORKERS)
    def worker_completes(self, run, worker):
        if (worker, run) in self.held:
            with self.trying() as session:
                held = self.held[worker, run]
                migration.complete(session, NUMBER, run, held, SYSTEM, self.now)

    @rule(run=RUNS, worker=WORKERS)
    def worker_fails(self, run, worker):
        if (worker, run) in self.held:
            with self.trying() as session:
                held = self.held[worker, run]
                migration.fail(session, NUMBER, run, held, SYSTEM, self.now, "disk full")

    @rule(run=RUNS, worker=WORKERS)
    def worker_releases(self, run, worker):
        held = self.held.get((worker, run))
        if held is not None:
            with self.trying() as session:
                leases.release(session, held, self.now)

    @rule()
    def due_sweep(self):
        with self.trying() as session:
            for item in due_obligations(session, self.now):
                fulfil(session, item.id, Automatic(), self.now)

    @rule()
    def relay_and_lost_sweep(self):
        with self.trying() as session:
            for item in outbox.due(session, self.now, [OutboxKind.FLOW]):
                outbox.sent(session, item.id, "flow-run", self.now)
            for item in unconcluded(session, self.now, timedelta(minutes=2)):
                outbox.ask_again(session, item.id, "lost", self.now)

    @rule(event=st.sampled_from(list(BeamtimeEvent)))
    def beamtime(self, event):
        with self.trying() as session:
            proposals.advance(session, NUMBER, event, ADMIN, self.now, "a reason")

    @invariant()
    def migrated_runs_have_two_verified_copies(self):
        if not hasattr(self, "database"):
            return
        with self.database.read() as session:
            for run in session.exec(select(Run).where(Run.state == RunState.MIGRATED)):
                group = raw_group(session, run)
                held = copies(session, group)
                assert len(verified(held, group.manifest_hash)) >= 2
                assert safe(held, group.manifest_hash)

    @invariant()
    def wire_view_agrees_with_the_state(self):
        if not hasattr(self, "database"):
            return
        with self.database.read() as session:
            for run in session.exec(select(Run)):
                assert (run.flg_status == 1) is (run.state is RunState.OPEN)
                if run.state is RunState.MIGRATED:
                    assert run.migration_end_at is not None
                    assert run.num_files > 0

    @invariant()
    def no_key_is_asked_twice_and_the_chain_holds(self):
        if not hasattr(self, "database"):
            return
        with self.database.read() as session:
            keys = session.exec(select(Outbox.key)).all()
            assert len(keys) == len(set(keys))
            assert journal.verify(session).faults == ()
            active = select(Proposal).where(Proposal.flg_beamtime_status == BeamtimeState.ACTIVE)
            assert len(session.exec(active).all()) <= 1


Promise.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
TestPromise = Promise.TestCase
