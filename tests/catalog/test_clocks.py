"""Nothing opens on a clock that runs ahead of the database's, but in a rehearsal."""

from datetime import UTC, datetime, timedelta

import pytest

from catalog.commands.rehearsal import declare_rehearsal, demand_true_clock
from catalog.queries.clocks import database_now, rehearsal
from catalog.queries.journal import verify
from policies.actor import Actor
from policies.clocks import TOLERANCE
from policies.errors import Forbidden, Refused
from policies.vocabulary import Role
from tests.catalog.story import new_proposal

ADMIN = Actor("catadmin", frozenset({Role.ADMIN}))


def test_database_tells_the_time(database):
    with database.read() as session:
        assert abs(database_now(session) - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_clock_ahead_is_refused_and_one_behind_is_not(database):
    with database.read() as session:
        true = database_now(session)
        demand_true_clock(session, true - timedelta(days=3))
        demand_true_clock(session, true + TOLERANCE / 2)
        with pytest.raises(Refused, match="ahead of the database's by 30 days"):
            demand_true_clock(session, true + timedelta(days=30, minutes=5))
        with pytest.raises(Refused, match="by 9 minutes"):
            demand_true_clock(session, true + timedelta(minutes=9, seconds=30))


def test_a_rehearsal_is_declared_once_by_an_administrator(database):
    now = datetime.now(UTC)
    with database.write() as session:
        with pytest.raises(Forbidden):
            declare_rehearsal(session, Actor("x", frozenset({Role.PI})), now, "why")
        with pytest.raises(Refused, match="reason"):
            declare_rehearsal(session, ADMIN, now, " ")
        assert declare_rehearsal(session, ADMIN, now, "the demo")
        assert not declare_rehearsal(session, ADMIN, now, "again")
        assert rehearsal(session).reason == "the demo"
        demand_true_clock(session, now + timedelta(days=1200))
        assert not verify(session).faults


def test_a_catalog_with_proposals_stays_real(facility_database):
    with facility_database.write() as session:
        new_proposal(session)
    with facility_database.write() as session, pytest.raises(Refused, match="only an empty one"):
        declare_rehearsal(session, ADMIN, datetime.now(UTC), "to open early")
