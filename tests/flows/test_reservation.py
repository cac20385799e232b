"""Nodes for a beamtime: reserved while preparing, following the dates, given back at the end."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from catalog.tables import Beamtime, InstrumentCycle
from flows.beamtime_finish import beamtime_finish
from flows.beamtime_start import beamtime_start
from flows.proposal_prepare import proposal_prepare
from policies.vocabulary import BeamtimeState, StepName
from tests.flows.site import GID, NUMBER

pytestmark = pytest.mark.xdist_group("slurm")

NAME = f"upex_{NUMBER:06d}"
STEP = [StepName.BATCH_RESERVATION]
BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)


@pytest.fixture
def place(make_site, cluster):
    batch = cluster.settings(timeout_seconds=20, reservations=True).model_dump(mode="json")
    site = make_site(batch=batch)
    site.add_proposal()
    dates(site, BEGIN, BEGIN + timedelta(days=2))
    yield site
    cluster.run("scontrol", "delete", f"ReservationName={NAME}", check=False)


def dates(site, begin, end):
    year = {"begin_at": BEGIN - timedelta(days=200), "end_at": BEGIN + timedelta(days=200)}
    with site.database.write() as session:
        session.connection().execute(sa.update(InstrumentCycle).values(**year))
        session.connection().execute(sa.update(Beamtime).values(begin_at=begin, end_at=end))


def shown(cluster):
    done = cluster.run("scontrol", "show", "reservation", NAME, "-o", check=False)
    return dict(w.split("=", 1) for w in done.stdout.split() if "=" in w)


def state(site):
    return site.steps()[str(StepName.BATCH_RESERVATION)]


def test_made_followed_given_back(place, put, cluster):
    cluster.know_group(f"{NUMBER:06d}-part", GID + 2 * (NUMBER % 1000), ["alice", "bob"])
    told = put(proposal_prepare, proposal=NUMBER)
    assert told.name == "Completed"
    assert "is missing" not in told.message
    assert place.state() is BeamtimeState.READY
    assert shown(cluster)["Groups"] == f"{NUMBER:06d}-part"
    assert state(place)[0] == "done"

    before = shown(cluster)["EndTime"]
    dates(place, BEGIN, BEGIN + timedelta(days=3))
    told = put(proposal_prepare, proposal=NUMBER, only=STEP)
    assert "1 changes" in told.message
    assert shown(cluster)["EndTime"] != before
    assert "0 changes" in put(proposal_prepare, proposal=NUMBER, only=STEP).message

    put(beamtime_start, proposal=NUMBER, operator="boss", reason="test")
    assert put(beamtime_finish, proposal=NUMBER, operator="boss", reason="test").name == "Completed"
    assert shown(cluster) == {}
    assert state(place) == ("skipped", "removed at the end")


def test_an_unknown_group_is_a_failed_step_and_holds_nobody_up(place, put, cluster):
    stranger = 2099
    place.add_proposal(stranger, "FXE")
    dates(place, BEGIN, BEGIN + timedelta(days=2))
    told = put(proposal_prepare, proposal=stranger)
    assert place.state(stranger) is BeamtimeState.READY
    assert "batch-reservation is missing: the cluster does not know group" in told.message
    assert place.steps(stranger)[str(StepName.BATCH_RESERVATION)][0] == "failed"
    cluster.know_group("002099-part", 709_901, ["alice"])
    again = put(proposal_prepare, proposal=stranger, only=STEP)
    assert "1 steps green, 1 changes" in again.message
    cluster.run("scontrol", "delete", "ReservationName=upex_002099")


def test_a_window_that_is_over_is_skipped_with_the_reason(place, put):
    dates(place, BEGIN - timedelta(days=30), BEGIN - timedelta(days=20))
    put(proposal_prepare, proposal=NUMBER, only=STEP)
    kind, words = state(place)
    assert kind == "skipped"
    assert "the reservation's window ended at" in words


def test_a_silent_cluster_does_not_keep_a_beamtime_from_its_end(place, put, cluster):
    cluster.know_group(f"{NUMBER:06d}-part", GID, ["alice", "bob"])
    put(proposal_prepare, proposal=NUMBER)
    put(beamtime_start, proposal=NUMBER, operator="boss", reason="test")
    cluster.stop_controller()
    try:
        told = put(beamtime_finish, proposal=NUMBER, operator="boss", reason="test")
    finally:
        cluster.start_controller()
    assert told.name == "Completed"
    assert place.state() is BeamtimeState.FINISHED
    kind, words = state(place)
    assert kind == "failed"
    assert words.startswith("not removed: SLURM does not answer")


def test_without_reservations_the_step_says_which_setting(site, put):
    put(proposal_prepare, proposal=NUMBER, only=STEP)
    assert state(site) == ("skipped", "no reservations here: set batch.reservations")
