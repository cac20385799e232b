"""How a run is judged follows from what was claimed and from the site's settings."""

import os

import pytest

from catalog.queries.runs import findings_of
from flows.run_closed import run_closed
from policies.messages import MessageKind
from settings.clock import utc_now
from tests.catalog.story import post
from tests.flows.site import NUMBER

MODULES = ("DA01", "JNGFR01", "JNGFR02")
HOUR = 3600


def close(site, **claims):
    """The DAQ closes run 1 with these claims."""
    recipe = site.runs[1].recipe
    body = {
        "proposal": NUMBER,
        "run": 1,
        "end_at": recipe.end_at.isoformat(),
        "last_train": recipe.last_train,
        **claims,
    }
    with site.database.write() as session:
        answer = post(session, MessageKind.RUN_CLOSED, body, "c1", utc_now())
    assert answer.body["state"] == "applied", answer


def claim(filename):
    return {"filename": filename, "relative_path": "r0001/"}


@pytest.mark.parametrize(
    ("claims", "gone"),
    [
        ({"aggregators": ["DA01", "JNGFR01", "JNGFR02", "JNGFR03"]}, "JNGFR03"),
        ({"aggregators": ["DA01", "JNGFR01", "JNGFR02"]}, None),
        ({"files": [claim(f"RAW-R0001-{a}-S00000.h5") for a in (*MODULES, "DA07")]}, "DA07"),
        ({"files": [claim(f"RAW-R0001-{a}-S00000.h5") for a in MODULES]}, None),
        ({}, None),
    ],
    ids=["named, one silent", "named, all there", "by files", "by files, all there", "not told"],
)
def test_an_aggregator_that_wrote_nothing_is_missed_when_it_was_told_of(ready, put, claims, gone):
    """At the edge of a detector no hole shows: only the claim can tell."""
    ready.write(1, aggregators=MODULES, trains=10)
    close(ready, **claims)
    assert put(run_closed, proposal=NUMBER, run=1).name == "Completed"
    with ready.database.read() as session:
        said = [f.message for f in findings_of(session, NUMBER, 1) if f.check_name == "modules"]
    assert said == ([f"no file from: {gone}"] if gone else [])


LAX = {"modified_after_seconds": 3 * HOUR, "not_blocking": ["checksum-claimed"]}
OFF = {"disabled": ["checksum-claimed", "modified"]}


@pytest.mark.parametrize(
    ("audit", "found"),
    [
        ({}, {"checksum-claimed": True, "modified": False}),
        (LAX, {"checksum-claimed": False}),
        (OFF, {}),
    ],
    ids=["as usual", "lax", "off"],
)
def test_a_threshold_of_the_settings_changes_what_is_found(make_site, put, audit, found):
    site = make_site(audit=audit)
    site.add_proposal()
    site.make_ready()
    written = site.write(1)
    late = written.recipe.end_at.timestamp() + 2 * HOUR
    [file] = [written.folder / f.filename for f in written.files]
    os.utime(file, (late, late))
    site.close(1, checksum="00000000")
    assert put(run_closed, proposal=NUMBER, run=1).name == "Completed"
    assert site.findings(1) == found
