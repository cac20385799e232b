"""Clock changes and leap days: what is due is an instant, what people read is their wall clock."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from catalog.commands import proposals
from catalog.commands.portal_book import site
from catalog.queries.proposals import proposal_view
from catalog.tables import Beamtime, Obligation, Proposal
from policies.errors import Refused
from policies.messages import MessageKind
from policies.vocabulary import BeamtimeEvent, BeamtimeState, Duty
from tests.catalog.portal_help import LATER, changed, history, one, put, said
from tests.catalog.story import ADMIN, NUMBER, bring_to, opened, post

PORTAL_NUMBER = 900054


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def told(begin, end, **more):
    """An export with one beamtime, in a cycle long enough."""
    document = changed(beamtimes=[{"id": 1, "begin_at": begin, "end_at": end}], **more)
    for cycle in document["cycles"]:
        cycle["end_at"] = "2040-01-01T00:00:00+01:00"
    return document


def owed(catalog, number=PORTAL_NUMBER):
    with catalog.read() as session:
        query = select(Obligation).where(Obligation.settled_at == None)  # noqa: E711
        rows = session.exec(query.where(Obligation.proposal == number))
        return {row.duty: row.due_at for row in rows}


def stored(catalog):
    with catalog.read() as session:
        row = session.exec(select(Proposal).where(Proposal.number == PORTAL_NUMBER)).one()
        (beamtime,) = session.exec(select(Beamtime).where(Beamtime.proposal_id == row.id))
        return beamtime.begin_at, beamtime.end_at, row.release_at


def test_the_hour_that_comes_twice_is_two_beginnings(facility_database):
    """One wall clock, two instants: a correction of the offset alone moves what is due."""
    end = "2026-10-27T08:00:00+01:00"
    put(facility_database, told("2026-10-25T02:30:00+02:00", end))
    assert stored(facility_database)[0] == instant("2026-10-25T00:30:00+00:00")
    report = one(put(facility_database, told("2026-10-25T02:30:00+01:00", end), LATER))
    assert said(report)[0] == (
        "beamtime: 2026-10-25 02:30:00+02:00 to 2026-10-27 08:00:00+01:00"
        " ⇒ 2026-10-25 02:30:00+01:00 to 2026-10-27 08:00:00+01:00"
    )
    begin = instant("2026-10-25T01:30:00+00:00")
    assert stored(facility_database)[0] == begin
    assert owed(facility_database) == {Duty.REMIND_NOT_READY: begin - timedelta(weeks=4)}
    assert one(put(facility_database, told("2026-10-25T02:30:00+01:00", end))).changes == ()
    assert len(history(facility_database, "change-beamtime")) == 1


def test_a_time_that_does_not_exist_is_the_instant_that_its_offset_says(facility_database):
    put(facility_database, told("2026-03-29T02:30:00+01:00", "2026-03-31T08:00:00+02:00"))
    begin, _, _ = stored(facility_database)
    assert begin == instant("2026-03-29T01:30:00+00:00")
    with facility_database.read() as session:
        zone = site(session).zone
    assert begin.astimezone(zone).isoformat() == "2026-03-29T03:30:00+02:00"


@pytest.mark.parametrize(
    ("end", "opens"),
    [
        # a leap day has no anniversary
        ("2028-02-29T08:00:00+01:00", "2031-02-28T08:00:00+01:00"),
        # the other way round nothing moves
        ("2029-02-28T08:00:00+01:00", "2032-02-28T08:00:00+01:00"),
        # winter time now, summer time then: the wall clock stays
        ("2026-03-28T08:00:00+01:00", "2029-03-28T08:00:00+02:00"),
        # then the hour does not exist: never early
        ("2028-03-30T02:30:00+02:00", "2031-03-30T03:30:00+02:00"),
        # summer time now, winter time then
        ("2027-10-28T02:30:00+02:00", "2030-10-28T02:30:00+01:00"),
        # then it comes twice: never early
        ("2028-10-26T02:30:00+02:00", "2031-10-26T02:30:00+01:00"),
    ],
)
def test_data_become_open_on_the_calendar_and_never_early(facility_database, end, opens):
    begin = (datetime.fromisoformat(end) - timedelta(days=2)).isoformat()
    put(facility_database, told(begin, end))
    assert stored(facility_database)[2] == instant(opens)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2026-03-29T12:00:00+02:00", "2026-03-29T20:00:00+02:00"),
        ("2026-10-25T12:00:00+01:00", "2026-10-25T20:00:00+01:00"),
        ("2028-02-29T12:00:00+01:00", "2028-03-01T12:00:00+01:00"),
    ],
    ids=["spring", "autumn", "leap day"],
)
def test_a_day_before_and_a_day_after_are_hours_that_pass(facility_database, begin, end):
    """Start from 24 h before, finish 24 h after, however many hours that day has."""
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.READY)
        (row,) = session.exec(select(Beamtime))
        row.begin_at, row.end_at = instant(begin), instant(end)
        session.flush()
        earliest = row.begin_at - timedelta(hours=24)
        with pytest.raises(Refused, match="may start from 24 h before"):
            proposals.advance(
                session, NUMBER, BeamtimeEvent.START, ADMIN, earliest - timedelta(seconds=1)
            )
        proposals.advance(session, NUMBER, BeamtimeEvent.START, ADMIN, earliest)
        due = session.exec(select(Obligation).where(Obligation.duty == Duty.AUTO_FINISH)).one()
        assert due.due_at == instant(end) + timedelta(hours=24)


@pytest.mark.parametrize(
    ("begin", "alarm"),
    [
        ("2026-03-28T23:30:00+01:00", "2026-03-30T00:30:00+02:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-26T01:30:00+01:00"),
        ("2028-02-28T12:00:00+01:00", "2028-02-29T12:00:00+01:00"),
        ("2028-02-29T12:00:00+01:00", "2028-03-01T12:00:00+01:00"),
    ],
)
def test_a_run_of_such_a_night_is_kept_with_its_instant(facility_database, begin, alarm):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        body = opened(1, begin_at=begin)
        assert post(session, MessageKind.RUN_OPENED, body, "o1").body["state"] == "applied"
    assert owed(facility_database, NUMBER)[Duty.STALE_OPEN_RUN] == instant(alarm)
    with facility_database.read() as session:
        assert proposal_view(session, NUMBER).last_run == 1


def test_a_leap_day_in_a_year_without_one_is_refused(facility_database):
    report = put(facility_database, told("2027-02-29T08:00:00+01:00", "2027-03-02T08:00:00+01:00"))
    assert "beamtimes[0].begin_at must be an ISO 8601 date" in one(report).reason
