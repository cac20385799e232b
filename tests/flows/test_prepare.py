"""Everything a beamtime needs is made step by step, whatever fails in between."""

from contextlib import suppress

import pytest

from deployments.components.slapd import GROUPS_BASE, SERVICE_DN
from flows import proposal_prepare as module
from flows import provisioning
from flows.proposal_prepare import proposal_prepare
from flows.team_sync import team_sync
from policies.vocabulary import BeamtimeState, StepName
from tasks.directory.steps import check_group, ensure_group
from tests.flows.site import DCACHE, GID, MARKER, NUMBER, OFFLINE, ONLINE
from tests.flows.test_migrate import mounted

GREEN = [
    ("batch-reservation", "skipped"),
    ("ldap-groups", "done"),
    ("offline-acls", "done"),
    ("offline-folders", "done"),
    ("offline-quotas", "done"),
    ("online-acls", "done"),
    ("online-folders", "done"),
    ("online-write-test", "done"),
]


@pytest.fixture
def equipped(make_site, groups):
    site = make_site(slapd=groups)
    site.add_proposal()
    return site


def prepare(put, **more):
    return put(proposal_prepare, proposal=NUMBER, **more)


def members(groups):
    with groups.admin() as connection:
        connection.search(GROUPS_BASE, "(cn=*)", attributes=["cn", "gidNumber", "member"])
        return {
            e.cn.value: (
                int(e.gidNumber.value),
                sorted(m.split(",")[0][4:] for m in e.member.values if m != SERVICE_DN),
            )
            for e in connection.entries
        }


def states(site):
    return sorted((name, state) for name, (state, _) in site.steps().items())


def test_a_proposal_becomes_ready_and_a_second_time_nothing_changes(equipped, put, groups):
    first = prepare(put, operator="boss")
    assert first.name == "Completed", first.message
    assert "p002012: Ready; 7 steps green" in first.message
    assert equipped.state() is BeamtimeState.READY
    assert states(equipped) == GREEN
    gid = GID + 2 * (NUMBER % 1000)
    assert members(groups) == {
        "002012-part": (gid, ["alice", "bob"]),
        "002012-dmgt": (gid + 1, ["alice"]),
    }
    _, said = equipped.steps()["ldap-groups"]
    assert f"pi{NUMBER}" in said
    raw = equipped.raw()
    assert (raw.stat().st_gid, oct(raw.stat().st_mode & 0o007)) in {(gid, "0o0"), (gid + 1, "0o0")}
    rows, past = equipped.count(), equipped.history()
    again = prepare(put)
    assert again.message == "p002012: Ready; 7 steps green, 1 skipped, 0 changes"
    assert (equipped.count(), equipped.history()) == (rows, past)
    # what drifts is repaired, one step alone
    raw.chmod(0o777)
    repaired = prepare(put, only=[StepName.ONLINE_ACLS])
    assert repaired.message == "p002012: Ready; 1 steps green, 1 changes"
    assert raw.stat().st_mode & 0o007 == 0
    assert equipped.sound()


def test_a_directory_that_is_down_is_a_failed_step_and_the_rest_waits(
    equipped, put, groups, monkeypatch
):
    for task in (ensure_group, check_group):
        monkeypatch.setattr(task, "retry_delay_seconds", [0.05] * 4)
    groups.stop()
    try:
        failed = prepare(put)
    finally:
        groups.start()
    assert failed.type == "FAILED"
    state, said = equipped.steps()["ldap-groups"]
    assert state == "failed"
    assert "127.0.0.1" in said
    assert groups.settings().password.get_secret_value() not in said + failed.message
    assert list(equipped.steps()) == ["ldap-groups"]
    assert equipped.state() is BeamtimeState.NEW
    assert prepare(put).name == "Completed"
    assert equipped.state() is BeamtimeState.READY


