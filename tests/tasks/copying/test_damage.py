"""Bytes that are not what was registered: found, never published, the source left alone."""

import os
import threading
from dataclasses import replace

import pytest

from policies.errors import Mismatch, Unavailable
from tasks.copying import CopyOptions, copy_run, libc, stage, verify_run
from tests.tasks.copying.trees import (
    MIB,
    assert_whole,
    child,
    everything,
    flip,
    hidden,
    put,
    rot_behind,
    said_by,
    save_manifest,
    state_of,
    visible,
    write_tree,
)

SIZES = {"small": 200_000, "d/other": 5_000, "d/large": 20 * MIB + 3}


def truncate(part):
    os.truncate(part, part.stat().st_size - 1)


def empty(part):
    os.truncate(part, 0)


def lengthen(part):
    with part.open("ab") as file:
        file.write(b"\0")


def zero_a_page(part):
    with part.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


def swap_for_link(part):
    part.rename(part.with_name("moved"))
    part.symlink_to("moved")


DAMAGES = {
    "first bit": (lambda part: flip(part, 0), "digest"),
    "last bit": (flip, "digest"),
    "a page of zeros": (zero_a_page, "digest"),
    "one byte short": (truncate, "size"),
    "emptied": (empty, "size"),
    "one byte long": (lengthen, "size"),
    "a link": (swap_for_link, "changed"),
}


def rows(refusal):
    return [(d["relative_path"], d["kind"], d["where"]) for d in refusal.context["discrepancies"]]


@pytest.mark.parametrize("victim", ["small", "d/large"])
@pytest.mark.parametrize("name", DAMAGES)
def test_a_copy_damaged_before_the_re_read_is_refused(source, destination, name, victim):
    damage, kind = DAMAGES[name]
    entries = write_tree(source, SIZES)
    before = state_of(source)
    kept = {}

    def after_write(path, part):
        if path == victim:
            kept["part"] = part
            damage(part)

    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries, after_write=after_write)
    assert rows(refused.value) == [(victim, kind, "copy")]
    assert victim in refused.value.message
    assert refused.value.context["num_proved"] == 2
    assert visible(destination) - {"moved", "d/moved"} == set(SIZES) - {victim}
    assert not os.path.lexists(kept["part"])
    assert hidden(destination) == set()
    assert state_of(source) == before
    for left in destination.rglob("moved"):
        left.unlink()
    assert copy_run(source, destination, entries).num_copied == 1
    assert_whole(destination, entries)


def test_a_copy_that_vanishes_before_the_re_read_is_an_unknown_state(source, destination):
    entries = write_tree(source, SIZES)
    with pytest.raises(Unavailable):
        copy_run(source, destination, entries, after_write=lambda _, part: part.unlink())
    assert everything(destination) == set()


def test_all_damaged_files_are_named_and_the_sentence_stays_short(source, destination):
    entries = write_tree(source, {f"f{n}": 100 for n in range(9)})
    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries, after_write=lambda _, part: flip(part))
    assert rows(refused.value) == [(f"f{n}", "digest", "copy") for n in range(9)]
    assert refused.value.message.endswith("; and 6 more")
    assert "9 of 9 files" in refused.value.message
    assert everything(destination) == set()


def test_rot_on_the_medium_is_found_though_memory_is_good(disk, source):
    image, folder = disk
    entries = write_tree(source, SIZES)

    def after_write(path, part):
        if path == "d/large":
            rot_behind(image, part, 5000)

    with pytest.raises(Mismatch) as refused:
        copy_run(source, folder / "r0042", entries, after_write=after_write)
    assert rows(refused.value) == [("d/large", "digest", "copy")]
    assert visible(folder / "r0042") == {"small", "d/other"}


def test_rot_on_the_medium_of_a_finished_copy_is_found_though_memory_is_good(disk, source):
    image, folder = disk
    entries = write_tree(source, {"file": 3 * MIB})
    copy_run(source, folder / "r0042", entries)
    rot_behind(image, folder / "r0042" / "file", 5000)
    (fault,) = verify_run(folder / "r0042", entries)
    assert (fault.relative_path, fault.kind) == ("file", "digest")
    with pytest.raises(Mismatch):
        copy_run(source, folder / "r0042", entries)


