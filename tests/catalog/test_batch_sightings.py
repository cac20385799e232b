"""What the catalog makes of a cluster whose accounting is silent."""

from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.commands import batch_jobs
from catalog.commands.batch_jobs import Sighting
from catalog.queries.calibration_list import open_job_keys
from catalog.tables import BatchJob
from policies.vocabulary import BeamtimeState, JobState
from tests.catalog.calibration_story import LOST_AFTER, begun, migrated, sees
from tests.catalog.story import T0, bring_to

SILENT = "not in the queue, and the accounting does not answer"


@pytest.fixture
def catalog(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
    return facility_database


def silent(session, now):
    keys = open_job_keys(session)
    seen = {key: Sighting(key, "", JobState.PLANNED, words=SILENT) for key in keys}
    return batch_jobs.saw(session, seen, keys, now, LOST_AFTER)


def test_nothing_new_is_known_and_nothing_is_lost_however_long_it_takes(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        begun(session, 1)
        sees(session, JobState.RUNNING)
        before = {j.key: (j.job_id, j.begin_at, j.last_seen_at) for j in jobs(session)}
        for hours in range(1, 30):
            assert not silent(session, T0 + timedelta(hours=hours)).changed
        assert {(j.state, j.words) for j in jobs(session)} == {(JobState.RUNNING, SILENT)}
        assert {j.key: (j.job_id, j.begin_at, j.last_seen_at) for j in jobs(session)} == before
        told = sees(session, JobState.SUCCEEDED, T0 + timedelta(hours=30))
        assert told.over


def test_the_grace_begins_when_the_accounting_answers_again(catalog):
    with catalog.write() as session:
        migrated(session, 1)
        begun(session, 1)
        silent(session, T0 + timedelta(hours=1))
        keys = open_job_keys(session)
        at = T0 + timedelta(hours=2)
        assert not batch_jobs.saw(session, {}, keys, at, LOST_AFTER).changed
        told = batch_jobs.saw(session, {}, keys, at + LOST_AFTER, LOST_AFTER)
        assert all("lost" in line for line in told.changed)
        assert told.over


def jobs(session):
    return session.exec(select(BatchJob)).all()
