"""Freezing what users made: complete, repeatable, and never outside the tree."""

import os
import socket
import stat
import subprocess

import pytest

from policies import access
from policies.access import Phase
from policies.errors import Denied, Mismatch, Missing
from tasks.storage import rights, tree
from tests.tasks.storage.conftest import (
    IDS,
    MANAGERS,
    PART,
    WHERE,
    getfacl,
    prepared,
    run_as,
    snapshot,
)


def plans(kind="scratch"):
    """One offline folder while it is open, and once it is closed."""
    return tuple(
        next(f for f in access.offline(*WHERE, phase, IDS).folders if f.kind == kind)
        for phase in (Phase.ACTIVE, Phase.CLOSED)
    )


@pytest.fixture
def scratch(store):
    return prepared(store, access.offline(*WHERE, Phase.ACTIVE, IDS))["scratch"]


def fill(scratch):
    """What a team leaves behind, made by one of them."""
    script = """
        cd "$1" && umask 000 && mkdir -p a/b/c && echo 1 > a/b/c/deep && echo 2 > open &&
        chmod 666 open && echo 3 > run.sh && chmod 4777 run.sh && mkfifo pipe &&
        ln -s open link && printf x > "$(printf 'new\\nline')" && printf x > "$(printf '\\377')"
        ln -s a/b loop && ln -s /etc/passwd outside && chmod 777 a
    """
    done, said = run_as(PART, script, scratch)
    assert done, said
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(scratch / "socket"))
    sock.close()


def writable(top):
    found = []
    for folder, names, files in os.walk(top):
        for path in [folder, *(f"{folder}/{n}" for n in (*names, *files))]:
            mode = os.lstat(path).st_mode
            if not stat.S_ISLNK(mode) and mode & 0o222:
                found.append(path)
    return found


def test_a_frozen_tree_is_read_and_not_written(store, scratch):
    fill(scratch)
    _, closed = plans()
    assert store.freeze(closed) > 5
    assert writable(scratch) == []
    store.ensure_access(access.offline(*WHERE, Phase.CLOSED, IDS))
    for gid in (PART, MANAGERS):
        assert run_as(gid, 'cat "$1/a/b/c/deep" "$1/open" "$1/link"', scratch, uid=65533)[0]
        for script in (
            'echo 1 > "$1/new"',
            'echo 1 > "$1/a/new"',
            'echo 1 >> "$1/open"',
            'echo 1 >> "$1/a/b/c/deep"',
            'rm "$1/open"',
            'mv "$1/a" "$1/z"',
            'mkdir "$1/a/b/d"',
            'chmod 777 "$1/a"',
        ):
            done, said = run_as(gid, script, scratch, uid=65533)
            assert not done, script
            assert "denied" in said or "not permitted" in said
    assert not run_as(None, 'ls "$1"', scratch)[0]
    assert store.writable_inside(closed) == []
    assert (scratch / "run.sh").stat().st_mode & 0o7777 == 0o4555


def test_freezing_again_changes_nothing(store, scratch):
    fill(scratch)
    _, closed = plans()
    store.freeze(closed)
    before = snapshot(scratch)
    assert store.freeze(closed) == 0
    assert snapshot(scratch) == before


def test_a_walk_that_was_cut_is_taken_up(store, scratch):
    for number in range(40):
        folder = scratch / f"f{number}"
        folder.mkdir(mode=0o777)
        for name in range(60):
            (folder / f"n{name}").touch(0o666)
    _, closed = plans()

    class Killed(Exception):
        pass

    def stop(seen):
        if seen >= 1000:
            raise Killed

    with pytest.raises(Killed):
        store.freeze(closed, stop)
    left = len(writable(scratch))
    assert 0 < left < 2441
    assert not scratch.stat().st_mode & 0o222, "the top is closed first: nobody adds to it"
    store.freeze(closed)
    assert writable(scratch) == []


def test_what_is_thawed_is_what_the_acl_gives(store, scratch):
    opened, closed = plans()
    assert run_as(PART, 'cd "$1" && mkdir d && echo 1 > d/f', scratch)[0]
    acls = getfacl(scratch / "d"), getfacl(scratch / "d/f")
    store.freeze(closed)
    assert not run_as(MANAGERS, 'echo 2 >> "$1/d/f"', scratch)[0]
    assert store.thaw(opened) == 3
    assert (getfacl(scratch / "d"), getfacl(scratch / "d/f")) == acls
    assert run_as(MANAGERS, 'echo 2 >> "$1/d/f" && touch "$1/d/g"', scratch)[0]
    assert store.thaw(opened) == 0


def writers(*tops):
    """Every line of `getfacl` that lets somebody write, by path; default entries too."""
    found = []
    for top in tops:
        for folder, names, files in os.walk(top):
            for path in [folder, *(f"{folder}/{n}" for n in (*names, *files))]:
                if not os.path.islink(path):
                    lines = [line.split("#")[0].rstrip() for line in getfacl(path)]
                    found += [f"{path}: {line}" for line in lines if "w" in line.rpartition(":")[2]]
    return found


