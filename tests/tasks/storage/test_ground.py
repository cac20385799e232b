"""The mount, folders, links and the write test: what is in the way stays, what is away is said."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from policies import access
from policies.access import LinkPlan, Phase
from policies.errors import Denied, Invalid, Mismatch, Missing, Unavailable
from tasks.storage import faults, writing
from tasks.storage.ground import Ground
from tasks.storage.posix_storage import PosixStorage
from tests.tasks.storage.conftest import IDS, NAME, WHERE, prepared, run_as, snapshot

ONLINE = access.online(*WHERE, Phase.ACTIVE, IDS)
OFFLINE = access.offline(*WHERE, Phase.ACTIVE, IDS)
DISK = "/gpfs/exfel/d/raw/MID/202401/p900054/r0007"
STORE = "/pnfs/desy.de/exfel/archive/XFEL/raw/MID/202401/p900054/r0007"


def everything(store):
    folder = ONLINE.folders[1]
    return {
        "ensure_folders": lambda: store.ensure_folders(ONLINE),
        "ensure_access": lambda: store.ensure_access(ONLINE),
        "ensure_link": lambda: store.ensure_link(OFFLINE.links[0]),
        "ensure_quota": lambda: store.ensure_quota(folder, 1),
        "freeze": lambda: store.freeze(folder),
        "thaw": lambda: store.thaw(folder),
        "drift": lambda: store.drift(ONLINE),
        "write_test": lambda: store.write_test(folder.path),
        "usage": lambda: store.usage(folder.path),
    }


@pytest.mark.parametrize("verb", everything(None))
def test_without_its_marker_a_storage_is_away_and_nothing_is_made(root, verb):
    store = PosixStorage(Ground(NAME, root))
    (root / ".beamkeeper-storage").unlink()
    with pytest.raises(Unavailable, match=r"beamkeeper-storage cannot be read: is it mounted\?"):
        everything(store)[verb]()
    assert list(root.iterdir()) == []
    root.rmdir()
    with pytest.raises(Unavailable, match="is not there"):
        everything(store)[verb]()
    assert not root.exists()


def test_another_storage_s_marker_is_a_mismatch(root, store):
    (root / ".beamkeeper-storage").write_text("OTHER\x1b[31m\n")
    with pytest.raises(Mismatch, match="not STORE: another storage") as caught:
        store.ensure_folders(ONLINE)
    assert caught.value.message.isprintable()
    assert not (root / "gpfs").exists()


def test_markers_may_lie_in_the_file_systems_behind_the_root(root):
    behind = ("/gpfs/exfel/d", "/gpfs/exfel/u")
    (root / ".beamkeeper-storage").unlink()
    store = PosixStorage(Ground(NAME, root, marker_folders=behind))
    for place in behind:
        with pytest.raises(Unavailable):
            store.ensure_folders(OFFLINE)
        folder = root / place[1:]
        folder.mkdir(parents=True)
        (folder / ".beamkeeper-storage").write_text(NAME)
    assert store.ensure_folders(OFFLINE) > 0


def test_the_marker_check_can_be_switched_off(root):
    (root / ".beamkeeper-storage").unlink()
    assert PosixStorage(Ground(NAME, root, marker="")).ensure_folders(ONLINE) > 0


def test_administrators_may_link_the_trees_elsewhere(store, root, area):
    (area / "disk").mkdir(mode=0o755)
    (root / "gpfs").symlink_to(area / "disk")
    store.ensure_folders(OFFLINE)
    assert (area / "disk/exfel/d/raw/MID/202401/p900054").is_dir()


@pytest.mark.parametrize("at", ["root", "raw", "usr"])
def test_a_file_in_the_way_stays(store, at):
    plan = next(f for f in ONLINE.folders if f.kind == at)
    path = store.path(plan.path)
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(Mismatch, match="in the way"):
        store.ensure_folders(ONLINE)
    assert path.read_text() == "mine"
    assert any("in the way" in line for line in store.drift(ONLINE))


HOSTILE_PATHS = [
    "relative",
    "/gpfs/../etc",
    "/gpfs/exfel/exp/MID/202401/p900054/usr/..",
    "/gpfs//exfel",
    "/gpfs/exfel/a\nb",
    "/gpfs/exfel/a\0b",
    "",
    "/",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_hostile_paths_reach_nothing(store, root, path):
    before = snapshot(root)
    for act in (store.path, store.usage, store.write_test):
        with pytest.raises(Invalid):
            act(path)
    with pytest.raises(Invalid):
        store.ensure_link(LinkPlan(f"{path}/x", DISK))
    assert snapshot(root) == before


def test_links_point_to_the_real_folders_below_the_same_root(store):
    paths = prepared(store, OFFLINE)
    for link in OFFLINE.links:
        here = store.path(link.path)
        assert here.is_symlink()
        assert here.readlink() == store.path(link.target)
        assert here.is_dir()
    assert (paths["root"] / "usr").resolve() == paths["usr"]


def run_link(target):
    return access.run_link(*WHERE, 7, target)


def test_a_run_s_link_moves_from_disk_to_dcache_in_one_step(store, monkeypatch):
    prepared(store, OFFLINE)
    here = store.path(run_link(DISK).path)
    assert store.ensure_link(run_link(DISK)) is True
    assert store.ensure_link(run_link(DISK)) is False
    assert here.readlink() == store.path(DISK)
    seen = []
    real = os.rename

    def watched(*args, **kwargs):
        seen.append(here.readlink())  # up to the step itself, the old link is there
        real(*args, **kwargs)

    monkeypatch.setattr(os, "rename", watched)
    assert store.ensure_link(run_link(STORE)) is True
    assert seen == [store.path(DISK)]
    assert str(here.readlink()).endswith(
        "/pnfs/xfel.eu/exfel/archive/XFEL/raw/MID/202401/p900054/r0007"
    )
    assert store.ensure_link(run_link(STORE)) is False
    assert store.ensure_link(run_link(DISK)) is True
    assert [p.name for p in here.parent.iterdir()] == ["r0007"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../p900055/raw/r0007", "r0007"])
def test_a_link_that_is_not_ours_stays(store, target):
    prepared(store, OFFLINE)
    here = store.path(run_link(DISK).path)
    here.symlink_to(target)
    with pytest.raises(Mismatch, match="not ours to replace"):
        store.ensure_link(run_link(DISK))
    assert str(here.readlink()) == target


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_what_is_no_link_stays(store, make):
    prepared(store, OFFLINE)
    here = store.path(run_link(DISK).path)
    make(here)
    with pytest.raises(Mismatch, match="not a link: it is in the way and stays"):
        store.ensure_link(run_link(DISK))
    assert here.exists()
    assert not here.is_symlink()


def test_a_link_needs_its_folder(store, root):
    with pytest.raises(Missing):
        store.ensure_link(run_link(DISK))
    assert not (root / "gpfs").exists()


def test_wrong_links_are_drift(store):
    prepared(store, OFFLINE)
    usr = store.path(OFFLINE.links[1].path)
    usr.unlink()
    assert store.drift(OFFLINE) == [f"{OFFLINE.links[1].path} is missing"]
    usr.symlink_to("/etc")
    (line,) = store.drift(OFFLINE)
    assert "points to '/etc', not " in line
    with pytest.raises(Mismatch):
        store.ensure_folders(OFFLINE)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from policies import access
from policies.access import Ids, Phase
from tasks.storage.ground import Ground
from tasks.storage.posix_storage import PosixStorage

left = int(sys.argv[3])

def dying(real):
    def call(*args, **kwargs):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return real(*args, **kwargs)
    return call

for name in ("mkdir", "fchmod", "fchown", "setxattr", "symlink", "rename", "chmod"):
    setattr(os, name, dying(getattr(os, name)))
store = PosixStorage(Ground("STORE", Path(sys.argv[2])))
ids = Ids(700001, 700002, {access.Service.MIGRATOR: 61002})
plan = access.offline("MID", "202401", 900054, Phase.ACTIVE, ids)
store.ensure_folders(plan)
store.ensure_access(plan)
print(left)
"""


