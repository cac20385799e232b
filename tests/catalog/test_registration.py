"""Many runs registered at once end as if each had been registered alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import col, select

from catalog.commands import assessing, migration, registration
from catalog.commands.registration import RunFiles, register_runs
from catalog.queries.journal import verify
from catalog.queries.runs import files_of
from catalog.tables import Change, DataGroup, DatasetFile, Replica, Run, RunDataGroup
from policies.actor import SYSTEM
from policies.errors import Invalid, Mismatch, Missing
from policies.messages import MessageKind
from policies.vocabulary import Assessment, BeamtimeState, ReplicaState
from tests.catalog.story import (
    MANAGER,
    NUMBER,
    T0,
    bring_to,
    closed,
    files,
    lease,
    new_proposal,
    opened,
    post,
)

LATER = T0 + timedelta(minutes=5)
FULL = [
    replace(file, created_at=T0, first_train=1000, last_train=1600, num_trains=601, mtime_ns=1)
    for file in files(1, 3)
]


def ended(session, *runs):
    """Runs that the DAQ opened and closed."""
    for run in runs:
        post(session, MessageKind.RUN_OPENED, opened(run), f"o{run}")
        post(session, MessageKind.RUN_CLOSED, closed(run), f"c{run}")


@pytest.fixture
def four(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        ended(session, 1, 2, 3, 4)
    return facility_database


BATCH = [
    RunFiles(NUMBER, 1, FULL),
    RunFiles(NUMBER, 2, files(2, 5)),
    RunFiles(NUMBER, 3, []),
    RunFiles(NUMBER, 4, files(4, 1)),
]


def alone(session, now):
    return [
        registration.register_files(session, one.number, one.run_number, one.files, now)
        for one in BATCH
    ]


def together(session, now):
    return register_runs(session, BATCH, now)


def said(session):
    """Everything that registering wrote, without row ids."""
    held = {}
    for run in session.exec(select(Run).order_by(Run.run_number)):
        group = session.exec(
            select(DataGroup)
            .join(RunDataGroup, col(RunDataGroup.data_group_id) == DataGroup.id)
            .where(RunDataGroup.run_id == run.id)
        ).one()
        copy = session.exec(
            select(Replica).where(Replica.data_group_id == group.id).order_by(Replica.id)
        ).first()
        rows = [f.model_dump(exclude={"id"}) for f in files_of(session, NUMBER, run.run_number)]
        held[run.run_number] = [run.model_dump(), group.model_dump(), copy.model_dump(), rows]
    changes = session.exec(select(Change).order_by(Change.seq)).all()
    return held, [change.model_dump() for change in changes]


def test_together_is_as_each_alone(databases, dialect, four):
    with four.write() as session:
        results = together(session, LATER)
        as_batch = said(session)
        session.rollback()
        assert alone(session, LATER) == results
        as_single = said(session)
        assert as_single == as_batch
        assert verify(session).sound
    held, changes = as_batch
    assert [len(held[run][3]) for run in (1, 2, 3, 4)] == [3, 5, 0, 1]
    assert [c["run"] for c in changes if c["event"] == "register-files"] == [1, 2, 3, 4]
    assert [held[run][2]["state"] for run in (1, 3)] == [
        ReplicaState.VERIFIED,
        ReplicaState.SUSPECT,
    ]


def test_the_same_again_writes_nothing_and_others_replace(four):
    with four.write() as session:
        first = together(session, LATER)
        before = said(session)
        again = together(session, LATER + timedelta(hours=1))
        assert said(session) == before
        assert [r.changed for r in first] == [True] * 4
        assert [r.changed for r in again] == [False] * 4
        assert [r.manifest_hash for r in again] == [r.manifest_hash for r in first]
        mixed = [BATCH[0], RunFiles(NUMBER, 2, files(2, 2, "b"))]
        assert [r.changed for r in register_runs(session, mixed, LATER)] == [False, True]
        assert [f.xxh3_128 for f in files_of(session, NUMBER, 2)] == ["b" * 32] * 2
        last = session.exec(select(Change).order_by(col(Change.seq).desc())).first()
        assert (last.source, last.target) == (
            first[1].manifest_hash,
            register_runs(session, mixed, LATER)[1].manifest_hash,
        )


def test_one_that_came_too_late_leaves_all_as_they_were(four):
    with four.write() as session:
        register_runs(session, BATCH[1:2], LATER)
        assessing.assess_run(session, NUMBER, 2, Assessment.GOOD, MANAGER, LATER)
        migration.begin(session, NUMBER, 2, lease(session, 2), SYSTEM, T0)
        before = said(session)
        with pytest.raises(Mismatch, match="run 2 of proposal 2012 is migrating"):
            register_runs(session, [BATCH[0], RunFiles(NUMBER, 2, files(2, 6))], LATER)
        assert said(session) == before
        assert not register_runs(session, BATCH[1:2], LATER)[0].changed


@pytest.mark.parametrize(
    ("batch", "error", "words"),
    [
        ([BATCH[0], BATCH[1], BATCH[0]], Invalid, "twice"),
        ([BATCH[0], RunFiles(NUMBER, 77, FULL)], Missing, "has no run 77"),
        ([BATCH[0], RunFiles(1, 1, FULL)], Missing, "no proposal 1"),
    ],
)
def test_a_batch_with_a_wrong_name_changes_nothing(four, batch, error, words):
    with four.write() as session:
        before = said(session)
        with pytest.raises(error, match=words):
            register_runs(session, batch, LATER)
        assert said(session) == before


def test_a_run_without_a_raw_group_is_named(four):
    with four.write() as session:
        run = session.exec(select(Run).where(Run.run_number == 3)).one()
        session.connection().execute(
            sa.delete(RunDataGroup).where(col(RunDataGroup.run_id) == run.id)
        )
        with pytest.raises(Missing, match="run 3 of proposal 2012 has no raw data group"):
            together(session, LATER)


def test_a_lost_online_copy_is_put_on_record_again(four):
    with four.write() as session:
        session.connection().execute(sa.delete(Replica))
        together(session, LATER)
        copies = session.exec(select(Replica)).all()
        assert len(copies) == 4
        assert {copy.manifest_hash for copy in copies} == {
            r.manifest_hash for r in alone(session, T0)
        }


def test_runs_of_several_proposals(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        new_proposal(session, 2013, "FXE", flg_beamtime_status=BeamtimeState.ACTIVE)
        ended(session, 1)
        post(session, MessageKind.RUN_OPENED, opened(1, 2013), "o-other")
        post(session, MessageKind.RUN_CLOSED, closed(1, 2013), "c-other")
        batch = [RunFiles(2013, 1, files(1, 4)), RunFiles(NUMBER, 1, files(1, 2))]
        assert [r.num_files for r in register_runs(session, batch, LATER)] == [4, 2]
        assert len(files_of(session, 2013, 1)) == 4
        assert len(files_of(session, NUMBER, 1)) == 2


def test_many_runs_need_no_more_questions_than_one(four):
    with four.write() as session:
        ended(session, *range(5, 45))
    counts = []

    def count(*_):
        counts[-1] += 1

    event.listen(four.engine, "before_cursor_execute", count)
    for batch in (
        [RunFiles(NUMBER, 1, FULL)],
        [RunFiles(NUMBER, r, files(r)) for r in range(2, 42)],
    ):
        counts.append(0)
        with four.write() as session:
            register_runs(session, batch, LATER)
    event.remove(four.engine, "before_cursor_execute", count)
    assert counts[1] == counts[0] <= 9
    with four.read() as session:
        assert session.exec(select(sa.func.count()).select_from(DatasetFile)).one() == 3 + 80
