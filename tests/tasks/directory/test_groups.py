"""Groups are made and kept as asked, in both layouts, against a real slapd."""

from datetime import UTC, datetime, timedelta

import pytest

from deployments.components.slapd import (
    GROUPS_BASE,
    PEOPLE_BASE,
    SERVICE_DN,
    SUFFIX,
    Person,
)
from policies.errors import Invalid, Mismatch
from settings.directory import TlsMode
from tests.tasks.directory.conftest import DN, GID, NAME, TEXT

HOSTILE = (
    "o, connor",
    "#hash",
    "a*b",
    "(x)(uid=*)",
    "back\\slash",
    'quo"te',
    "plus+minus",
    "eq=al;semi<>",
    "two words",
)
UNICODE = ("zoë", "Łukasz", "名前", "straße")


def test_create(world):
    before = datetime.now(UTC).replace(microsecond=0)
    state = world.ensure("bob", "alice")
    assert (state.name, state.gid, state.description) == (NAME, GID, TEXT)
    assert state.member_uids == ("alice", "bob") == state.added
    assert state.created
    assert state.changed
    assert (state.strangers, state.defects, state.unknown_uids, state.removed) == ((),) * 4
    stored = world.entry()
    assert stored["entryUUID"] == [state.entry_uuid]
    assert stored["gidNumber"] == [str(GID)]
    assert before <= state.modified_at <= before + timedelta(minutes=1)
    if world.bis:
        assert set(stored["objectClass"]) == {"groupOfNames", "posixGroup"}
        people = {f"uid={uid},{PEOPLE_BASE}" for uid in ("alice", "bob")}
        assert set(stored["member"]) == people | {SERVICE_DN}
        assert "memberUid" not in stored
    else:
        assert stored["objectClass"] == ["posixGroup"]
        assert set(stored["memberUid"]) == {"alice", "bob"}
        assert "member" not in stored


def test_second_run_writes_nothing(world):
    first = world.ensure("alice", "bob")
    stored = world.entry()
    second = world.ensure("bob", "alice", "alice")
    assert not second.changed
    assert world.entry() == stored, "entryCSN and modifyTimestamp included"
    assert second.modified_at == first.modified_at
    assert second.entry_uuid == first.entry_uuid


def test_members_come_and_go(world):
    world.ensure("alice", "bob")
    state = world.ensure("bob", "carol", "dave")
    assert state.member_uids == ("bob", "carol", "dave")
    assert (state.added, state.removed) == (("carol", "dave"), ("alice",))
    assert not state.created
    assert world.directory.get_group(NAME).member_uids == ("bob", "carol", "dave")


def test_members_only_go(world):
    world.ensure("alice", "bob")
    assert world.ensure("bob").removed == ("alice",)


def test_empty_team_keeps_the_group(world):
    assert world.ensure().member_uids == ()
    assert world.ensure("alice", "bob").added == ("alice", "bob")
    state = world.ensure()
    assert state.removed == ("alice", "bob")
    assert state.defects == ()
    assert (state.gid, state.member_uids) == (GID, ())


def test_members_get_member_of(bis):
    bis.ensure("alice")
    assert bis.entry(f"uid=alice,{PEOPLE_BASE}")["memberOf"] == [DN]
    bis.ensure()
    assert "memberOf" not in bis.entry(f"uid=alice,{PEOPLE_BASE}")


def test_unknown_people_are_reported_not_added(world):
    state = world.ensure("alice", "nobody-here", "svc-reader")
    assert state.member_uids == ("alice",)
    assert state.unknown_uids == ("nobody-here", "svc-reader"), "a service account is no person"
    assert world.directory.known_people(["alice", "nobody-here", "*", ""]) == {"alice"}


def test_login_names_match_in_any_case(world):
    state = world.ensure("ALICE")
    assert state.member_uids == ("alice",)
    assert not world.ensure("alice").changed


def test_absent_group_reads_as_none(world):
    assert world.directory.get_group("900055-part") is None
    assert world.directory.names_with_gid(GID) == ()


def test_hostile_login_names(world):
    names = HOSTILE + (UNICODE if world.bis else ())
    world.invite(*(Person(uid, f"Person {n}", 21000 + n) for n, uid in enumerate(names)))
    state = world.ensure(*names)
    assert set(state.member_uids) == set(names)
    assert (state.unknown_uids, state.strangers) == ((), ())
    assert not world.ensure(*names).changed
    assert set(world.ensure("alice").removed) == set(names)


def test_login_names_that_the_layout_cannot_hold_are_reported(plain):
    plain.invite(*(Person(uid, f"Person {n}", 21000 + n) for n, uid in enumerate(UNICODE)))
    state = plain.ensure("alice", *UNICODE)
    assert state.member_uids == ("alice",)
    assert set(state.unknown_uids) == set(UNICODE)


@pytest.mark.parametrize("name", [*HOSTILE, *UNICODE, "cn=admin,dc=example", "x" * 32])
def test_hostile_group_names(world, name):
    state = world.ensure("alice", name=name)
    assert state.name == name
    assert state.member_uids == ("alice",)
    assert not world.ensure("alice", name=name).changed
    assert world.directory.group_names() == (name,)
    assert world.directory.get_group(name).entry_uuid == state.entry_uuid


