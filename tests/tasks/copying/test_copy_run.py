"""What a copy that nothing disturbs does."""

import os
import stat
import threading

import pytest

from policies.errors import Conflict, Invalid, Missing, Unavailable
from policies.manifest import ManifestEntry, manifest_hash
from tasks.copying import (
    CopyOptions,
    Outcome,
    ReadBack,
    copy_run,
    digest_file,
    digest_files,
    digests,
    verify_run,
)
from tasks.copying.engine import BATCH_BYTES, BATCH_FILES, units
from tests.tasks.copying.trees import (
    MIB,
    assert_whole,
    entry_of,
    everything,
    put,
    state_of,
    write_tree,
)

SIZES = {
    "empty": 0,
    "one": 1,
    "half": 511,
    "page": 4096,
    "page-and-one": 4097,
    "a/block": 8 * MIB,
    "a/block-less-one": 8 * MIB - 1,
    "a/block-and-one": 8 * MIB + 1,
    "a/b/large": 100_000_001,
}
SMALL = {"a": 10_000, "b/c": 300_000, "b/d/e": 0, "z": 9 * MIB + 5}


@pytest.fixture(params=["ext4", "memory"])
def places(request, area, memory):
    """A source and a destination on each kind of file system."""
    top = area if request.param == "ext4" else memory
    for name in ("source", "store"):
        (top / name).mkdir()
    return top / "source", top / "store" / "r0042"


def test_every_size_arrives_whole_with_both_sums(places):
    source, destination = places
    entries = write_tree(source, SIZES)
    before = state_of(source)
    proof = copy_run(source, destination, entries)
    assert_whole(destination, entries)
    assert everything(destination) == set(SIZES)
    assert state_of(source) == before
    assert proof.manifest_hash == manifest_hash(entries)
    assert [f.relative_path for f in proof.files] == list(SIZES)
    assert [(f.size_bytes, f.xxh3_128, f.adler32) for f in proof.files] == [
        (e.size_bytes, e.xxh3_128, e.adler32) for e in entries
    ]
    assert {f.outcome for f in proof.files} == {Outcome.COPIED}
    assert {f.read_back for f in proof.files} == {ReadBack.DIRECT}
    assert (proof.num_copied, proof.num_kept) == (len(SIZES), 0)
    assert proof.size_bytes == sum(SIZES.values())
    assert verify_run(destination, entries) == []


def test_digests_are_those_of_the_plain_libraries(places):
    source, _ = places
    entries = write_tree(source, SIZES)
    found = digest_files(source, list(SIZES))
    assert [
        ManifestEntry(path, d.size_bytes, d.xxh3_128, d.adler32) for path, d in found.items()
    ] == list(entries)
    alone = digest_file(source / "a/b/large")
    assert alone == found["a/b/large"]
    assert alone.mtime_ns == (source / "a/b/large").stat().st_mtime_ns


def test_digests_of_what_is_no_file(source):
    put(source / "file", b"123456789")
    (source / "link").symlink_to("file")
    (source / "folder").mkdir()
    os.mkfifo(source / "pipe")
    names = ["file", "link", "folder", "pipe", "gone", "folder/gone"]
    found = digest_files(source, names)
    assert list(found) == ["file"]
    assert (found["file"].adler32, found["file"].xxh3_128) == (
        "091e01de",
        "33119477ede5dcd5e9716427681d5860",
    )
    for name in ("link", "folder", "pipe"):
        with pytest.raises(Invalid, match="no regular file"):
            digest_file(source / name)
    with pytest.raises(Missing):
        digest_file(source / "gone")
    with pytest.raises(Invalid):
        digest_files(source, ["../file"])
    with pytest.raises(Unavailable):
        digest_files(source / "gone", ["file"])


def test_a_file_modified_while_it_is_digested_is_a_conflict(source, monkeypatch):
    put(source / "file", bytes(20 * MIB))
    real = digests.blocks

    def disturbed(*args):
        for number, block in enumerate(real(*args)):
            yield block
            if number == 0:
                (source / "file").touch()

    monkeypatch.setattr(digests, "blocks", disturbed)
    for call in (lambda: digest_file(source / "file"), lambda: digest_files(source, ["file"])):
        with pytest.raises(Conflict, match="modified while it was read"):
            call()


