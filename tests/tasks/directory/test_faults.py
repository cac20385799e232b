"""The directory is down, slow, unwilling, half-written, or written by two at once."""

import multiprocessing
import socket
import time
import traceback

import pytest
from pydantic import SecretStr, ValidationError

from deployments.components.slapd import (
    GROUPS_BASE,
    PEOPLE_BASE,
    READER_DN,
    READER_PASSWORD,
    SERVICE_DN,
    SUFFIX,
)
from policies.errors import Denied, Misconfigured, Unavailable
from settings.directory import DirectorySettings, TlsMode
from tasks.directory import GroupSpec, LdapDirectory, check_group
from tests.tasks.directory.conftest import DN, GID, NAME, TEXT

WRONG = "not-the-password-7f3a"


def test_down_then_up_again(world):
    world.ensure("alice")
    world.server.stop()
    try:
        with pytest.raises(Unavailable) as told:
            world.ensure("bob")
        assert told.value.retry
        assert told.value.context["url"] == world.server.url
        with pytest.raises(Unavailable):
            world.directory.get_group(NAME)
        with pytest.raises(Unavailable):
            check_group(world.directory, GroupSpec(NAME, GID, ("alice",), TEXT))
    finally:
        world.server.start()
    assert world.directory.get_group(NAME).member_uids == ("alice",)
    assert world.ensure("bob").member_uids == ("bob",)


@pytest.mark.parametrize("mode", list(TlsMode))
def test_silent_server_is_left_after_the_timeout(bis, mode):
    url = bis.server.ldaps_url if mode is TlsMode.LDAPS else bis.server.url
    directory = bis.having(tls=mode, url=url, connect_timeout_s=0.5, receive_timeout_s=1)
    bis.server.child.pause()
    try:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            directory.ensure_group(NAME, GID, ["alice"], TEXT)
        assert time.monotonic() - began < 5
    finally:
        bis.server.child.resume()
    assert directory.ensure_group(NAME, GID, ["alice"], TEXT).member_uids == ("alice",)


def test_a_port_without_ldap_is_unavailable(bis):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ldap://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unavailable):
            bis.having(url=url, receive_timeout_s=1).known_people(["alice"])


def test_no_right_to_write(world):
    reader = world.having(bind_dn=READER_DN, password=SecretStr(READER_PASSWORD))
    with pytest.raises(Denied, match="insufficientAccess") as told:
        reader.ensure_group(NAME, GID, ["alice"], TEXT)
    assert not told.value.retry
    world.ensure("alice")
    stored = world.entry()
    with pytest.raises(Denied):
        reader.ensure_group(NAME, GID, ["bob"], TEXT)
    with pytest.raises(Denied):
        reader.ensure_group(NAME, GID, [], TEXT)
    assert world.entry() == stored
    assert reader.get_group(NAME).member_uids == ("alice",)


def test_wrong_password_does_not_leak(world, caplog):
    directory = world.having(password=SecretStr(WRONG))
    with pytest.raises(Denied, match="invalidCredentials") as told:
        directory.ensure_group(NAME, GID, ["alice"], TEXT)
    shown = "".join(traceback.format_exception(told.value))
    assert WRONG not in shown + str(told.value.context) + caplog.text + repr(directory.__dict__)


def test_missing_bases_name_the_setting_as_wrong(world):
    with pytest.raises(Misconfigured, match="noSuchObject"):
        world.having(groups_base=f"ou=nowhere,{SUFFIX}").ensure_group(NAME, GID, ["alice"], TEXT)
    with pytest.raises(Misconfigured, match="noSuchObject"):
        world.having(people_base=f"ou=nowhere,{SUFFIX}").known_people(["alice"])


@pytest.mark.parametrize("mode", [TlsMode.STARTTLS, TlsMode.LDAPS])
def test_untrusted_certificate_is_refused(bis, mode):
    url = bis.server.ldaps_url if mode is TlsMode.LDAPS else bis.server.url
    with pytest.raises(Misconfigured, match=r"(?i)certificate"):
        bis.having(url=url, tls=mode, ca_file=None).known_people(["alice"])


def test_missing_ca_file(bis, tmp_path):
    with pytest.raises(Misconfigured, match="ca_file"):
        bis.having(ca_file=tmp_path / "absent.pem").known_people(["alice"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"url": "ldap://ldap.example.org:389", "tls": "off"}, "in the clear"),
        ({"url": "ldap://127.0.0.1:389/"}, "trailing slash"),
        ({"url": "ldaps://127.0.0.1:636"}, "begin with ldap://"),
        ({"url": "ldap://127.0.0.1:389", "tls": "ldaps"}, "begin with ldaps://"),
        ({"url": "http://127.0.0.1"}, "begin with"),
        ({"password": ""}, "at least 1"),
        ({"gid_first": 800_000}, "gid_last is below"),
    ],
)
def test_settings_that_cannot_work(bis, changes, says):
    with pytest.raises(ValidationError, match=says):
        bis.having(**changes)


def test_half_applied_additions_converge(world):
    """Killed after the entry was made, before all members were in."""
    if world.bis:
        world.add_entry(
            DN, ["groupOfNames", "posixGroup"], {"gidNumber": str(GID), "member": SERVICE_DN}
        )
    else:
        world.add_entry(DN, ["posixGroup"], {"gidNumber": str(GID)})
    world.modify({k: [("MODIFY_ADD", [v])] for k, v in world.member("alice").items()})
    state = world.ensure("alice", "bob")
    assert (state.added, state.created) == (("bob",), False)
    assert state.member_uids == ("alice", "bob")


