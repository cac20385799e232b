"""The constants store: written once, read back, never changed."""

import multiprocessing
import os
import stat
import subprocess
from datetime import UTC, datetime, timedelta

import h5py
import numpy as np
import pytest
import xxhash

from policies.errors import Denied, Invalid, Mismatch, Missing
from tasks.constants import ConstantsStore

AT = datetime(2023, 7, 29, 17, 56, 36, 123456, tzinfo=UTC)
PATH = "xfel/cal/jungfrau-type/jungfrau_m530/cal.1690653396.123456.h5"


def digest(path):
    return xxhash.xxh3_128(path.read_bytes()).hexdigest()


@pytest.fixture
def staged(tmp_path):
    path = tmp_path / "staging.h5"
    with h5py.File(path, "w") as file:
        data = np.random.default_rng(1).normal(size=(64, 64))
        file.create_dataset("/Jungfrau_M530/Offset/0/data", data=data)
    return path


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "store"
    root.mkdir()
    return ConstantsStore(root)


def add(store, staged, *, known="", at=AT, module="Jungfrau_M530"):
    return store.add(staged, "JUNGFRAU", module, known or digest(staged), at)


def files(tmp_path):
    root = tmp_path / "store"
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_a_file_is_kept_read_only_under_its_name(store, staged, tmp_path):
    assert add(store, staged) == PATH
    place = tmp_path / "store" / PATH
    assert place.read_bytes() == staged.read_bytes()
    assert stat.S_IMODE(place.stat().st_mode) == 0o444
    assert place.stat().st_nlink == 1
    assert files(tmp_path) == [PATH]
    assert store.verify(PATH, digest(staged), staged.stat().st_size) == place
    with store.open(PATH, digest(staged)) as file:
        assert file["/Jungfrau_M530/Offset/0/data"].shape == (64, 64)


def test_the_same_file_again_changes_nothing(store, staged, tmp_path):
    add(store, staged)
    before = (tmp_path / "store" / PATH).stat()
    known = digest(staged)
    staged.unlink()
    assert add(store, staged, known=known) == PATH
    after = (tmp_path / "store" / PATH).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_another_file_never_takes_a_name(store, staged, tmp_path):
    add(store, staged)
    kept = (tmp_path / "store" / PATH).read_bytes()
    other = tmp_path / "other.h5"
    other.write_bytes(b"something else")
    with pytest.raises(Mismatch) as caught:
        add(store, other)
    assert caught.value.context["reason"] == "other"
    assert (tmp_path / "store" / PATH).read_bytes() == kept
    assert add(store, other, at=AT + timedelta(microseconds=1)) != PATH
    assert add(store, other, module="Jungfrau_M531") != PATH


def test_a_staged_file_that_is_not_what_its_job_wrote_leaves_nothing(store, staged, tmp_path):
    with pytest.raises(Mismatch) as caught:
        add(store, staged, known="0" * 32)
    assert caught.value.context["reason"] == "damaged"
    assert files(tmp_path) == []


def test_what_a_killed_attempt_left_is_no_hindrance(store, staged, tmp_path):
    folder = (tmp_path / "store" / PATH).parent
    folder.mkdir(parents=True)
    (folder / f".{PATH.rpartition('/')[2]}.part").write_bytes(b"half a fi")
    assert add(store, staged) == PATH
    assert files(tmp_path) == [PATH]


def test_nothing_staged_and_no_store_are_told_apart(store, staged, tmp_path):
    with pytest.raises(Missing, match="nowhere"):
        add(store, tmp_path / "nowhere.h5", known="0" * 32)
    with pytest.raises(Missing, match="no constants store"):
        add(ConstantsStore(tmp_path / "absent"), staged)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_only_a_regular_file_is_kept(store, staged, tmp_path, kind):
    odd = tmp_path / "odd"
    makers = {
        "pipe": lambda: os.mkfifo(odd),
        "link": lambda: odd.symlink_to(staged),
        "folder": odd.mkdir,
    }
    makers[kind]()
    with pytest.raises(Invalid):
        add(store, odd, known="0" * 32)
    assert files(tmp_path) == []


