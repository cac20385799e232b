"""Comparing a copy with its manifest: everything that differs is named, nothing is written."""

import json
import os
import threading

import pytest

from policies.errors import Denied, Invalid, Unavailable
from tasks.copying import Discrepancy, DiscrepancyKind, audit, verify_run
from tests.tasks.copying.trees import MIB, flip, put, state_of, write_tree

SIZES = {"small": 5_000, "empty": 0, "d/other": 300_000, "d/large": 9 * MIB}


def kinds(found):
    return {f.relative_path: f.kind for f in found}


def test_every_kind_of_difference_is_named_and_nothing_is_written(source):
    sizes = SIZES | {"short": 100, "long": 100, "link": 100, "folder": 100, "gone": 1, "d/gone": 1}
    entries = write_tree(source, sizes)
    flip(source / "small")
    flip(source / "d/large", 0)
    os.truncate(source / "short", 99)
    os.truncate(source / "long", 101)
    (source / "link").rename(source / "d/elsewhere")
    (source / "link").symlink_to("d/elsewhere")
    (source / "folder").unlink()
    put(source / "folder/inside", b"")
    (source / "gone").unlink()
    (source / "d/gone").unlink()
    put(source / "d/deep/extra", b"x")
    (source / "dangling").symlink_to("nowhere")
    os.mkfifo(source / "pipe")
    before = state_of_files(source)
    found = verify_run(source, entries)
    assert kinds(found) == {
        "small": "digest",
        "d/large": "digest",
        "short": "size",
        "long": "size",
        "link": "not-a-file",
        "folder": "not-a-file",
        "gone": "missing",
        "d/gone": "missing",
        "folder/inside": "extra",
        "d/elsewhere": "extra",
        "d/deep/extra": "extra",
        "dangling": "extra",
        "pipe": "extra",
    }
    assert [f.relative_path for f in found] == sorted(kinds(found))
    assert {f.where for f in found} == {"copy"}
    assert state_of_files(source) == before
    short = next(f for f in found if f.relative_path == "short")
    assert short.sentence == "short (copy): size, expected 100 bytes, found 99 bytes"


def state_of_files(folder):
    """State of what can be read without waiting for a writer."""
    (folder / "pipe").unlink()
    seen = state_of(folder)
    os.mkfifo(folder / "pipe")
    return seen


def test_an_equal_folder_has_no_difference_and_progress_ends(source):
    entries = write_tree(source, SIZES)
    told, threads = [], set()

    def progress(*numbers):
        told.append(numbers)
        threads.add(threading.current_thread())

    assert verify_run(source, entries, on_progress=progress) == []
    total = sum(SIZES.values())
    assert told == sorted(told)
    assert told[-1] == (total, total, len(SIZES), len(SIZES))
    assert threads == {threading.current_thread()}


def test_hidden_names_of_copies_are_not_extra_and_other_hidden_files_are(source):
    entries = write_tree(source, SIZES)
    ours = [".copy-0.lock", ".small.part-0-0", "d/.quarantine-other-0"]
    theirs = [".hidden", "d/.DS_Store", ".part"]
    for name in (*ours, *theirs):
        put(source / name, b"")
    assert kinds(verify_run(source, entries)) == dict.fromkeys(theirs, "extra")


def test_a_link_as_a_folder_is_not_followed(source, area):
    entries = write_tree(source, SIZES)
    (source / "d").rename(area / "d")
    (source / "d").symlink_to(area / "d")
    found = kinds(verify_run(source, entries))
    assert found == {"d": "extra", "d/large": "unreadable", "d/other": "unreadable"}


def test_a_missing_folder_is_an_unknown_state_and_no_empty_copy(area):
    entries = write_tree(area / "other", SIZES)
    with pytest.raises(Unavailable):
        verify_run(area / "gone", entries)
    put(area / "file", b"")
    with pytest.raises(Invalid):
        verify_run(area / "file", entries)
    with pytest.raises(Invalid, match="entries is empty"):
        verify_run(area, [])


def test_a_file_modified_while_it_is_verified_is_named(source, monkeypatch):
    entries = write_tree(source, {"large": 20 * MIB})
    real = audit.read_through

    def disturbed(file, arena, stop, each):
        def then(block, offset):
            each(block, offset)
            (source / "large").touch()

        return real(file, arena, stop, then)

    monkeypatch.setattr(audit, "read_through", disturbed)
    assert kinds(verify_run(source, entries)) == {"large": "changed"}


def test_what_may_not_be_read_is_a_difference_and_a_folder_that_may_not_be_listed_is_not(
    source, monkeypatch
):
    """Root may read everything: the kernel's answer to others is played at the call."""
    entries = write_tree(source, SIZES)
    real = os.open
    forbidden = {"small"}

    def refusing(path, *args, **kwargs):
        if path in forbidden:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refusing)
    (found,) = verify_run(source, entries)
    assert (found.relative_path, found.kind) == ("small", "unreadable")
    assert "Permission denied" in found.found
    forbidden.add("d")
    with pytest.raises(Denied):
        verify_run(source, entries)


def test_names_that_are_no_text_are_named_in_a_way_that_can_be_written_down(source):
    """Somebody's extra file may have any bytes for a name; the finding goes to the catalog."""
    entries = write_tree(source, SIZES)
    for name in (b"caf\xe9", b"new\nline"):
        with open(os.path.join(os.fsencode(source), name), "wb"):
            pass
    found = verify_run(source, entries)
    assert [f.kind for f in found] == ["extra", "extra"]
    for fault in found:
        assert fault.sentence.isprintable()
        assert json.dumps(fault.as_record(), ensure_ascii=False).encode().isascii()
    assert [f.as_record()["relative_path"] for f in found] == ["caf\\udce9", "new\\nline"]


def test_differences_speak():
    plain = Discrepancy("f", DiscrepancyKind.EXTRA, "copy")
    assert plain.sentence == "f (copy): extra"
    half = Discrepancy("f", DiscrepancyKind.DIGEST, "source", found="x")
    assert half.sentence == "f (source): digest, expected nothing, found x"
    assert half.as_record() == {
        "relative_path": "f",
        "kind": "digest",
        "where": "source",
        "expected": "",
        "found": "x",
    }
