"""A closed proposal is reopened: the next preparation gives back what its plan lets people do."""

import pytest

from flows.beamtime_close import beamtime_close
from flows.operator_ask import operator_ask
from flows.proposal_prepare import proposal_prepare
from policies.asking import Ask
from policies.errors import Unavailable
from policies.vocabulary import BeamtimeEvent, BeamtimeState
from tasks.storage.tree import TreeWalker
from tests.flows.site import NUMBER, OFFLINE, ONLINE
from tests.flows.test_beamtimes import advance
from tests.tasks.storage.conftest import getfacl, run_as

USR = "/gpfs/exfel/u/usr/SPB/002012/p002012"
RAW = "/gpfs/exfel/d/raw/SPB/002012/p002012"


@pytest.fixture
def used(ready, put):
    """A reviewed proposal that its team worked in, below folders that everybody may pass."""
    for folder in (ready.folder, *ready.folder.parents):
        if str(folder) not in {"/", "/tmp"}:
            folder.chmod(0o755)
    advance(ready, BeamtimeEvent.START, BeamtimeEvent.FINISH)
    ready.fill_shifts(3)
    advance(ready, BeamtimeEvent.REVIEW)
    assert put(proposal_prepare, proposal=NUMBER, operator="boss").name == "Completed"
    team = ready.proposal().gid_participants
    script = 'mkdir -p "$1/a/b" && echo 1 > "$1/a/b/f" && echo 1 > "$1/mine" && chmod 440 "$1/mine"'
    made, said = run_as(team, script, ready.at(OFFLINE, USR))
    assert made, said
    (ready.at(OFFLINE, RAW) / "r0001").mkdir()
    return ready


def acls(top):
    return {str(p): getfacl(p) for p in (top, *sorted(top.rglob("*")))}


def may_write(site, path):
    return run_as(site.proposal().gid_participants, 'echo 2 >> "$1"', path, uid=65533)[0]


def close_and_reopen(site, put):
    assert put(beamtime_close, proposal=NUMBER, operator="boss").name == "Completed"
    for store in (OFFLINE, ONLINE):
        text = [line for lines in acls(site.tree(store) / "gpfs").values() for line in lines]
        assert "default:user::r-x" in text
    assert not may_write(site, site.at(OFFLINE, USR) / "a/b/f")
    asked = {"ask": Ask.BEAMTIME_REOPEN, "operator": "boss", "reason": "late analysis"}
    assert put(operator_ask, proposal=NUMBER, **asked).name == "Completed"
    assert site.state() is BeamtimeState.REVIEWED
    assert not may_write(site, site.at(OFFLINE, USR) / "a/b/f"), "until it is prepared again"


def test_what_the_team_had_is_the_team_s_again(used, put):
    before = acls(used.at(OFFLINE, USR) / "a")
    close_and_reopen(used, put)
    assert put(proposal_prepare, proposal=NUMBER, operator="boss").name == "Completed"
    assert acls(used.at(OFFLINE, USR) / "a") == before
    assert may_write(used, used.at(OFFLINE, USR) / "a/b/f")
    frozen = [line for line in getfacl(used.at(OFFLINE, RAW) / "r0001") if "w" in line]
    assert frozen == [], "raw data stay closed"


def test_a_preparation_that_died_on_the_way_gives_it_back_the_next_time(used, put, monkeypatch):
    close_and_reopen(used, put)
    real = TreeWalker._set

    def dying(self, place, mode, where):
        if where == "a/b/f":
            raise Unavailable("the storage went away")
        return real(self, place, mode, where)

    with monkeypatch.context() as patch:
        patch.setattr(TreeWalker, "_set", dying)
        assert put(proposal_prepare, proposal=NUMBER, operator="boss").name != "Completed"
    assert put(proposal_prepare, proposal=NUMBER, operator="boss").name == "Completed"
    assert may_write(used, used.at(OFFLINE, USR) / "a/b/f")


def test_a_repair_leaves_alone_what_somebody_protected(used, put):
    mine = used.at(OFFLINE, USR) / "mine"
    assert mine.stat().st_mode & 0o222 == 0
    assert put(proposal_prepare, proposal=NUMBER, operator="boss").name == "Completed"
    assert mine.stat().st_mode & 0o222 == 0