MUTANTS = ["no_reread", "no_comparison", "lazy_digest"]


@pytest.mark.parametrize("size", [200_000, 9 * MIB])
def test_only_the_re_read_and_its_comparison_stand_between_damage_and_data(area, source, size):
    """Without any one of them the same damaged copy passes: they are what the proof is."""
    entries = write_tree(source, {"file": size})
    save_manifest(area / "manifest", entries)
    running = {
        mode: child(mode, source, area / mode, area / "manifest", "flip")
        for mode in ["real", *MUTANTS]
    }
    said = {mode: said_by(process) for mode, process in running.items()}
    assert said["real"]["error"] == "mismatch"
    assert everything(area / "real") == set()
    for mode in MUTANTS:
        assert said[mode]["num_copied"] == 1, said[mode]
        (fault,) = verify_run(area / mode, entries)
        assert (fault.relative_path, fault.kind) == ("file", "digest")


def test_a_re_read_of_memory_would_miss_rot_on_the_medium(disk, area, source):
    image, folder = disk
    entries = write_tree(source, {"file": 9 * MIB})
    save_manifest(area / "manifest", entries)
    seen = {}
    for mode in ("real", "cached_reread"):
        arguments = (source, folder / mode, area / "manifest", f"rot:{image}")
        seen[mode] = said_by(child(mode, *arguments))
    assert seen["real"]["error"] == "mismatch"
    assert seen["cached_reread"]["num_copied"] == 1, seen["cached_reread"]
    assert [f.kind for f in verify_run(folder / "cached_reread", entries)] == ["digest"]


def rewrite(path):
    with path.open("r+b") as file:
        file.write(b"other bytes")


def append(path):
    with path.open("ab") as file:
        file.write(b"more")


def touch_a_read_block(path):
    with path.open("r+b") as file:
        file.seek(10)
        byte = file.read(1)
        file.seek(10)
        file.write(byte)


CHANGES = {
    "rewritten": rewrite,
    "appended to": append,
    "truncated": lambda path: os.truncate(path, 9 * MIB),
    "written with the same bytes": touch_a_read_block,
}


@pytest.fixture
def during(monkeypatch):
    """Let something happen when the first block of the large source file was written."""
    happens = threading.Event()

    def arrange(source, action):
        real = stage.read_through

        def disturbed(file, arena, stop, each):
            def then(block, offset):
                each(block, offset)
                name = os.readlink(f"/proc/self/fd/{file.fd}")
                if name == str(source / "d/large") and not happens.is_set():
                    happens.set()
                    action(source / "d/large")

            return real(file, arena, stop, then)

        monkeypatch.setattr(stage, "read_through", disturbed)
        return happens

    return arrange


@pytest.mark.parametrize("name", CHANGES)
def test_a_source_changed_during_the_copy_is_not_published(source, destination, during, name):
    entries = write_tree(source, {"small": 9, "d/large": 40 * MIB})
    happened = during(source, CHANGES[name])
    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries)
    assert happened.is_set()
    assert rows(refused.value) == [("d/large", "changed", "source")]
    assert everything(destination) == {"small"}


def test_a_source_replaced_during_the_copy_gives_the_registered_bytes(source, destination, during):
    """The open file is the registered one; the name's new owner is not looked at."""
    entries = write_tree(source, {"d/large": 40 * MIB})

    def swap(path):
        put(path.with_name("new"), b"another file")
        path.with_name("new").replace(path)

    happened = during(source, swap)
    copy_run(source, destination, entries)
    assert happened.is_set()
    assert_whole(destination, entries)


@pytest.mark.parametrize("victim", ["small", "d/large"])
def test_a_source_that_rotted_since_registration_is_not_published(source, destination, victim):
    entries = write_tree(source, SIZES)
    flip(source / victim, 4500)
    before = state_of(source)
    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries)
    assert rows(refused.value) == [(victim, "digest", "source")]
    (row,) = refused.value.context["discrepancies"]
    line = next(e for e in entries if e.relative_path == victim)
    assert row["expected"] == f"xxh3_128 {line.xxh3_128} adler32 {line.adler32}"
    assert row["found"] != row["expected"]
    assert everything(destination) == set(SIZES) - {victim}
    assert state_of(source) == before


