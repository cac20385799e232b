"""What the kernel says and lets people do, for every storage, kind and phase."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from policies import access
from policies.access import Phase
from policies.acl import Tag
from policies.errors import Denied, Mismatch, Missing
from settings.storage import AclMode
from tasks.storage import acl
from tasks.storage.ground import Ground
from tasks.storage.posix_storage import PosixStorage
from tests.tasks.storage.conftest import (
    IDS,
    MANAGERS,
    NAME,
    PART,
    WHERE,
    getfacl,
    prepared,
    run_as,
    snapshot,
)

MAKERS = {"online": access.online, "offline": access.offline, "archive": access.archive}

# Written by hand from the facility's table, not from the code's. One line per storage and kind,
# one word per phase: provisioned, active, finished, reviewed, lapsed, closed.
# Letters: participants, managers, then D(AQ) M(igrator) C(alibration) R(eduction) that
# write (capital) or read (small); groups write with W and read with r.
EXPECTED = """
online  root     rr:dmcr rr:dmcr rr:dmcr rr:dmcr rr:dmcr rr:dmcr
online  raw      rr:Dmc  rr:Dmc  rr:Dmc  rr:mc   rr:mc   rr:mc
online  proc     rr:mC   rr:mC   rr:mC   rr:m    rr:m    rr:m
online  usr      WW:     WW:     rr:     rr:     rr:     rr:
online  scratch  WW:     WW:     rr:     rr:     rr:     rr:
offline root     rr:dmcr rr:dmcr rr:dmcr rr:dmcr rr:dmcr rr:dmcr
offline links    rr:dmcr rr:dmcr rr:dmcr rr:dmcr rr:dmcr rr:dmcr
offline raw      rr:Mcr  rr:Mcr  rr:Mcr  rr:mcr  rr:mcr  rr:mcr
offline proc     rr:Cr   rr:Cr   rr:Cr   rr:cr   rr:cr   rr:cr
offline usr      WW:     WW:     WW:     WW:     rr:     rr:
offline scratch  WW:     WW:     WW:     WW:     rr:     rr:
offline red      rr:r    rr:R    rr:R    rW:r    rr:r    rr:r
offline open     rr:     rr:     rr:     rr:     rr:     rr:
archive raw      rr:Mc   rr:Mc   rr:Mc   rr:Mc   rr:Mc   rr:mc
"""
UIDS = {"d": 61001, "m": 61002, "c": 61003, "r": 61004}


def expected_text(word, closed):
    """What `getfacl -n` must print for a word of the table above."""
    groups, services = word.split(":")
    owner = "r-x" if closed else "rwx"
    rights = {"r": "r-x", "W": "rwx"}
    users = [(UIDS[s.lower()], "rwx" if s.isupper() else "r-x") for s in services]
    part, managers = (rights[g] for g in groups)
    mask = "rwx" if any(c.isupper() for c in word) else "r-x"
    lines = [
        f"user::{owner}",
        *(f"user:{uid}:{perm}" for uid, perm in sorted(users)),
        "group::---",
        f"group:700001:{part}",
        f"group:700002:{managers}",
        f"mask::{mask}",
        "other::---",
    ]
    return lines + [f"default:{line}" for line in lines]


def expected_cases():
    for line in EXPECTED.strip().splitlines():
        side, kind, *words = line.split()
        for phase, word in zip(Phase, words, strict=True):
            yield side, kind, phase, word


@pytest.mark.parametrize("side", MAKERS)
def test_getfacl_shows_the_table_in_every_phase(store, side):
    checked = 0
    for phase in Phase:
        plan = MAKERS[side](*WHERE, phase, IDS)
        paths = prepared(store, plan)
        for wanted_side, kind, wanted_phase, word in expected_cases():
            if (wanted_side, wanted_phase) != (side, phase):
                continue
            closed = phase is Phase.CLOSED
            assert getfacl(paths[kind]) == expected_text(word, closed), (kind, phase)
            seen = paths[kind].stat()
            assert (seen.st_uid, seen.st_gid) == (0, PART)
            assert seen.st_mode & 0o2000
            assert not (closed and seen.st_mode & 0o222)
            checked += 1
        assert store.drift(plan) == []
    assert checked == sum(row[0] == side for row in expected_cases())


def test_a_new_file_takes_the_rights_of_its_folder_whatever_the_umask(store):
    paths = prepared(store, access.offline(*WHERE, Phase.ACTIVE, IDS))
    script = 'umask 077; cd "$1" && mkdir sub && echo 1 > sub/note'
    done, said = run_as(PART, script, paths["usr"])
    assert done, said
    note, sub = paths["usr"] / "sub/note", paths["usr"] / "sub"
    assert note.stat().st_gid == PART
    assert sub.stat().st_mode & 0o2000
    assert "group:700002:rwx" in [line.split("\t")[0] for line in getfacl(note)]
    assert "mask::rw-" in getfacl(note)
    assert "default:group:700001:rwx" in getfacl(sub)
    assert run_as(MANAGERS, 'echo 2 >> "$1"', note)[0]
    assert note.read_text() == "1\n2\n"


def test_in_ready_a_participant_writes_usr_but_not_raw(store):
    paths = prepared(store, access.offline(*WHERE, Phase.PROVISIONED, IDS))
    universal = paths["root"]
    assert run_as(PART, 'echo 1 > "$1/usr/mine"', universal)[0]
    for folder in (universal, universal / "raw", paths["raw"], paths["proc"], paths["open"]):
        done, said = run_as(PART, 'echo 1 > "$1/mine"', folder)
        assert not done
        assert "Permission denied" in said
        assert run_as(PART, 'ls "$1"', folder)[0]


@pytest.mark.parametrize("side", MAKERS)
def test_a_stranger_cannot_even_list(store, side):
    script = 'ls "$1" || ls -d "$1/raw" || cat "$1/x" || echo > "$1/x"'
    for phase in Phase:
        for path in prepared(store, MAKERS[side](*WHERE, phase, IDS)).values():
            (path / "x").write_text("secret")
            (path / "x").chmod(0o666)
            for gid in (None, 700003):
                done, said = run_as(gid, script, path)
                assert not done, said
                assert said.count("Permission denied") == 4
            assert run_as(PART, 'ls "$1"', path)[0]
    shared = store.path(MAKERS[side](*WHERE, phase, IDS).parents[-1])
    assert run_as(None, 'ls "$1"', shared)[0], "names of proposals are no secret"


def test_services_reach_what_they_write_and_read(store):
    paths = prepared(store, access.online(*WHERE, Phase.ACTIVE, IDS))
    raw = paths["raw"]
    assert run_as(None, 'mkdir "$1/r0001" && echo 1 > "$1/r0001/f.h5"', raw, uid=61001)[0]
    assert run_as(None, 'cat "$1/r0001/f.h5"', raw, uid=61002)[0]
    assert not run_as(None, 'echo > "$1/x"', raw, uid=61002)[0]
    assert run_as(PART, 'cat "$1/r0001/f.h5"', raw)[0]
    assert not run_as(PART, 'touch "$1/r0001/karabo_data_map.json"', raw)[0]
    assert not run_as(None, 'ls "$1"', paths["usr"], uid=61001)[0]


def test_the_second_time_changes_nothing_not_even_a_ctime(store, root):
    plan = access.offline(*WHERE, Phase.ACTIVE, IDS)
    assert store.ensure_folders(plan) > 0
    assert store.ensure_access(plan) == len(plan.folders)
    before = snapshot(root)
    assert (store.ensure_folders(plan), store.ensure_access(plan)) == (0, 0)
    assert snapshot(root) == before


def _no_acl(path: Path) -> None:
    subprocess.run(["setfacl", "-b", "-k", str(path)], check=True)


DAMAGES = {
    "owner": (lambda p: os.chown(p, 5, -1), "belongs to uid 5, not 0"),
    "group": (lambda p: os.chown(p, -1, 5), "belongs to gid 5, not 700001"),
    "world": (lambda p: p.chmod(0o2777), "ACL: other::rwx should be ---"),
    "mask": (lambda p: p.chmod(0o2700), "ACL: mask::--- should be rwx"),
    "setgid": (lambda p: p.chmod(0o770), "has mode 0770, not 2770"),
    "sticky": (lambda p: p.chmod(0o3770), "has mode 3770, not 2770"),
    "no ACL": (_no_acl, "ACL: group:700001:rwx is missing"),
    "no default": (
        lambda p: subprocess.run(["setfacl", "-k", str(p)], check=True),
        "default ACL: mask::rwx is missing",
    ),
    "too much": (
        lambda p: subprocess.run(["setfacl", "-m", "u:99:rwx", str(p)], check=True),
        "ACL: user:99:rwx is too much",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_wrong_state_is_named_and_repaired(store, damage):
    plan = access.offline(*WHERE, Phase.ACTIVE, IDS)
    usr = prepared(store, plan)["usr"]
    good = getfacl(usr)
    harm, words = DAMAGES[damage]
    harm(usr)
    drift = store.drift(plan)
    assert any(line.endswith(words) for line in drift), drift
    assert all("/gpfs/exfel/u/usr/MID/202401/p900054 " in line for line in drift)
    assert store.ensure_access(plan) == 1
    assert store.drift(plan) == []
    assert getfacl(usr) == good


def test_a_missing_folder_is_drift_and_cannot_get_rights(store):
    plan = access.online(*WHERE, Phase.ACTIVE, IDS)
    usr = prepared(store, plan)["usr"]
    usr.rmdir()
    assert store.drift(plan) == ["/gpfs/exfel/exp/MID/202401/p900054/usr is missing"]
    with pytest.raises(Missing, match="make the folders first"):
        store.ensure_access(plan)
    assert store.ensure_folders(plan) == 1
    assert store.ensure_access(plan) == 1


def test_shared_folders_are_made_for_passage_and_then_left_alone(store):
    plan = access.online(*WHERE, Phase.ACTIVE, IDS)
    old = os.umask(0o077)
    try:
        prepared(store, plan)
    finally:
        os.umask(old)
    cycle = store.path("/gpfs/exfel/exp/MID/202401")
    assert cycle.stat().st_mode & 0o7777 == 0o755
    cycle.chmod(0o2775)
    assert store.ensure_folders(plan) == 0
    assert store.drift(plan) == []
    cycle.chmod(0o750)
    assert store.drift(plan) == ["/gpfs/exfel/exp/MID/202401 (mode 0750) lets nobody pass"]
    cycle.chmod(0o777)
    assert store.drift(plan) == ["/gpfs/exfel/exp/MID/202401 (mode 0777) can be changed by all"]
    assert cycle.stat().st_mode & 0o777 == 0o777


def test_a_storage_without_acls_says_so_and_mode_bits_serve_it(root):
    plan = access.offline(*WHERE, Phase.ACTIVE, IDS)
    store = PosixStorage(Ground(NAME, root), AclMode.MODE)
    paths = prepared(store, plan)
    assert store.drift(plan) == []
    assert len(getfacl(paths["usr"])) == 3
    assert paths["raw"].stat().st_uid == 61002
    assert paths["raw"].stat().st_mode & 0o7777 == 0o2750
    assert run_as(PART, 'echo 1 > "$1/x"', paths["usr"])[0]
    assert not run_as(MANAGERS, 'ls "$1"', paths["usr"])[0]
    handle = os.open("/proc/self", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="not supported"):
            acl.write(handle, acl.ACCESS, plan.folders[0].access)
    finally:
        os.close(handle)


def test_the_codec_gives_the_kernel_s_own_bytes(area):
    area.joinpath("d").mkdir()
    text = "u::rwx,g::r-x,g:90122:r-x,g:90123:rwx,m::rwx,o::---"
    subprocess.run(["setfacl", "--set", text, str(area / "d")], check=True)
    raw = os.getxattr(area / "d", acl.ACCESS)
    assert raw.hex() == (
        "0200000001000700ffffffff04000500ffffffff080005000a60010008000700"
        "0b60010010000700ffffffff20000000ffffffff"
    )
    lines = acl.decode(raw)
    assert [e.tag for e in lines] == sorted(e.tag for e in lines)
    assert acl.encode(lines[::-1]) == raw
    assert [e.id for e in lines if e.tag is Tag.GROUP] == [90122, 90123]
    for bad in (b"", raw[:-1], b"\x03" + raw[1:]):
        with pytest.raises(ValueError, match="version 2"):
            acl.decode(bad)


def test_as_nobody_the_kernel_says_no_and_so_do_we(root):
    """A whole run as another user: the error is Denied, with the path and the rule."""
    script = (
        "import sys; sys.path[:0] = sys.argv[1:2]\n"
        "from pathlib import Path\n"
        "from policies import access; from policies.errors import Denied\n"
        "from tasks.storage.ground import Ground\n"
        "from tasks.storage.posix_storage import PosixStorage\n"
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "store = PosixStorage(Ground('STORE', Path(sys.argv[2])))\n"
        "plan = access.online('MID', '202401', 900054, access.Phase.ACTIVE, access.Ids(7, 8))\n"
        "try: store.ensure_folders(plan)\n"
        "except Denied as error: print(error.message)\n"
    )
    home = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", script, home, str(root)], capture_output=True, text=True, check=True
    )
    assert "STORE: /gpfs/exfel/exp/MID: Permission denied" in done.stdout
    assert "no right to do that" in done.stdout


def test_rights_that_the_storage_does_not_keep_are_a_mismatch(store, monkeypatch):
    """A storage that takes an ACL and keeps another (as NFS servers may) is found out."""
    plan = access.online(*WHERE, Phase.ACTIVE, IDS)
    store.ensure_folders(plan)
    real = os.setxattr

    def forgetful(place, name, value):
        real(place, name, value)
        if name == acl.DEFAULT:
            os.removexattr(place, name)

    monkeypatch.setattr(os, "setxattr", forgetful)
    with pytest.raises(Mismatch, match="default ACL: user::rwx is missing"):
        store.ensure_access(plan)


def test_a_file_immutable_by_hand_denies_with_the_rule(store):
    plan = access.online(*WHERE, Phase.ACTIVE, IDS)
    usr = prepared(store, plan)["usr"]
    subprocess.run(["chattr", "+i", str(usr)], check=True)
    with pytest.raises(Denied, match="immutable"):
        store.ensure_access(access.online(*WHERE, Phase.CLOSED, IDS))
    subprocess.run(["chattr", "-i", str(usr)], check=True)
    assert store.ensure_access(access.online(*WHERE, Phase.CLOSED, IDS)) > 0
