"""The table of rights has one answer to every question, and none that is too wide."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import access, access_table
from policies.access import Ids, Phase, Service, Side
from policies.acl import AclEntry, Tag, differences, mode_bits, private_acl
from policies.errors import Invalid
from policies.vocabulary import BeamtimeState

WHERE = ("MID", "202401", 900054)
UIDS = {s: 61000 + n for n, s in enumerate(Service) if s is not Service.KEEPER}
IDS = Ids(700001, 700002, UIDS)
MAKERS = {Side.ONLINE: access.online, Side.OFFLINE: access.offline, Side.ARCHIVE: access.archive}
CASES = [(side, phase) for side in Side for phase in Phase]


def folders(side, phase, ids=IDS):
    return MAKERS[side](*WHERE, phase, ids).folders


@pytest.mark.parametrize(("side", "phase"), CASES)
def test_every_storage_has_its_folders_outer_ones_first(side, phase):
    plan = MAKERS[side](*WHERE, phase, IDS)
    assert [f.kind for f in plan.folders] == list(access_table.KINDS[side])
    paths = [f.path for f in plan.folders]
    assert len(set(paths)) == len(paths)
    for inner, outer in itertools.combinations(range(len(paths)), 2):
        assert not paths[inner].startswith(f"{paths[outer]}/")


@pytest.mark.parametrize(("side", "phase"), CASES)
def test_nobody_unnamed_has_any_right(side, phase):
    for folder in folders(side, phase):
        for acl in (folder.access, folder.default):
            assert AclEntry(Tag.OTHER, None, 0) in acl
            assert AclEntry(Tag.GROUP_OBJ, None, 0) in acl
            assert {e.id for e in acl if e.tag is Tag.GROUP} == {700001, 700002}
            assert {e.id for e in acl if e.tag is Tag.USER} <= set(UIDS.values())
        assert folder.mode & 0o7007 == 0o2000
        assert folder.mode & 0o777 == mode_bits(folder.access)


@pytest.mark.parametrize(("side", "phase"), CASES)
def test_raw_data_are_written_by_one_service_or_nobody(side, phase):
    raw = next(f for f in folders(side, phase) if f.kind == "raw")
    writers = [e for e in raw.access if e.id is not None and e.perm & 2]
    assert all(e.tag is Tag.USER for e in writers)
    assert len(writers) <= 1
    assert not raw.thaw


@pytest.mark.parametrize("side", Side)
def test_closed_has_no_write_bit_anywhere(side):
    for folder in folders(side, Phase.CLOSED):
        assert not folder.mode & 0o222
        assert not any(e.perm & 2 for e in (*folder.access, *folder.default))
        assert folder.freeze is (folder.kind not in {"root", "links"})


@pytest.mark.parametrize(("side", "phase"), CASES)
def test_a_folder_is_frozen_exactly_when_nobody_but_the_keeper_writes(side, phase):
    for folder in folders(side, phase):
        writable = any(e.id is not None and e.perm & 2 for e in folder.access)
        if folder.kind in {"root", "links"}:
            assert not folder.freeze
            assert not folder.thaw
        else:
            assert folder.freeze is not writable
            assert folder.thaw is (writable and folder.kind != "raw")


def test_rights_never_grow_from_the_beamtime_s_end_on():
    """Except that data managers curate reduced data after the review."""
    for side in Side:
        late = [Phase.FINISHED, Phase.REVIEWED, Phase.LAPSED, Phase.CLOSED]
        for before, after in itertools.pairwise(late):
            for old, new in zip(folders(side, before), folders(side, after), strict=True):
                had = {e[:2]: e.perm for e in old.access}
                grown = [e for e in new.access if e.perm & ~had.get(e[:2], 0) & 2]
                grown = [e for e in grown if e.tag is not Tag.MASK]
                if (new.kind, after) == ("red", Phase.REVIEWED):
                    assert grown == [AclEntry(Tag.GROUP, 700002, 7)]
                else:
                    assert grown == []


def test_the_phase_follows_the_status():
    states = {s: access.phase_of(s) for s in BeamtimeState}
    assert {s for s, p in states.items() if p is Phase.PROVISIONED} == {
        BeamtimeState.NEW,
        BeamtimeState.GPFS_OFFLINE_DONE,
        BeamtimeState.GPFS_ONLINE_DONE,
        BeamtimeState.READY,
    }
    assert states[BeamtimeState.ACTIVE] is Phase.ACTIVE
    assert states[BeamtimeState.FINISHED] is Phase.FINISHED
    assert states[BeamtimeState.REVIEWED] is Phase.REVIEWED
    assert states[BeamtimeState.CLOSED] is Phase.CLOSED


def test_the_team_writes_for_a_calendar_year_after_the_review():
    zone = ZoneInfo("Europe/Berlin")
    reviewed_at = datetime(2023, 3, 28, 6, 0, tzinfo=UTC)  # 08:00 in summer time
    until = access.writable_until(reviewed_at, zone)
    assert until == datetime(2024, 3, 28, 7, 0, tzinfo=UTC)  # 08:00 again, in winter time
    leap_day = datetime(2024, 2, 29, 7, 0, tzinfo=UTC)
    assert access.writable_until(leap_day, zone) == datetime(2025, 2, 28, 7, 0, tzinfo=UTC)
    before = until - timedelta(seconds=1)
    assert access.phase_of(BeamtimeState.REVIEWED, before, until) is Phase.REVIEWED
    assert access.phase_of(BeamtimeState.REVIEWED, until, until) is Phase.LAPSED
    assert access.phase_of(BeamtimeState.REVIEWED, until) is Phase.REVIEWED
    assert access.phase_of(BeamtimeState.ACTIVE, until, until) is Phase.ACTIVE


def test_universal_paths_are_links_to_the_real_folders_except_raw():
    plan = access.offline(*WHERE, Phase.ACTIVE, IDS)
    root = "/gpfs/exfel/exp/MID/202401/p900054"
    real = {f.kind: f.path for f in plan.folders}
    assert {link.path: link.target for link in plan.links} == {
        f"{root}/{kind}": real[kind] for kind in ("proc", "usr", "scratch", "red", "open")
    }
    assert real["links"] == f"{root}/raw"
    assert access.online(*WHERE, Phase.ACTIVE, IDS).links == ()
    assert "/gpfs/exfel/d/raw/MID" in plan.parents
    assert plan.parents.index("/gpfs/exfel/d/raw/MID") < plan.parents.index(
        "/gpfs/exfel/d/raw/MID/202401"
    )


def test_a_run_s_link_may_move_between_disk_and_dcache_only():
    disk = "/gpfs/exfel/d/raw/MID/202401/p900054/r0007"
    store = "/pnfs/desy.de/exfel/archive/XFEL/raw/MID/202401/p900054/r0007"
    link = access.run_link(*WHERE, 7, disk)
    assert link.path == "/gpfs/exfel/exp/MID/202401/p900054/raw/r0007"
    assert store in link.instead_of
    assert disk not in link.instead_of
    assert disk in access.run_link(*WHERE, 7, store).instead_of


def test_services_that_are_the_keeper_get_no_entry():
    for ids in (Ids(5, 6), Ids(5, 6, dict.fromkeys(UIDS, 42), keeper=42)):
        for folder in folders(Side.ONLINE, Phase.ACTIVE, ids):
            assert not [e for e in folder.access if e.tag is Tag.USER]
            assert folder.owner == ids.keeper


def test_two_services_with_one_uid_have_the_rights_of_both():
    ids = Ids(5, 6, dict.fromkeys(UIDS, 77))
    raw = next(f for f in folders(Side.OFFLINE, Phase.ACTIVE, ids) if f.kind == "raw")
    assert [e for e in raw.access if e.tag is Tag.USER] == [AclEntry(Tag.USER, 77, 7)]


@pytest.mark.parametrize("gids", [(0, 5), (5, 0), (5, 5), (-1, 5)])
def test_a_group_that_lets_the_wrong_people_in_is_refused(gids):
    with pytest.raises(Invalid) as caught:
        Ids(*gids)
    assert set(caught.value.context["fields"]) == {"gids"}


@pytest.mark.parametrize(("side", "phase"), CASES)
def test_mode_bits_alone_never_give_more_than_the_acl(side, phase):
    for folder in folders(side, phase):
        bare = folder.without_acl()
        part = next(e.perm for e in folder.access if e[:2] == (Tag.GROUP, 700001))
        assert (bare.access, bare.default) == ((), ())
        assert bare.mode >> 3 & 7 == part
        assert bare.mode & 0o7007 == 0o2000
        uid_writers = {e.id for e in folder.access if e.tag is Tag.USER and e.perm & 2}
        assert bare.owner in (uid_writers or {folder.owner})


def test_a_folder_that_a_storage_does_not_have_is_named():
    with pytest.raises(Invalid, match="must be one of raw on archive storage"):
        access.right(Side.ARCHIVE, "usr", Phase.ACTIVE)


def test_the_page_says_every_row():
    page = access.markdown()
    assert page.count("\n| ") == len(access.RIGHTS)
    for row in access.RIGHTS:
        assert row.because in page
    assert "| online | usr, scratch | provisioned, active | rwx | rwx | – | – |" in page


PERMS = st.integers(0, 7)
NAMED = st.lists(
    st.builds(AclEntry, st.sampled_from([Tag.USER, Tag.GROUP]), st.integers(1, 9), PERMS)
)


@given(PERMS, NAMED)
def test_an_acl_is_sorted_whole_and_its_mask_is_the_union(owner, named):
    acl = private_acl(owner, named)
    keys = [(e.tag, e.id or 0) for e in acl]
    assert keys == sorted(set(keys))
    union = 0
    for entry in named:
        union |= entry.perm
    assert AclEntry(Tag.MASK, None, union) in acl
    assert mode_bits(acl) == owner << 6 | union << 3
    assert differences(acl, acl) == []


def test_differences_are_words():
    wanted = private_acl(7, [AclEntry(Tag.GROUP, 5, 5)])
    found = private_acl(7, [AclEntry(Tag.GROUP, 6, 7)])
    assert differences(wanted, found) == [
        "group:5:r-x is missing",
        "group:6:rwx is too much",
        "mask::rwx should be r-x",
    ]