@pytest.mark.parametrize("field", ["xxh3_128", "adler32"])
def test_both_sums_must_agree(source, destination, field):
    (entry,) = write_tree(source, {"file": 100})
    wrong = getattr(entry, field)
    wrong = ("0" if wrong[0] != "0" else "1") + wrong[1:]
    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, [replace(entry, **{field: wrong})])
    assert rows(refused.value) == [("file", "digest", "source")]
    assert everything(destination) == set()


def test_missing_and_resized_source_files_are_named(source, destination):
    entries = write_tree(source, SIZES)
    (source / "small").unlink()
    lengthen(source / "d/large")
    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries)
    assert rows(refused.value) == [("d/large", "size", "source"), ("small", "missing", "source")]
    assert everything(destination) == {"d/other"}


def differing(destination):
    """A copy that is there already and is not what was registered."""
    put(destination / "d/large", b"half a copy")
    put(destination / "small", bytes(200_000))


def test_an_existing_file_that_differs_is_refused_and_left(source, destination):
    entries = write_tree(source, SIZES)
    differing(destination)
    before = state_of(destination)
    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries)
    assert rows(refused.value) == [
        ("d/large", "size", "destination"),
        ("small", "digest", "destination"),
    ]
    after = state_of(destination)
    assert {path: after[path] for path in before} == before
    assert set(after) == set(SIZES)


def test_a_suspect_file_is_set_aside_when_asked_for_and_never_deleted(source, destination):
    entries = write_tree(source, SIZES)
    differing(destination)
    put(destination / "d/other", (source / "d/other").read_bytes())
    before = state_of(destination)
    proof = copy_run(source, destination, entries, CopyOptions(replace_suspect=True))
    assert_whole(destination, entries)
    aside = {f.relative_path: f.set_aside for f in proof.files}
    assert aside["d/other"] == ""
    assert hidden(destination) == {aside["small"], aside["d/large"]}
    assert proof.as_record()["set_aside"] == [aside["small"], aside["d/large"]]
    after = state_of(destination)
    for path in ("small", "d/large"):
        content, mode, inode, modified, _ = after[aside[path]]
        assert (content, mode, inode, modified) == before[path][:4]
    assert after["d/other"] == before["d/other"]
    assert verify_run(destination, entries) == []
    again = copy_run(source, destination, entries, CopyOptions(replace_suspect=True))
    assert again.num_kept == 3
    assert state_of(destination) == after


def test_a_suspect_file_stays_in_place_while_its_successor_is_not_proved(source, destination):
    entries = write_tree(source, SIZES)
    differing(destination)
    before = state_of(destination)
    with pytest.raises(Mismatch):
        copy_run(
            source,
            destination,
            entries,
            CopyOptions(replace_suspect=True),
            after_write=lambda _, part: flip(part),
        )
    assert state_of(destination) == before


@pytest.mark.parametrize("content", ["equal", "different"])
def test_a_file_that_appears_during_the_copy_is_not_overwritten(source, destination, content):
    entries = write_tree(source, SIZES)
    rival = (source / "small").read_bytes() if content == "equal" else b"rival"

    def appear(path, _):
        if path == "small":
            put(destination / "small", rival)

    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries, after_write=appear)
    assert rows(refused.value) == [("small", "changed", "destination")]
    assert (destination / "small").read_bytes() == rival
    assert hidden(destination) == set()


def test_nothing_is_replaced_where_the_kernel_cannot_rename_in_one_step(
    source, destination, monkeypatch
):
    """NFS answers EINVAL to a rename that must not replace."""
    real = libc._call

    def call(name, *args):
        if name == "renameat2":
            raise OSError(22, "Invalid argument")
        real(name, *args)

    monkeypatch.setattr(libc, "_call", call)
    entries = write_tree(source, SIZES)

    def appear(path, _):
        if path == "small":
            put(destination / "small", b"rival")

    with pytest.raises(Mismatch):
        copy_run(source, destination, entries, after_write=appear)
    assert (destination / "small").read_bytes() == b"rival"
    proof = copy_run(source, destination, entries, CopyOptions(replace_suspect=True))
    assert (proof.num_copied, proof.num_kept) == (1, 2)
    assert_whole(destination, entries)