def test_copies_keep_the_time_and_take_the_mode_asked_for(source, destination):
    entries = write_tree(source, SMALL)
    copy_run(source, destination, entries, CopyOptions(file_mode=0o440, folder_mode=0o710))
    for path in SMALL:
        assert (destination / path).stat().st_mtime_ns == (source / path).stat().st_mtime_ns
        assert stat.S_IMODE((destination / path).stat().st_mode) == 0o440
    for folder in (destination, destination / "b", destination / "b/d"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o710


def test_asked_for_twice_it_writes_nothing(source, destination):
    entries = write_tree(source, SMALL)
    copy_run(source, destination, entries)
    before = state_of(destination)
    proof = copy_run(source, destination, entries)
    assert state_of(destination) == before
    assert (proof.num_copied, proof.num_kept) == (0, len(SMALL))
    assert {f.outcome for f in proof.files} == {Outcome.KEPT}


def test_only_what_is_missing_is_copied(source, destination):
    entries = write_tree(source, SMALL)
    put(destination / "b/c", (source / "b/c").read_bytes())
    put(destination / "notes.txt", b"not ours")
    before = state_of(destination)
    proof = copy_run(source, destination, entries)
    after = state_of(destination)
    assert {path: after[path] for path in before} == before
    assert [f.relative_path for f in proof.files if f.outcome is Outcome.KEPT] == ["b/c"]
    assert_whole(destination, entries)


def test_what_is_kept_was_read_from_the_medium_and_its_name_made_durable(
    source, destination, monkeypatch
):
    """A copy killed between a rename and the sync of the folder left a name in memory only."""
    entries = write_tree(source, {"a": 10, "b/c": 10})
    copy_run(source, destination, entries)
    synced, real = set(), os.fsync

    def fsync(fd):
        synced.add(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    copy_run(source, destination, entries)
    expected = {destination, destination / "b", destination / "a", destination / "b/c"}
    assert {str(p.resolve()) for p in expected} <= synced


def test_many_small_files_are_cut_into_batches(source, destination):
    sizes = {f"f{n:04d}": n for n in range(BATCH_FILES * 2 + 3)}
    entries = write_tree(source, sizes)
    pieces = list(units(entries))
    assert [len(piece) for piece in pieces] == [BATCH_FILES, BATCH_FILES, 3]
    assert [e for piece in pieces for e in piece] == list(entries)
    copy_run(source, destination, entries)
    assert_whole(destination, entries)
    assert everything(destination) == set(sizes)


def test_batches_end_by_bytes_and_large_files_are_alone():
    small = [entry_of(f"s{n}", b"") for n in range(3)]
    half = ManifestEntry("half", 8 * MIB, "0" * 32, "0" * 8)
    large = ManifestEntry("large", 8 * MIB + 1, "0" * 32, "0" * 8)
    assert list(units([*small, large, *small])) == [[large], [*small, *small]]
    many = [half] * (BATCH_BYTES // half.size_bytes + 1)
    assert [len(piece) for piece in units(many)] == [len(many) - 1, 1]
    assert list(units([])) == []


def test_hooks_run_in_the_callers_thread_and_progress_only_grows(source, destination):
    entries = write_tree(source, SMALL)
    threads, told = set(), []

    def progress(*numbers):
        threads.add(threading.current_thread())
        told.append(numbers)

    copy_run(
        source,
        destination,
        entries,
        on_progress=progress,
        should_continue=lambda: threads.add(threading.current_thread()),
    )
    assert threads == {threading.current_thread()}
    assert told == sorted(told)
    total = sum(SMALL.values())
    assert told[0] == (0, total, 0, len(SMALL))
    assert told[-1] == (total, total, len(SMALL), len(SMALL))


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_any_number_of_workers_gives_the_same(source, destination, workers):
    entries = write_tree(source, {f"f{n}": 9 * MIB + n for n in range(4)} | SMALL)
    proof = copy_run(source, destination, entries, CopyOptions(workers=workers))
    assert_whole(destination, entries)
    assert proof.num_copied == len(entries)


def test_the_source_and_the_destination_may_be_reached_over_links(source, destination, area):
    entries = write_tree(source, SMALL)
    (area / "raw").symlink_to(source)
    (area / "gpfs").symlink_to(destination.parent)
    copy_run(area / "raw", area / "gpfs" / "r0042", entries)
    assert_whole(destination, entries)


def test_missing_parents_are_made_only_below_the_mount_point(source, area):
    entries = write_tree(source, SMALL)
    mount = area / "mount"
    deep = mount / "MID/202401/p900054/raw/r0042"
    with pytest.raises(Unavailable, match="is it mounted"):
        copy_run(source, deep, entries, CopyOptions(below=mount))
    assert not mount.exists()
    mount.mkdir()
    with pytest.raises(Unavailable, match="is it mounted"):
        copy_run(source, deep, entries)
    assert list(mount.iterdir()) == []
    copy_run(source, deep, entries, CopyOptions(below=mount))
    assert_whole(deep, entries)


def test_without_direct_transfers_the_cache_is_dropped_and_the_proof_says_so(
    source, destination, monkeypatch
):
    """A file system that takes the flag at open and refuses it, as FUSE and old tmpfs do."""
    entries = write_tree(source, SMALL)
    real = os.open

    def refusing(path, flags, *args, **kwargs):
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refusing)
    proof = copy_run(source, destination, entries)
    assert {f.read_back for f in proof.files} == {ReadBack.DROPPED_CACHE}
    assert_whole(destination, entries)
    assert proof.as_record()["read_back"] == ["dropped-cache"]


def test_the_record_of_a_proof_is_json(source, destination):
    entries = write_tree(source, SMALL)
    record = copy_run(source, destination, entries).as_record()
    seconds = record.pop("seconds")
    assert isinstance(seconds, float)
    assert record == {
        "manifest_hash": manifest_hash(entries),
        "num_files": 4,
        "size_bytes": sum(SMALL.values()),
        "num_copied": 4,
        "num_kept": 0,
        "read_back": ["direct"],
        "set_aside": [],
        "leftovers_removed": [],
    }
