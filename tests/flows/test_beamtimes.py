"""Operators move beamtimes and runs; a refusal touches nothing, a freeze leaves no write bit."""

import subprocess

import pytest

from catalog.commands import holds, proposals
from catalog.queries.find import run_row
from flows.beamtime_close import beamtime_close
from flows.beamtime_finish import beamtime_finish
from flows.beamtime_review import beamtime_review
from flows.beamtime_start import beamtime_start
from flows.operator_ask import operator_ask
from flows.run_assess import run_assess
from policies.asking import Ask
from policies.vocabulary import BeamtimeEvent, BeamtimeState, HoldKind, RunState
from settings.clock import utc_now
from tests.catalog.story import ADMIN
from tests.flows.site import DCACHE, NUMBER, OFFLINE, ONLINE
from tests.flows.test_migrate import migrate


def advance(site, *events):
    with site.database.write() as session:
        for event in events:
            proposals.advance(session, NUMBER, event, ADMIN, utc_now(), "for the test")


def snapshot(site):
    """Everything that a change of rights would move."""
    seen = {}
    for repository in (ONLINE, OFFLINE, DCACHE):
        for path in sorted(site.tree(repository).rglob("*")):
            at = path.lstat()
            seen[str(path)] = (at.st_mode, at.st_uid, at.st_gid, at.st_ctime_ns)
    return seen


def writable(path):
    """Entries of the ACLs below a path that let somebody write."""
    done = subprocess.run(
        ["getfacl", "-R", "-n", "-p", str(path)], capture_output=True, text=True, check=True
    )
    found = []
    for line in done.stdout.splitlines():
        kind, _, rest = line.partition(":")
        rights = line.partition("#effective:")[2].strip() or rest.rpartition(":")[2][:3]
        if kind in {"user", "group", "other", "mask"} and "w" in rights:
            found.append(line)
    return found


def test_a_beamtime_from_its_start_to_its_freeze(ready, put):
    assert put(beamtime_start, proposal=NUMBER, operator="bob").name == "Refused"
    started = put(beamtime_start, proposal=NUMBER, operator="alice")
    assert "p002012: Ready ⇒ Active" in started.message
    written = ready.write(1)
    refused = put(beamtime_finish, proposal=NUMBER, operator="alice")
    assert refused.name == "Refused"
    assert "r0001" in refused.message
    ready.close(1)
    assert put(beamtime_finish, proposal=NUMBER, operator="alice").name == "Completed"
    before = snapshot(ready)
    for said in ("shifts", "r0001"):
        refused = put(beamtime_review, proposal=NUMBER, operator="boss")
        assert refused.name == "Refused"
        assert said in refused.message
        ready.fill_shifts(9)
    refused = put(beamtime_close, proposal=NUMBER, operator="boss")
    assert refused.name == "Refused"
    assert "Possible now: step-back" in refused.message
    assert snapshot(ready) == before
    ready.register(1)
    put(run_assess, proposal=NUMBER, run=1, assessment="Good", operator="alice")
    refused = put(beamtime_review, proposal=NUMBER, operator="boss")
    assert "not migrated yet: r0001" in refused.message
    assert snapshot(ready) == before
    assert migrate(put).name == "Completed"
    assert put(beamtime_review, proposal=NUMBER, operator="boss").name == "Completed"
    closed = put(beamtime_close, proposal=NUMBER, operator="boss")
    assert "Finished and Reviewed ⇒ Closed" in closed.message
    assert ready.state() is BeamtimeState.CLOSED
    for folder in (written.folder, ready.copy(OFFLINE, 1), ready.copy(DCACHE, 1)):
        assert writable(folder) == []
    assert ready.safe(1)
    frozen = snapshot(ready)
    again = put(beamtime_close, proposal=NUMBER, operator="boss")
    assert again.name == "Refused"
    assert snapshot(ready) == frozen
    past = [(row.event, row.actor) for row in ready.history() if row.subject == "beamtime"]
    assert [event for event, _ in past[-4:]] == ["start", "finish", "review", "close"]
    assert ready.sound()