def _add(root, staged, known, answers):
    try:
        answers.put(ConstantsStore(root).add(staged, "JUNGFRAU", "Jungfrau_M530", known, AT))
    except Mismatch as error:
        answers.put(error.context["reason"])


def test_of_two_writers_at_once_one_name_comes_out(store, staged, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(os.urandom(200_000))
    # Not forked: what other tests left in this process, threads above all, is none of theirs.
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    workers = [
        context.Process(target=_add, args=(tmp_path / "store", path, digest(path), answers))
        for path in (staged, other, staged, other)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert sorted(answers.get() for _ in workers) == ["other", "other", PATH, PATH]
    assert digest(tmp_path / "store" / PATH) in {digest(staged), digest(other)}
    assert files(tmp_path) == [PATH]


def change(place, how):
    place.chmod(0o644)
    content = bytearray(place.read_bytes())
    if how == "damaged":
        content[len(content) // 2] ^= 1
    place.write_bytes({"truncated": content[:-100], "empty": b""}.get(how, content))


@pytest.mark.parametrize(
    ("how", "reason"),
    [("damaged", "damaged"), ("truncated", "truncated"), ("empty", "truncated")],
)
def test_damage_is_named(store, staged, tmp_path, how, reason):
    add(store, staged)
    place = tmp_path / "store" / PATH
    size = place.stat().st_size
    change(place, how)
    for known in ((digest(staged), size), (digest(staged), None)):
        with pytest.raises(Mismatch, match=reason) as caught:
            store.verify(PATH, *known)
        assert caught.value.context["reason"] == reason
        with pytest.raises(Mismatch):
            store.open(PATH, *known)
    with pytest.raises(Mismatch, match="another constants file"):
        add(store, staged)


def test_without_a_digest_the_form_is_looked_at(store, staged, tmp_path):
    add(store, staged)
    assert store.verify(PATH)
    change(tmp_path / "store" / PATH, "truncated")
    with pytest.raises(Mismatch, match="truncated"):
        store.verify(PATH)
    (tmp_path / "store" / PATH).write_bytes(b"no HDF5 at all")
    with pytest.raises(Mismatch, match="damaged"):
        store.verify(PATH)


def test_a_missing_file_is_missing(store):
    with pytest.raises(Missing) as caught:
        store.verify(PATH, "0" * 32)
    assert caught.value.context["reason"] == "missing"


@pytest.mark.parametrize("path", ["../x.h5", "/etc/passwd", "a//b", "", "a/../../b"])
def test_a_path_that_leaves_the_store_is_refused(store, path):
    with pytest.raises(Invalid):
        store.verify(path)


def test_a_link_that_leaves_the_store_is_refused(store, staged, tmp_path):
    (tmp_path / "store" / "away").symlink_to(tmp_path)
    with pytest.raises(Invalid, match="leaves"):
        store.verify("away/staging.h5", digest(staged))


def test_a_store_that_may_not_be_written_is_denied(store, staged, tmp_path):
    """Made immutable, because the tests may run as root."""
    root = tmp_path / "store"
    subprocess.run(["chattr", "+i", str(root)], check=True)
    try:
        with pytest.raises(Denied):
            add(store, staged)
    finally:
        subprocess.run(["chattr", "-i", str(root)], check=True)
    assert add(store, staged) == PATH


def test_a_full_disk_leaves_nothing_behind(staged, tmp_path):
    root = tmp_path / "small"
    root.mkdir()
    size = "size=16k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(root)], check=True)
    try:
        with pytest.raises(Denied, match="space"):
            add(ConstantsStore(root), staged)
        assert not [p for p in root.rglob("*") if p.is_file()]
    finally:
        subprocess.run(["umount", str(root)], check=True)