@pytest.mark.parametrize("side", [access.offline, access.online, access.archive])
def test_getfacl_shows_no_write_bit_in_a_closed_proposal_and_all_of_them_after_reopening(
    store, side
):
    opened, closed = (side(*WHERE, phase, IDS) for phase in (Phase.ACTIVE, Phase.CLOSED))
    places = prepared(store, opened)
    for folder in places.values():
        (folder / "d").mkdir()
        (folder / "d/deeper").mkdir()
        (folder / "d/deeper/f").write_text("x")
        (folder / "f").write_text("x")
    inner = [f for f in closed.folders if f.freeze]
    for folder in inner:
        store.freeze(folder)
    store.ensure_access(closed)
    assert writers(*(places[f.kind] for f in inner)) == []
    assert [store.writable_inside(f) for f in inner] == [[] for _ in inner]
    top = f"{places['raw']}/d"
    assert "default:user::r-x" in getfacl(top)
    assert f"default:group:{PART}:r-x" in getfacl(top)
    before = snapshot(*places.values())
    assert sum(store.freeze(f) for f in inner) == 0
    assert snapshot(*places.values()) == before


def test_a_team_s_folders_are_as_before_when_a_proposal_is_reopened(store, scratch):
    opened, closed = plans()
    fill(scratch)
    before = {path: getfacl(path) for path in (scratch, scratch / "a/b", scratch / "a/b/c/deep")}
    store.freeze(closed)
    assert writers(scratch) == []
    store.thaw(opened)
    assert {path: getfacl(path) for path in before} == before
    for gid in (PART, MANAGERS):
        made, said = run_as(gid, 'mkdir -p "$1/a/b/n" && echo 1 > "$1/a/b/n/f$2"', scratch, gid)
        assert made, said
    assert f"group:{MANAGERS}:rwx" in getfacl(scratch / "a/b/n")


def test_what_somebody_gave_a_friend_ends_with_the_proposal(store, scratch):
    """A reopened proposal has the rights of its plan; private gifts of `w` stay taken."""
    opened, closed = plans()
    (scratch / "d").mkdir()
    subprocess.run(["setfacl", "-m", "u:65000:rwx,d:u:65000:rwx", scratch / "d"], check=True)
    store.freeze(closed)
    assert writers(scratch) == []
    store.thaw(opened)
    lines = [line.split("#")[0].rstrip() for line in getfacl(scratch / "d")]
    assert {"user:65000:r-x", "default:user:65000:r-x"} <= set(lines)
    assert {f"group:{PART}:rwx", f"default:group:{PART}:rwx"} <= set(lines)


def test_an_entry_that_waits_behind_the_mask_is_found(store, scratch):
    """With the write bits off, one `chmod` would bring such an entry back."""
    (scratch / "f").touch(0o666)
    _, closed = plans()
    store.freeze(closed)
    subprocess.run(["setfacl", "-n", "-m", "u:65000:rw-", scratch / "f"], check=True)
    (scratch / "f").chmod(0o440)
    assert store.writable_inside(closed) == [
        f"{closed.path}: 'f' has an ACL entry that may write: user:65000:rw-"
    ]
    assert store.freeze(closed) == 1
    assert writers(scratch) == []


@pytest.fixture
def precious(area):
    """Files outside the storage that a hostile link points to."""
    folder = area / "precious"
    folder.mkdir(mode=0o777)
    (folder / "file").write_text("keep")
    (folder / "file").chmod(0o666)
    return folder


def test_links_out_of_the_tree_change_nothing_there(store, scratch, precious):
    (scratch / "dir").symlink_to(precious)
    (scratch / "file").symlink_to(precious / "file")
    (scratch / "up").symlink_to("../../../../../../precious")
    (scratch / "in").mkdir()
    (scratch / "in/deep").symlink_to(precious)
    before = snapshot(precious)
    opened, closed = plans()
    store.freeze(closed)
    store.thaw(opened)
    assert store.usage(closed.path).size_bytes == 0
    assert snapshot(precious) == before


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_name_swapped_for_a_link_on_the_way_changes_nothing_outside(
    store, scratch, precious, monkeypatch, kind
):
    """The attacker wins the race: between looking and opening, the entry becomes a link."""
    victim = scratch / "victim"
    if kind == "folder":
        victim.mkdir(mode=0o777)
    else:
        victim.touch(0o666)
    target = precious if kind == "folder" else precious / "file"
    real = os.open

    def racing(path, flags, *args, **kwargs):
        if path == "victim" and not victim.is_symlink():
            victim.rmdir() if kind == "folder" else victim.unlink()
            victim.symlink_to(target)
        return real(path, flags, *args, **kwargs)

    before = snapshot(precious)
    monkeypatch.setattr(os, "open", racing)
    _, closed = plans()
    store.freeze(closed)
    assert victim.is_symlink(), "the race was run"
    assert snapshot(precious) == before