def test_killed_before_any_system_call_it_converges(root):
    """SIGKILL before the n-th change, for a spread of n; then one whole run."""
    home = str(Path(__file__).parents[3])

    def run(changes):
        command = [sys.executable, "-c", KILLED, home, str(root), str(changes)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    deaths = 0
    for changes in (0, 1, 4, 6, 9, 2, 3, 1, 5, 1):
        died = run(changes).returncode == -signal.SIGKILL
        deaths += died
        for folder in root.glob("gpfs/exfel/*/**/p900054"):
            assert not run_as(None, 'ls "$1"', folder)[0], "half-made folders are private"
    assert deaths == 10, "every run was cut before its end"
    whole = run(10_000)
    assert whole.returncode == 0, whole.stderr
    assert int(whole.stdout) < 10_000
    again = run(10_000)
    assert int(again.stdout) == 10_000, "and then nothing is left to do"


def test_full_storage_denies(root, area):
    mounted = area / "full"
    mounted.mkdir()
    options = "size=64k,nr_inodes=9,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(mounted)], check=True)
    (mounted / ".beamkeeper-storage").write_text(NAME)
    store = PosixStorage(Ground(NAME, mounted))
    with pytest.raises(Denied, match="the storage is full") as caught:
        store.ensure_folders(OFFLINE)
    assert caught.value.context["errno"] == "ENOSPC"
    assert "/gpfs/exfel/" in caught.value.message
    subprocess.run(["mount", "-o", "remount,nr_inodes=1000", str(mounted)], check=True)
    prepared(store, OFFLINE)
    (mounted / "fill").write_bytes(b"x" * 60_000)
    with pytest.raises(Denied, match="the storage is full"):
        store.write_test(OFFLINE.folders[2].path)
    assert list(store.path(OFFLINE.folders[2].path).iterdir()) == []


def test_read_only_storage_denies(root):
    subprocess.run(["mount", "--bind", str(root), str(root)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)
    store = PosixStorage(Ground(NAME, root))
    with pytest.raises(Denied, match="mounted read-only") as caught:
        store.ensure_folders(ONLINE)
    assert caught.value.retry is False


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("EIO", Unavailable),
        ("ESTALE", Unavailable),
        ("ENOTCONN", Unavailable),
        ("EACCES", Denied),
        ("EPERM", Denied),
        ("EROFS", Denied),
        ("ENOSPC", Denied),
        ("EDQUOT", Denied),
        ("EOPNOTSUPP", Denied),
        ("EMFILE", Denied),
        ("ELOOP", Mismatch),
        ("ENOTDIR", Mismatch),
        ("ENOENT", Missing),
    ],
)
def test_every_error_asks_for_the_right_reaction(number, kind):
    import errno

    value = getattr(errno, number)
    error = faults.translated(OSError(value, os.strerror(value)), "STORE: /gpfs")
    assert type(error) is kind
    assert error.message.startswith(f"STORE: /gpfs: {os.strerror(value)}: ")
    assert error.context["errno"] == errno.errorcode[value]