def test_a_directory_that_refuses_half_way_is_continued(equipped, put, groups):
    gid = GID + 2 * (NUMBER % 1000)
    dn = f"cn=somebody-else,{GROUPS_BASE}"
    with groups.admin() as connection:
        attributes = {"gidNumber": gid + 1, "member": "uid=carol,ou=people"}
        connection.add(dn, ["groupOfNames", "posixGroup"], attributes)
    failed = prepare(put)
    assert failed.type == "FAILED"
    state, said = equipped.steps()["ldap-groups"]
    assert state == "failed"
    assert "somebody-else" in said
    assert "002012-part" in members(groups)
    assert equipped.state() is BeamtimeState.NEW
    with groups.admin() as connection:
        connection.delete(dn)
    assert prepare(put).name == "Completed"
    assert set(members(groups)) == {"002012-part", "002012-dmgt"}


@pytest.mark.parametrize(
    ("repository", "step", "stays"),
    [
        (OFFLINE, "offline-folders", BeamtimeState.NEW),
        (DCACHE, "offline-folders", BeamtimeState.NEW),
        (ONLINE, "online-folders", BeamtimeState.GPFS_OFFLINE_DONE),
    ],
)
def test_a_storage_that_is_not_mounted_is_a_failed_step(site, put, repository, step, stays):
    marker = site.tree(repository) / MARKER
    marker.rename(site.folder / "kept")
    failed = prepare(put)
    assert failed.type == "FAILED"
    state, said = site.steps()[step]
    assert state == "failed"
    assert repository in said
    assert "is it mounted?" in said
    assert site.state() is stays
    assert list(site.tree(repository).iterdir()) == []
    (site.folder / "kept").rename(marker)
    assert prepare(put).name == "Completed"
    assert site.state() is BeamtimeState.READY


def test_storages_that_are_read_only_or_full_are_failed_steps(site, put):
    with mounted(site.tree(ONLINE), "size=1m,nr_inodes=40") as again:
        (site.tree(ONLINE) / MARKER).write_text(ONLINE)
        again("ro")
        assert prepare(put).type == "FAILED"
        state, said = site.steps()["online-folders"]
        assert (state, "read-only" in said.lower()) == ("failed", True)
        assert site.state() is BeamtimeState.GPFS_OFFLINE_DONE
        again("rw")
        filler = site.tree(ONLINE) / "filler"
        with suppress(OSError), filler.open("wb") as file:
            for _ in range(300):
                file.write(bytes(4096))
                file.flush()
        assert prepare(put).type == "FAILED"
        failed = {n: said for n, (state, said) in site.steps().items() if state == "failed"}
        assert failed
        assert site.state() is BeamtimeState.GPFS_OFFLINE_DONE
        filler.unlink()
        assert prepare(put).name == "Completed"
        assert site.state() is BeamtimeState.READY
        assert not list(site.raw().iterdir())


def test_only_staff_may_ask_and_only_one_prepares_at_a_time(site, put, monkeypatch):
    refused = prepare(put, operator="bob")
    assert (refused.name, refused.type) == ("Refused", "COMPLETED")
    assert "beamtime:prepare" in refused.message
    assert prepare(put, operator="nobody").name == "Refused"
    assert put(proposal_prepare, proposal=4711).name == "Refused"
    assert site.steps() == {}
    inner = []
    steps = dict(provisioning.STEPS)
    original = steps[StepName.OFFLINE_QUOTAS]

    def meanwhile(view):
        inner.append(prepare(put))
        return original(view)

    monkeypatch.setattr(module, "STEPS", steps | {StepName.OFFLINE_QUOTAS: meanwhile})
    assert prepare(put).name == "Completed"
    assert [(state.name, state.type) for state in inner] == [("AlreadyRunning", "COMPLETED")]


def test_leavers_leave_the_groups_and_nobody_enters_without_the_policy(equipped, put, groups):
    assert prepare(put).name == "Completed"
    equipped.replace_team({"carol": (1, True), "dave": (2, False)})
    done = put(team_sync, proposal=NUMBER)
    assert done.name == "Completed"
    assert "dave has not accepted the data policy" in done.message
    assert {n: who for n, (_, who) in members(groups).items()} == {
        "002012-part": ["carol"],
        "002012-dmgt": ["carol"],
    }
    assert equipped.state() is BeamtimeState.READY
