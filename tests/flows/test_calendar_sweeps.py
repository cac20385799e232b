"""The nights on which the clock is changed, and the leap day: everything due happens once."""

from datetime import UTC, datetime, timedelta

import pytest

from catalog.commands import portal
from deployments.standins.portal import load
from flows.due_sweep import due_sweep
from policies.actor import PORTAL
from policies.portal_reader import parse_export
from policies.vocabulary import BeamtimeState, Duty
from settings.clock import utc_now
from tests.flows.site import NUMBER
from tests.flows.test_sweeps import owed, told

SECOND = timedelta(seconds=1)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def import_beamtime(site, begin: str, end: str) -> None:
    """As the portal tells it: civil time with the offset of that day."""
    document = load()
    (row,) = [r for r in document["proposals"] if r["number"] == NUMBER]
    row["beamtimes"] = [{"id": 1, "begin_at": begin, "end_at": end}]
    document["proposals"] = [row]
    for cycle in document["cycles"]:
        cycle["end_at"] = "2040-01-01T00:00:00+01:00"
    with site.database.write() as session:
        report = portal.apply(session, parse_export(document), PORTAL, utc_now())
    assert report.refused == ()


NIGHTS = {
    # the gap is passed in one step: 01:59:59 is followed by 03:00:00
    "spring": (
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T03:00:00+02:00",
        [
            "2026-03-28T03:00:00+01:00",
            "2026-03-29T01:59:59+01:00",
        ],
    ),
    # the second 02:30; at the first one nothing begins
    "autumn": (
        "2026-10-25T02:30:00+01:00",
        "2026-10-26T02:30:00+01:00",
        [
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:59:59+02:00",
            "2026-10-25T02:29:59+01:00",
        ],
    ),
    "leap day": (
        "2028-02-29T00:00:00+01:00",
        "2028-03-01T00:00:00+01:00",
        [
            "2028-02-28T00:00:00+01:00",
            "2028-02-28T23:59:59+01:00",
        ],
    ),
}


@pytest.mark.parametrize("night", NIGHTS)
def test_a_beamtime_is_reminded_of_started_and_finished_by_the_clock_once(make_site, at, night):
    begin, end, early = NIGHTS[night]
    site = make_site(automatic={"start": True, "finish": True})
    import_beamtime(site, begin, end)
    # four weeks before, whatever the wall clock did in between
    reminder = instant(begin) - timedelta(weeks=4)
    for moment in (reminder - SECOND, reminder, reminder, reminder + timedelta(hours=2)):
        at(due_sweep, moment)
        assert told(site, "is not Ready") == int(moment >= reminder)
    site.make_ready()
    for moment in early:
        at(due_sweep, instant(moment))
        assert site.state() is BeamtimeState.READY, moment
    for moment in (instant(begin), instant(begin), instant(begin) + timedelta(hours=1)):
        at(due_sweep, moment)
        assert site.state() is BeamtimeState.ACTIVE
    assert [due for due, _ in owed(site, Duty.AUTO_FINISH)] == [instant(end) + timedelta(hours=24)]
    at(due_sweep, instant(end) + timedelta(hours=24) - SECOND)
    assert site.state() is BeamtimeState.ACTIVE
    for _ in range(2):
        at(due_sweep, instant(end) + timedelta(hours=24))
        assert site.state() is BeamtimeState.FINISHED
    assert [e for e in site.events() if e in {"start", "finish"}] == ["start", "finish"]
    assert told(site, "is not Ready") == 1
    assert site.sound()