def test_the_write_test_has_the_rights_of_the_data_acquisition(root):
    store = PosixStorage(Ground(NAME, root), writer=61001)
    paths = prepared(store, ONLINE)
    raw = next(f.path for f in ONLINE.folders if f.kind == "raw")
    seen = []
    real = os.fsync

    def watched(handle):
        seen.append(os.fstat(handle).st_uid)
        real(handle)

    os.fsync = watched
    try:
        assert store.write_test(raw) == writing.SIZE_BYTES
    finally:
        os.fsync = real
    assert seen == [61001]
    assert list(paths["raw"].iterdir()) == []
    usr = next(f.path for f in ONLINE.folders if f.kind == "usr")
    with pytest.raises(Denied, match="as uid 61001: Permission denied"):
        store.write_test(usr)
    store.ensure_access(access.online(*WHERE, Phase.REVIEWED, IDS))
    with pytest.raises(Denied):
        store.write_test(raw)
    (root / "still-root").touch()
    assert (root / "still-root").stat().st_uid == 0, "the identity ended with its thread"


def test_the_write_test_clears_what_a_killed_one_left(root):
    store = PosixStorage(Ground(NAME, root))
    raw = prepared(store, ONLINE)["raw"]
    (raw / writing.NAME).symlink_to("/etc/passwd")
    before = Path("/etc/passwd").stat()
    assert store.write_test(ONLINE.folders[1].path) == writing.SIZE_BYTES
    assert list(raw.iterdir()) == []
    assert Path("/etc/passwd").stat() == before


def test_other_bytes_than_written_are_found(root, monkeypatch):
    store = PosixStorage(Ground(NAME, root))
    raw = prepared(store, ONLINE)["raw"]
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes([data[0] ^ 1]) + data[1:]))
    with pytest.raises(Mismatch, match="other bytes"):
        store.write_test(ONLINE.folders[1].path)
    assert list(raw.iterdir()) == []


def test_a_quota_that_is_not_enforced_says_so(store):
    prepared(store, ONLINE)
    state = store.ensure_quota(ONLINE.folders[1], 5 * 1024**4)
    assert state.enforced is False
    assert state.limit_bytes == 5 * 1024**4
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", str(store.root)], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert state.because.split(",")[0] in {kind, *kind.split("/")} | {"ext4", "tmpfs", "overlay"}
    assert "without quotas" in state.because