@pytest.mark.parametrize("level", ["p900054", "202401", "MID"])
def test_a_link_in_place_of_a_proposal_s_folder_is_not_followed(store, precious, level):
    plan = access.offline(*WHERE, Phase.ACTIVE, IDS)
    store.ensure_folders(plan)
    folder = next(f for f in plan.folders if f.kind == "usr")
    here = store.path(folder.path)
    while here.name != level:
        here = here.parent
    here.rename(precious / "moved")
    here.symlink_to(precious / "moved")
    before = snapshot(precious)
    for act in (store.ensure_folders, store.ensure_access):
        with pytest.raises(Mismatch, match="in the way"):
            act(plan)
    with pytest.raises(Mismatch):
        store.freeze(folder)
    assert any("in the way" in line for line in _drift(store, plan))
    assert snapshot(precious) == before


def _drift(store, plan):
    try:
        return store.drift(plan)
    except Mismatch as error:
        return [error.message]


def test_what_stays_writable_is_named_not_passed_over(store, scratch):
    (scratch / "ok").touch(0o666)
    (scratch / "stuck").touch(0o666)
    subprocess.run(["chattr", "+i", str(scratch / "stuck")], check=True)
    _, closed = plans()
    with pytest.raises(Mismatch, match=r"1 entries did not keep their rights: 'stuck'"):
        store.freeze(closed)
    assert writable(scratch) == [str(scratch / "stuck")], "one bad entry stops no other"
    subprocess.run(["chattr", "-i", str(scratch / "stuck")], check=True)
    assert store.freeze(closed) == 1


def test_another_file_system_inside_is_left_and_named(store, scratch):
    (scratch / "mnt").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(scratch / "mnt")], check=True)
    (scratch / "mnt/theirs").touch(0o666)
    mode = (scratch / "mnt/theirs").stat().st_mode
    _, closed = plans()
    with pytest.raises(Mismatch, match="'mnt' is another file system"):
        store.freeze(closed)
    assert (scratch / "mnt/theirs").stat().st_mode == mode


def test_a_very_deep_tree_ends_with_a_sentence_and_bounded_descriptors(store, scratch):
    script = "import os\nfor _ in range(400): os.mkdir('d'); os.chdir('d')\n"
    done, said = run_as(PART, 'cd "$1" && python3 -c "$2"', scratch, script)
    assert done, said
    _, closed = plans()
    fds = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Mismatch, match=f"deeper than {tree.DEEPEST} folders"):
        store.freeze(closed)
    assert len(os.listdir("/proc/self/fd")) == fds


def test_a_wide_folder_is_walked_without_a_list_of_it(store, scratch):
    import tracemalloc

    for number in range(20_000):
        os.mknod(scratch / f"a-file-with-quite-a-long-name-{number:06d}", 0o666 | stat.S_IFREG)
    _, closed = plans()
    with store._ground.folder(closed.path) as handle:
        tracemalloc.start()
        seen = tree.TreeWalker(handle, rights.frozen).run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (seen.files, seen.changed) == (20_000, 20_000)
    assert peak < 500_000, peak  # a list of the names alone takes 2 MB


def test_entries_that_vanish_during_the_walk_are_no_error(store, scratch, monkeypatch):
    for name in "abc":
        (scratch / name).touch(0o666)
    real = os.open

    def vanishing(path, flags, *args, **kwargs):
        if path == "b":
            (scratch / "b").unlink(missing_ok=True)
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", vanishing)
    _, closed = plans()
    store.freeze(closed)
    assert sorted(p.name for p in scratch.iterdir()) == ["a", "c"]
    assert writable(scratch) == []


def test_somebody_who_writes_again_is_found(store, scratch):
    assert run_as(PART, 'echo 1 > "$1/mine"', scratch)[0]
    _, closed = plans()
    store.freeze(closed)
    assert run_as(PART, 'chmod u+w "$1/mine"', scratch)[0], "owners can: the audit looks"
    assert store.writable_inside(closed) == [f"{closed.path}: 'mine' has mode 0640"]
    store.freeze(closed)
    assert store.writable_inside(closed) == []


def test_a_missing_folder_cannot_be_frozen(store, root):
    with pytest.raises(Missing):
        store.freeze(plans()[1])
    assert not (root / "gpfs").exists()


def test_read_only_storage_denies_freezing(store, root, area, scratch):
    (scratch / "x").touch(0o666)
    subprocess.run(["mount", "--bind", str(root), str(root)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)
    with pytest.raises(Denied, match="mounted read-only"):
        store.freeze(plans()[1])


def test_usage_counts_what_is_there(store, scratch):
    (scratch / "d").mkdir()
    (scratch / "d/one").write_bytes(b"x" * 5000)
    (scratch / "two").write_bytes(b"x" * 1000)
    (scratch / "link").symlink_to("two")
    seen = store.usage(plans()[0].path)
    assert (seen.files, seen.folders, seen.size_bytes) == (3, 1, 6000)
    assert seen.disk_bytes >= 6000
    assert seen.free_bytes > 0
    assert seen.free_files > 0
