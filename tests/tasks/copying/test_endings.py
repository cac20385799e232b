"""Copies that are stopped, killed or not alone: they converge, and only whole files have names."""

import random
import signal
import threading
import time
from pathlib import Path

import pytest

from policies.errors import Conflict, LeaseLost, Mismatch
from policies.manifest import manifest_hash
from tasks.copying import CopyOptions, copy_run, digest_files, verify_run
from tests.tasks.copying.trees import (
    MIB,
    assert_whole,
    child,
    everything,
    hidden,
    put,
    said_by,
    save_manifest,
    state_of,
    visible,
    write_tree,
)

RUN = {f"d{n % 3}/f{n:03d}": 1000 * n for n in range(45)} | {
    f"large{n}": 8 * MIB + 1 + n * 100_000 for n in range(2)
}
LARGE = {f"f{n}": 9 * MIB + n for n in range(4)}


@pytest.fixture
def manifest(area, source):
    """A run's files and their manifest on disk, for children."""
    entries = write_tree(source, RUN)
    save_manifest(area / "manifest", entries)
    return entries


def test_a_lost_lease_stops_before_anything_more_is_published(source, destination):
    entries = write_tree(source, LARGE)
    written = []

    def check():
        if len(written) >= 3:
            raise LeaseLost("somebody else has it")

    with pytest.raises(LeaseLost, match="somebody else"):
        copy_run(
            source,
            destination,
            entries,
            CopyOptions(workers=1),
            should_continue=check,
            after_write=lambda path, _: written.append(path),
        )
    left = everything(destination)
    assert "f2" not in left
    assert "f3" not in left
    assert left <= {"f0", "f1"}
    assert_whole(destination, entries, left)
    copy_run(source, destination, entries)
    assert_whole(destination, entries)


@pytest.mark.parametrize("sizes", [LARGE, {f"f{n}": 1000 for n in range(50)}], ids=["large", "few"])
def test_stopped_after_the_first_write_nothing_at_all_is_published(source, destination, sizes):
    entries = write_tree(source, sizes)
    before = state_of(source)
    written = threading.Event()

    def check():
        if written.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_run(
            source,
            destination,
            entries,
            should_continue=check,
            after_write=lambda *_: written.set(),
        )
    assert everything(destination) == set()
    assert state_of(source) == before


def test_stopped_before_the_first_byte_nothing_is_read(source, destination):
    entries = write_tree(source, LARGE)

    def check():
        raise LeaseLost("late")

    for call in (
        lambda: copy_run(source, destination, entries, should_continue=check),
        lambda: verify_run(source, entries, should_continue=check),
        lambda: digest_files(source, list(LARGE), should_continue=check),
    ):
        with pytest.raises(LeaseLost):
            call()
    assert everything(destination) == set()


def test_a_stop_is_obeyed_between_two_blocks_of_a_large_file(source, destination):
    """A hole of 8 GiB stands for a long file: the stop does not wait for its end."""
    with (source / "sparse").open("wb") as file:
        file.truncate(8 << 30)
    started = time.monotonic()

    def check():
        if time.monotonic() - started > 0.3:
            raise LeaseLost("enough")

    with pytest.raises(LeaseLost):
        digest_files(source, ["sparse"], should_continue=check)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("workers", [1, 4])