def fail_migration(site):
    site.request(1)
    with site.database.write() as session:
        run_row(session, NUMBER, 1)[1].state = RunState.MIGRATION_FAILED


def close_beamtime(site):
    with site.database.write() as session:
        proposals.override(session, NUMBER, BeamtimeState.CLOSED, ADMIN, utc_now(), "for the test")


def step_back(site):
    advance(site, BeamtimeEvent.STEP_BACK)


def freeze(site):
    with site.database.write() as session:
        holds.set_hold(session, NUMBER, HoldKind.FROZEN, ADMIN, utc_now(), "for the test")


ASKS = {
    Ask.BEAMTIME_STEP_BACK: (lambda _: None, {}, "Ready ⇒ GPFS Online Configuration Done"),
    Ask.BEAMTIME_REOPEN: (close_beamtime, {}, "Closed ⇒ Finished and Reviewed"),
    Ask.BEAMTIME_MAKE_READY: (step_back, {}, "GPFS Online Configuration Done ⇒ Ready"),
    Ask.BEAMTIME_OVERRIDE: (lambda _: None, {"value": "finished and reviewed"}, "(override)"),
    Ask.SHIFTS: (lambda _: None, {"value": "12"}, "12 delivered shifts"),
    Ask.RUN_ABORT: (lambda site: site.write(1), {"run": 1}, "open ⇒ aborted"),
    Ask.RUN_RETRY_MIGRATION: (
        fail_migration,
        {"run": 1},
        "migration-failed ⇒ migration-requested",
    ),
    Ask.RUN_ACCEPT_FINDINGS: (lambda site: site.record(1), {"run": 1}, "0 blocking findings"),
    Ask.RUN_INSPECT_AGAIN: (lambda site: site.record(1), {"run": 1}, "will be read again"),
    Ask.SET_HOLD: (lambda _: None, {"value": "legal hold"}, "legal-hold stands"),
    Ask.LIFT_HOLD: (freeze, {"value": "frozen"}, "frozen lifted"),
    Ask.PREFERRED_OUTPUT: (lambda _: None, {"value": "processed"}, "prefers processed"),
    Ask.TEAM_SYNC: (lambda _: None, {}, "groups will be brought in line"),
}


@pytest.mark.parametrize("ask", list(Ask))
def test_everything_that_the_form_offers_is_done_and_written_down(ready, put, ask):
    arrange, fields, said = ASKS[ask]
    arrange(ready)
    before = len(ready.history())
    form = {"proposal": NUMBER, "ask": ask, "operator": "boss", "reason": "for the test"}
    done = put(operator_ask, **form, **fields)
    assert done.name == "Completed", done.message
    assert said in done.message
    if ask is not Ask.RUN_ACCEPT_FINDINGS:
        assert len(ready.history()) == before + 1
        assert ready.history()[-1].actor == "boss"


@pytest.mark.parametrize(
    ("ask", "fields", "said"),
    [
        (Ask.RUN_ABORT, {}, "needs a run number"),
        (Ask.BEAMTIME_OVERRIDE, {"value": "On holiday"}, "is no status"),
        (Ask.SHIFTS, {"value": "-1"}, "whole number"),
        (Ask.SET_HOLD, {"value": "warm"}, "is no hold"),
        (Ask.LIFT_HOLD, {"value": "frozen"}, "no frozen stands"),
        (Ask.BEAMTIME_STEP_BACK, {"reason": " "}, "reason"),
    ],
)
def test_a_form_that_lacks_something_is_refused_with_the_field(ready, put, ask, fields, said):
    form = {"proposal": NUMBER, "ask": ask, "operator": "boss", "reason": "because"}
    past = ready.history()
    done = put(operator_ask, **(form | fields))
    assert (done.name, done.type) == ("Refused", "COMPLETED")
    assert said in done.message
    assert ready.history() == past
