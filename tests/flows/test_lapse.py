"""A year after the review the team only reads: owed at the review, done by the sweep, once."""

from datetime import timedelta

import pytest
from prefect import tags

from flows.due_sweep import due_sweep
from flows.proposal_prepare import proposal_prepare
from policies.vocabulary import Duty, StepName, Work
from settings.clock import utc_now
from tasks.records import beamtimes
from tests.flows.site import NUMBER, OFFLINE
from tests.flows.test_reopening import USR, acls, may_write, used
from tests.flows.test_sweeps import owed

__all__ = ["used"]  # a fixture
YEAR = 366


@pytest.fixture
def travel(monkeypatch):
    """Let the flows' records live at another moment."""
    return lambda moment: monkeypatch.setattr(beamtimes, "now", lambda: moment)


def asked(site):
    return site.outbox(work=Work.PROPOSAL_PREPARE)


def test_the_right_to_write_ends_by_itself_and_once(used, put, at, travel):
    [(due, _)] = owed(used, Duty.LAPSE_RIGHTS)
    assert timedelta(days=364) < due - utc_now() <= timedelta(days=YEAR)
    assert used.proposal().writable_until == due
    at(due_sweep, due - timedelta(seconds=1))
    assert asked(used) == []
    travel(due - timedelta(seconds=1))
    put(proposal_prepare, proposal=NUMBER)
    mine = used.at(OFFLINE, USR) / "a/b/f"
    assert may_write(used, mine), "a preparation before takes nothing away"

    for late in (0, 30):
        at(due_sweep, due + timedelta(days=late))
    [row] = asked(used)
    assert row.parameters == {"proposal": NUMBER, "only": [str(StepName.OFFLINE_ACLS)]}
    assert owed(used, Duty.LAPSE_RIGHTS) == []

    travel(due)
    with tags(f"outbox:{row.id}"):
        done = put(proposal_prepare, **row.parameters)
    assert done.name == "Completed", done.message
    assert asked(used)[0].outcome.startswith("Completed")
    assert not may_write(used, mine)
    assert not may_write(used, used.at(OFFLINE, USR) / "new")
    left = [line for lines in acls(used.at(OFFLINE, USR)).values() for line in lines]
    assert not [line for line in left if line.startswith("group:") and "w" in line.split(":")[-1]]
    again = put(proposal_prepare, **row.parameters)
    assert again.message.endswith("0 changes")
    assert used.sound()