def test_a_hook_that_fails_in_a_worker_ends_the_copy_and_leaves_nothing(
    source, destination, workers
):
    entries = write_tree(source, LARGE)

    def after_write(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        copy_run(
            source, destination, entries, CopyOptions(workers=workers), after_write=after_write
        )
    assert everything(destination) == set()
    assert [
        t.name for t in threading.enumerate() if t.name.startswith(("copy", "read-ahead"))
    ] == []


def test_no_descriptor_is_left_open(source, destination, area):
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    entries = write_tree(source, RUN)
    before = count()
    copy_run(source, destination, entries)
    copy_run(source, destination, entries)
    verify_run(destination, entries)
    with pytest.raises(Mismatch):
        copy_run(source, area / "other", entries, after_write=lambda _, part: put(part, b""))
    answers = iter([None, None, None])

    def check():
        if next(answers, "no") == "no":
            raise LeaseLost("over")

    with pytest.raises(LeaseLost):
        copy_run(source, area / "third", entries, should_continue=check)
    assert count() == before


def after_a_kill(source, destination, entries):
    """What a killed copy left is honest; the next attempt ends the work and tidies up."""
    if destination.exists():
        assert_whole(destination, entries, visible(destination))
    whole = len(visible(destination)) if destination.exists() else 0
    left = {p for p in hidden(destination) if ".part-" in p} if destination.exists() else set()
    proof = copy_run(source, destination, entries)
    assert_whole(destination, entries)
    assert everything(destination) == {e.relative_path for e in entries}
    assert set(proof.leftovers_removed) == left
    assert (proof.num_kept, proof.num_copied) == (whole, len(entries) - whole)
    return whole, left


def test_killed_at_random_moments_it_converges(area, source, manifest):
    """Moments are counted in system calls, so a busy machine does not move them to the end."""
    before = state_of(source)
    calls = said_by(child("dies", source, area / "all", area / "manifest", "any:1000000"))["calls"]
    assert calls > 300
    dice = random.Random(20240229)
    parts = partly = 0
    for number in range(15):
        destination = area / f"store{number}"
        moment = int(calls * 0.95 * (number + dice.random()) / 15) + 1
        process = child("dies", source, destination, area / "manifest", f"any:{moment}")
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        whole, left = after_a_kill(source, destination, manifest)
        parts += bool(left)
        partly += 0 < whole < len(manifest)
    assert parts >= 5, "many left unfinished files"
    assert partly >= 1, "some left a part of the run"
    assert state_of(source) == before


def test_killed_by_somebody_as_soon_as_it_writes_it_converges(area, source, destination, manifest):
    process = child("real", source, destination, area / "manifest")
    deadline = time.monotonic() + 30
    while not (destination.exists() and any(".part-" in p for p in hidden(destination))):
        assert time.monotonic() < deadline
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    after_a_kill(source, destination, manifest)


STEPS = [
    "mkdir:1",
    "mkdir:3",
    "open:5",
    "pwritev:1",
    "pwritev:30",
    "preadv:40",
    "utime:1",
    "syncfs:1",
    "fsync:2",
    "fsync:5",
    "rename_new:1",
    "rename_new:2",
    "rename_new:40",
    "unlink:1",
]


@pytest.mark.parametrize("step", STEPS)
def test_killed_before_a_step_it_converges(area, source, destination, manifest, step):
    process = child("dies", source, destination, area / "manifest", step)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "the step was reached"
    after_a_kill(source, destination, manifest)


def test_killed_again_and_again_in_one_place_it_converges(area, source, destination, manifest):
    for number in (1, 12, 25):
        process = child("dies", source, destination, area / "manifest", f"rename_new:{number}")
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        assert_whole(destination, manifest, visible(destination))
    whole, _ = after_a_kill(source, destination, manifest)
    assert whole >= 1 + 11


def test_leftovers_of_other_plans_and_of_people_are_not_touched(source, destination):
    entries = write_tree(source, {"a": 10, "d/b": 10})
    plan = manifest_hash(entries)[:16]
    ours = [f".a.part-{plan}-00000000", f"d/.b.part-{plan}-12345678"]
    others = [
        ".a.part-0123456789abcdef-00000000",
        f".stranger.part-{plan}-00000000",
        f"d/.a.part-{plan}-00000000",
        f"e/.b.part-{plan}-00000000",
        ".copy-0123456789abcdef.lock",
        ".quarantine-a-0",
        "notes",
    ]
    for name in (*ours, *others):
        put(destination / name, b"left")
    before = state_of(destination)
    proof = copy_run(source, destination, entries)
    assert proof.leftovers_removed == tuple(ours)
    after = state_of(destination)
    assert {name: after.get(name) for name in others} == {name: before[name] for name in others}
    assert set(after) == {"a", "d/b", *others}


def test_a_second_copy_of_the_same_manifest_is_refused_while_the_first_runs(
    source, destination, area
):
    entries = write_tree(source, LARGE)
    reached, go_on = threading.Event(), threading.Event()
    proofs = []

    def wait(*_):
        reached.set()
        assert go_on.wait(30)

    first = threading.Thread(
        target=lambda: proofs.append(copy_run(source, destination, entries, after_write=wait))
    )
    first.start()
    assert reached.wait(30)
    parts = hidden(destination)
    with pytest.raises(Conflict) as refused:
        copy_run(source, destination, entries)
    assert refused.value.retry
    save_manifest(area / "manifest", entries)
    said = said_by(child("real", source, destination, area / "manifest"))
    assert said["error"] == "conflict"
    assert parts <= hidden(destination), "the first one's files were left alone"
    elsewhere = copy_run(source, area / "elsewhere", entries)
    go_on.set()
    first.join(60)
    assert [p.num_copied for p in proofs] == [len(entries)]
    assert elsewhere.num_copied == len(entries)
    assert everything(destination) == set(LARGE)
    assert copy_run(source, destination, entries).num_kept == len(entries)


def test_many_at_once_end_with_one_copy_of_everything(area, source, destination, manifest):
    for _ in range(2):
        rivals = [child("real", source, destination, area / "manifest") for _ in range(4)]
        said = [said_by(process) for process in rivals]
        assert {s.get("error", "done") for s in said} <= {"done", "conflict"}
        assert any("error" not in s for s in said)
        assert sum(s.get("num_copied", 0) for s in said) in {0, len(manifest)}
        assert everything(destination) == set(RUN)
    assert_whole(destination, manifest)


def test_copies_of_different_manifests_share_a_folder(source, destination):
    one = write_tree(source, {"a": 100, "shared": 200})
    both = (*one, *write_tree(source, {"b": 300}, seed=2))
    inner = []

    def overtake(path, _):
        if path == "a":
            inner.append(copy_run(source, destination, both[1:]))

    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, one, after_write=overtake)
    (row,) = refused.value.context["discrepancies"]
    assert (row["relative_path"], row["kind"]) == ("shared", "changed")
    assert inner[0].num_copied == 2
    assert copy_run(source, destination, one).num_kept == 2
    assert everything(destination) == {"a", "b", "shared"}
    assert_whole(destination, both)