@pytest.mark.parametrize(
    "name", ["", " lead", "trail ", "two  blanks", "new\nline", "nul\0", "a:b", "\t", "x" * 33]
)
def test_impossible_names_are_refused(bis, name):
    with pytest.raises(Invalid):
        bis.ensure("alice", name=name)
    with pytest.raises(Invalid):
        bis.directory.get_group(name)
    if len(name) < 33:
        with pytest.raises(Invalid) as told:
            bis.ensure("alice", name)
        assert told.value.context["fields"] == ["member_uids"]
    assert bis.directory.group_names() == ()


@pytest.mark.parametrize("gid", [0, -1, 100, 699_999, 800_000])
def test_gids_outside_the_range_are_refused(bis, gid):
    with pytest.raises(Invalid, match="between 700000 and 799999"):
        bis.ensure("alice", gid=gid)
    assert bis.directory.get_group(NAME) is None


def test_another_gid_is_a_mismatch_and_stays(world):
    world.ensure("alice")
    stored = world.entry()
    with pytest.raises(Mismatch, match="700001, not 700002") as told:
        world.ensure("bob", gid=GID + 1)
    assert told.value.context["found_gid"] == "700001"
    assert world.entry() == stored


def test_another_object_class_is_a_mismatch_and_stays(world):
    world.add_entry(DN, ["applicationProcess"], {"cn": NAME})
    stored = world.entry()
    with pytest.raises(Mismatch, match="posixGroup"):
        world.ensure("alice")
    assert world.entry() == stored
    assert "lacks the object class posixGroup" in world.directory.get_group(NAME).defects


def test_a_gid_of_somebody_else_is_a_mismatch(world):
    other = f"cn=elsewhere,{SUFFIX}"
    classes = ["posixGroup", "groupOfNames"] if world.bis else ["posixGroup"]
    member = {"member": SERVICE_DN} if world.bis else {}
    world.add_entry(other, classes, {"gidNumber": str(GID)} | member)
    with pytest.raises(Mismatch, match="cn=elsewhere") as told:
        world.ensure("alice")
    assert told.value.context["holder"] == other
    assert world.directory.get_group(NAME) is None
    assert world.directory.names_with_gid(GID) == ("elsewhere",)


def test_a_login_name_of_two_people_gives_nobody_access(world):
    world.add_entry(f"ou=guests,{PEOPLE_BASE}", ["organizationalUnit"], {})
    twin = Person("alice", "Another Alice", 29999).entry()
    world.add_entry(
        f"uid=alice,ou=guests,{PEOPLE_BASE}",
        twin["objectClass"],
        {name: values for name, values in twin.items() if name != "objectClass"},
    )
    try:
        with pytest.raises(Mismatch, match="several people"):
            world.ensure("alice", "bob")
        assert world.directory.get_group(NAME) is None
    finally:
        world.extra.reverse()


def test_description_is_never_overwritten(world):
    world.ensure("alice")
    world.modify({"description": [("MODIFY_REPLACE", ["by hand"])]})
    assert world.ensure("bob").description == "by hand"


@pytest.mark.parametrize("mode", [TlsMode.OFF, TlsMode.STARTTLS, TlsMode.LDAPS])
def test_each_kind_of_connection(world, mode):
    url = world.server.ldaps_url if mode is TlsMode.LDAPS else world.server.url
    state = world.having(tls=mode, url=url).ensure_group(NAME, GID, ["alice"], TEXT)
    assert state.member_uids == ("alice",)


def test_member_uids_beside_member(bis):
    directory = bis.having(write_member_uids=True)
    directory.ensure_group(NAME, GID, ["alice", "bob"], TEXT)
    assert set(bis.entry()["memberUid"]) == {"alice", "bob"}
    directory.ensure_group(NAME, GID, ["bob"], TEXT)
    assert bis.entry()["memberUid"] == ["bob"]
    assert bis.ensure("bob").removed == ("bob",), "without the setting nothing may linger there"
    assert "memberUid" not in bis.entry()


def test_more_people_and_groups_than_one_answer_holds(bis):
    """The server cuts unpaged answers at 500; 620 people are asked for, 510 groups listed."""
    crowd = [Person(f"crowd{n}", f"Crowd {n}", 30000 + n) for n in range(620)]
    bis.invite(*crowd)
    uids = [person.uid for person in crowd]
    assert bis.directory.known_people(uids) == set(uids)
    state = bis.ensure(*uids)
    assert len(state.member_uids) == 620
    with bis.server.admin() as connection:
        for n in range(510):
            dn = f"cn={n:06d}-part,{GROUPS_BASE}"
            values = {"gidNumber": str(710_000 + n), "member": SERVICE_DN}
            connection.add(dn, ["groupOfNames", "posixGroup"], values)
    listed = bis.having(page_size=100).group_names()
    assert len(listed) == 511