def test_half_applied_removals_converge(world):
    """Killed after the additions, before the removals."""
    world.ensure("alice", "bob")
    world.modify({k: [("MODIFY_ADD", [v])] for k, v in world.member("carol").items()})
    state = world.ensure("carol")
    assert (state.added, state.removed) == ((), ("alice", "bob"))


def test_lost_placeholder_comes_back(bis):
    bis.ensure("alice")
    bis.modify({"member": [("MODIFY_DELETE", [SERVICE_DN])]})
    assert bis.directory.get_group(NAME).defects == ("lacks the placeholder member",)
    assert bis.ensure("alice").defects == ()
    assert SERVICE_DN in bis.entry()["member"]
    bis.modify({"member": [("MODIFY_DELETE", [SERVICE_DN])]})
    assert bis.ensure().member_uids == ()


def test_people_deleted_from_the_directory_leave_no_ghost(world):
    ghosts = world.member("ghost")
    world.ensure("alice")
    world.modify({k: [("MODIFY_ADD", [v])] for k, v in ghosts.items()})
    (value,) = ghosts.values()
    assert world.directory.get_group(NAME).strangers == (value,)
    state = world.ensure("alice", "ghost")
    assert (state.removed, state.unknown_uids, state.strangers) == (("ghost",), ("ghost",), ())


def _sync(settings: DirectorySettings, uids: list[str], times: int, barrier, answers) -> None:
    directory = LdapDirectory(settings)
    barrier.wait()
    try:
        for _ in range(times):
            directory.ensure_group(NAME, GID, uids, TEXT)
        answers.put("done")
    except Exception as error:  # noqa: BLE001 - the parent judges it
        answers.put(repr(error))


def at_once(world, *teams: list[str], times: int) -> list[str]:
    """Run syncs of the same group from several processes; what became of each."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(len(teams)), context.Queue()
    running = [
        context.Process(target=_sync, args=(world.settings, team, times, barrier, answers))
        for team in teams
    ]
    for process in running:
        process.start()
    told = [answers.get(timeout=60) for _ in running]
    for process in running:
        process.join(10)
    return told


def test_two_syncs_of_one_group_at_once(world):
    team = ["alice", "bob", "carol"]
    world.ensure("dave")
    assert at_once(world, team, team, times=5) == ["done", "done"]
    state = world.directory.get_group(NAME)
    assert state.member_uids == ("alice", "bob", "carol")


def test_two_creations_at_once(world):
    assert at_once(world, ["alice"], ["alice"], times=1) == ["done"] * 2
    assert world.directory.group_names() == (NAME,)


def test_two_syncs_that_disagree_end_in_one_team_or_a_conflict(world):
    told = at_once(world, ["alice", "bob"], ["carol", "dave"], times=10)
    assert all(answer == "done" or answer.startswith("Conflict(") for answer in told)
    assert world.ensure("bob", "carol").member_uids == ("bob", "carol")


def test_no_drift(world):
    world.ensure("alice", "bob")
    assert check_group(world.directory, GroupSpec(NAME, GID, ("bob", "alice"), TEXT)) == []


def test_drift_in_words(world):
    spec = GroupSpec(NAME, GID, ("alice", "bob", "zoe"), TEXT)
    assert check_group(world.directory, spec) == [f"group {NAME} is missing"]
    world.ensure("alice", "carol")
    world.modify({"description": [("MODIFY_REPLACE", ["by hand"])]})
    world.modify({k: [("MODIFY_ADD", [v])] for k, v in world.member("ghost").items()})
    (ghost,) = world.member("ghost").values()
    assert check_group(world.directory, spec) == [
        f"group {NAME} is described as 'by hand' instead of '{TEXT}'",
        f"bob is missing from {NAME}",
        f"zoe should be in {NAME} but is not in the directory",
        f"carol is in {NAME} but should not be",
        f"{NAME} has the member '{ghost}', who is nobody in the directory",
    ]


def test_drift_of_the_gid(world):
    world.ensure("alice")
    world.modify({"gidNumber": [("MODIFY_REPLACE", ["700009"])]})
    world.ensure("alice", name="900055-part")
    assert check_group(world.directory, GroupSpec(NAME, GID, ("alice",), TEXT)) == [
        f"group {NAME} has gid 700009 instead of {GID}",
        f"gid {GID} of {NAME} is also the gid of 900055-part",
    ]


def test_a_member_behind_another_kind_of_dn(bis):
    """Directories that name people by `cn` are read through the entry, not through the DN."""
    bis.add_entry(
        f"cn=Eve Ewald,{PEOPLE_BASE}",
        ["inetOrgPerson", "posixAccount"],
        {"uid": "eve", "sn": "Ewald", "uidNumber": "20009", "gidNumber": "20009"}
        | {"homeDirectory": "/home/eve"},
    )
    assert bis.ensure("eve").member_uids == ("eve",)
    assert not bis.ensure("eve").changed
    assert bis.entry()["cn"] == [NAME]
    assert DN.endswith(GROUPS_BASE)
