"""What the file systems and the manifest may say no with: no byte lost, nothing left over."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from policies.errors import Denied, Invalid, Mismatch, Unavailable
from policies.manifest import ManifestEntry, manifest_hash
from tasks.copying import CopyOptions, copy_run, verify_run
from tasks.copying.faults import fault, translated
from tests.tasks.copying.trees import (
    MIB,
    assert_whole,
    child,
    everything,
    put,
    said_by,
    save_manifest,
    state_of,
    write_tree,
)

SIZES = {"small": 200_000, "d/other": 5_000, "d/large": 9 * MIB}


class Ballast:
    """Fills a file system, once."""

    def __init__(self, folder, leave=0):
        self.path, self.leave, self.done = folder / "ballast", leave, False

    def fill(self, *_):
        if not self.done:
            self.done = True
            state = os.statvfs(self.path.parent)
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - self.leave)


def test_a_copy_that_cannot_fit_is_denied_before_the_first_byte(source, mounted):
    entries = write_tree(source, SIZES)
    folder = mounted("size=4m")
    with pytest.raises(Denied, match="9,642,184 bytes are needed") as denied:
        copy_run(source, folder / "r0042", entries)
    assert denied.value.context["needed_bytes"] == sum(SIZES.values())
    assert denied.value.context["free_bytes"] == 4 * MIB
    assert everything(folder) == set()


def test_what_is_there_already_needs_no_room(source, mounted):
    entries = write_tree(source, SIZES)
    folder = mounted("size=10m")
    copy_run(source, folder / "r0042", entries)
    Ballast(folder, leave=4096).fill()
    assert copy_run(source, folder / "r0042", entries).num_kept == 3


@pytest.mark.parametrize("only", ["small", "d/large"])
def test_a_disk_that_fills_up_meanwhile_denies_and_the_copy_goes_on_later(source, mounted, only):
    entries = write_tree(source, {only: SIZES[only]})
    before = state_of(source)
    folder = mounted("size=24m")
    ballast = Ballast(folder, leave=100_000)
    with pytest.raises(Denied, match="No space left on device") as denied:
        copy_run(source, folder / "r0042", entries, should_continue=ballast.fill)
    assert ballast.done
    assert denied.value.context["where"] == "destination"
    assert denied.value.context["errno"] == "ENOSPC"
    assert everything(folder) == {"ballast"}
    assert state_of(source) == before
    ballast.path.unlink()
    copy_run(source, folder / "r0042", entries)
    assert_whole(folder / "r0042", entries)


def test_what_was_proved_before_the_disk_filled_up_stays(source, mounted):
    entries = write_tree(source, {f"f{n}": 9 * MIB for n in range(3)})
    folder = mounted("size=40m")
    ballast = Ballast(folder, leave=MIB)

    def after_write(path, _):
        if path == "f1":
            ballast.fill()

    with pytest.raises(Denied):
        copy_run(source, folder / "r0042", entries, CopyOptions(workers=1), after_write=after_write)
    assert {"f0"} <= everything(folder / "r0042") <= {"f0", "f1"}
    assert_whole(folder / "r0042", entries, everything(folder / "r0042"))
    ballast.path.unlink()
    assert copy_run(source, folder / "r0042", entries).num_kept >= 1
    assert_whole(folder / "r0042", entries)


def test_no_inodes_left_is_no_room(source, mounted):
    entries = write_tree(source, {f"f{n}": 10 for n in range(30)})
    folder = mounted("size=10m,nr_inodes=20")
    with pytest.raises(Denied, match="No space left on device"):
        copy_run(source, folder / "r0042", entries)
    assert everything(folder) == set()


def as_nobody(area, source, destination, entries):
    """What a process without rights says of a copy."""
    save_manifest(area / "manifest", entries)
    return said_by(child("nobody", source, destination, area / "manifest"))


def test_without_the_right_to_write_it_is_denied(area, source, destination):
    entries = write_tree(source, SIZES)
    destination.mkdir()
    said = as_nobody(area, source, destination, entries)
    assert (said["error"], said["errno"], said["where"]) == ("denied", "EACCES", "destination")
    said = as_nobody(area, source, destination.parent / "new", entries)
    assert (said["error"], said["where"]) == ("denied", "destination")
    assert everything(destination.parent) == set()


def test_without_the_right_to_write_below_it_is_denied(area, source, destination):
    entries = write_tree(source, SIZES)
    (destination / "d").mkdir(parents=True)
    destination.chmod(0o777)
    said = as_nobody(area, source, destination, entries)
    assert (said["error"], said["errno"], said["where"]) == ("denied", "EACCES", "destination")
    assert {p for p in everything(destination) if p != "small"} == set()


@pytest.mark.parametrize("what", ["a file", "a folder below", "the folder"])
def test_without_the_right_to_read_it_is_denied(area, source, destination, what):
    entries = write_tree(source, SIZES)
    destination.mkdir()
    destination.chmod(0o777)
    {"a file": source / "small", "a folder below": source / "d", "the folder": source}[what].chmod(
        0
    )
    before = state_of(source)
    said = as_nobody(area, source, destination, entries)
    assert (said["error"], said["errno"], said["where"]) == ("denied", "EACCES", "source")
    assert {p for p in everything(destination) if p.startswith(".")} == set()
    assert state_of(source) == before


def test_somebody_with_the_rights_needs_no_root(area, source, destination):
    entries = write_tree(source, SIZES)
    destination.mkdir()
    destination.chmod(0o777)
    assert as_nobody(area, source, destination, entries)["num_copied"] == 3
    assert_whole(destination, entries)
    assert (destination / "small").stat().st_uid == 65534


def read_only(folder):
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def test_a_read_only_destination_is_denied(source, mounted):
    entries = write_tree(source, SIZES)
    folder = mounted("size=24m")
    (folder / "r0042").mkdir()
    read_only(folder)
    for target in (folder / "r0042", folder / "r0043"):
        with pytest.raises(Denied, match="Read-only file system") as denied:
            copy_run(source, target, entries)
        assert denied.value.context["errno"] == "EROFS"
    assert everything(folder) == set()


def test_a_read_only_source_is_enough_and_a_read_only_copy_can_be_verified(mounted, destination):
    folder = mounted("size=24m")
    entries = write_tree(folder / "r0042", SIZES)
    read_only(folder)
    copy_run(folder / "r0042", destination, entries)
    assert_whole(destination, entries)
    assert verify_run(folder / "r0042", entries) == []


def test_a_missing_source_may_be_a_file_system_that_is_not_mounted(source, destination):
    entries = write_tree(source, SIZES)
    with pytest.raises(Unavailable) as away:
        copy_run(source.parent / "r0099", destination, entries)
    assert away.value.retry
    empty = source.parent / "empty"
    empty.mkdir()
    with pytest.raises(Unavailable, match="holds none of the 3 files: is it mounted"):
        copy_run(empty, destination, entries)
    assert not destination.exists()


def test_a_missing_destination_may_be_a_file_system_that_is_not_mounted(source, area):
    entries = write_tree(source, SIZES)
    with pytest.raises(Unavailable, match="is it mounted"):
        copy_run(source, area / "gpfs" / "r0042", entries)
    assert not (area / "gpfs").exists()


def test_a_destination_that_is_a_file_or_a_dangling_link_is_left(source, area):
    entries = write_tree(source, SIZES)
    put(area / "file", b"somebody's")
    (area / "link").symlink_to("nowhere")
    with pytest.raises(Invalid):
        copy_run(source, area / "file", entries)
    with pytest.raises(Unavailable):
        copy_run(source, area / "link", entries)
    assert (area / "file").read_bytes() == b"somebody's"
    assert not (area / "nowhere").exists()


@pytest.mark.parametrize("inside", ["source", "destination", "same", "by a link"])
def test_a_copy_into_itself_is_refused(source, area, inside):
    entries = write_tree(source, SIZES)
    (area / "link").symlink_to(source)
    before = state_of(source)
    target = {
        "source": source / "copy",
        "destination": source.parent,
        "same": source,
        "by a link": area / "link" / "copy",
    }[inside]
    with pytest.raises(Invalid, match="lie in one another"):
        copy_run(source, target, entries)
    assert state_of(source) == before
    assert not (source / "copy").exists()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_stands_in_a_source_files_place_is_refused(source, destination, kind):
    entries = write_tree(source, SIZES)
    (source / "small").rename(source / "elsewhere")
    {
        "link": lambda path: path.symlink_to("elsewhere"),
        "folder": Path.mkdir,
        "pipe": os.mkfifo,
    }[kind](source / "small")
    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries)
    (row,) = refused.value.context["discrepancies"]
    assert (row["relative_path"], row["kind"], row["where"]) == ("small", "not-a-file", "source")
    assert everything(destination) == {"d/other", "d/large"}


def test_a_link_as_a_folder_of_the_source_is_refused(source, destination, area):
    entries = write_tree(source, SIZES)
    (source / "d").rename(area / "d")
    (source / "d").symlink_to(area / "d")
    with pytest.raises(Invalid, match="a symbolic link or a file stands where a folder must be"):
        copy_run(source, destination, entries)
    assert {p for p in everything(destination) if p != "small"} == set()


@pytest.mark.parametrize("options", [CopyOptions(), CopyOptions(replace_suspect=True)])
def test_a_link_as_a_folder_of_the_destination_leads_nowhere(source, destination, area, options):
    entries = write_tree(source, SIZES)
    (area / "outside").mkdir()
    destination.mkdir()
    (destination / "d").symlink_to(area / "outside")
    with pytest.raises(Invalid, match="a symbolic link or a file stands where a folder must be"):
        copy_run(source, destination, entries, options)
    assert everything(area / "outside") == set()
    assert everything(destination) == set()
    assert (destination / "d").is_symlink()


@pytest.mark.parametrize("options", [CopyOptions(), CopyOptions(replace_suspect=True)])
@pytest.mark.parametrize("kind", ["link to the very bytes", "dangling link", "folder", "pipe"])
def test_what_stands_in_a_copys_place_is_left(source, destination, area, kind, options):
    entries = write_tree(source, SIZES)
    destination.mkdir()
    place = destination / "small"
    put(area / "outside", (source / "small").read_bytes())
    {
        "link to the very bytes": lambda: place.symlink_to(area / "outside"),
        "dangling link": lambda: place.symlink_to(area / "nowhere"),
        "folder": place.mkdir,
        "pipe": lambda: os.mkfifo(place),
    }[kind]()
    was = place.lstat()
    with pytest.raises(Mismatch) as refused:
        copy_run(source, destination, entries, options)
    (row,) = refused.value.context["discrepancies"]
    assert (row["kind"], row["where"]) == ("not-a-file", "destination")
    assert (place.lstat().st_ino, place.lstat().st_ctime_ns) == (was.st_ino, was.st_ctime_ns)
    assert not (area / "nowhere").exists()


def test_a_planted_link_for_the_lock_is_not_followed(source, destination, area):
    entries = write_tree(source, SIZES)
    destination.mkdir()
    put(area / "precious", b"precious")
    name = f".copy-{manifest_hash(entries)[:16]}.lock"
    (destination / name).symlink_to(area / "precious")
    with pytest.raises(Invalid):
        copy_run(source, destination, entries)
    assert (area / "precious").read_bytes() == b"precious"


HOSTILE = [
    "../outside",
    "a/../../outside",
    "/etc/passwd",
    "a//b",
    "a/./b",
    "",
    ".",
    "a/",
    "new\nline",
    "nul\0",
    "bell\a",
    "surrogate\udcff",
    "right\u202eto left",
    ".copy-me.lock",
    "a/.quarantine-b",
    ".f.part-0",
    "n" * 201,
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_refused_before_anything_is_touched(source, destination, name):
    entries = write_tree(source, SIZES)
    bad = ManifestEntry(name, 1, "0" * 32, "0" * 8)
    for call in (
        lambda: copy_run(source, destination, [*entries, bad]),
        lambda: verify_run(source, [*entries, bad]),
    ):
        with pytest.raises(Invalid) as refused:
            call()
        assert list(refused.value.context["fields"]) == ["entries[3].relative_path"]
    assert not destination.exists()


def test_odd_but_honest_names_are_copied(source, destination):
    names = ["-rf", "a b", "Probe ß°", "x" * 200, ".hidden", "*", "$(id)", "d/.part-1", "\\"]
    entries = write_tree(source, dict.fromkeys(names, 100))
    copy_run(source, destination, entries)
    assert everything(destination) == set(names)
    assert verify_run(destination, entries) == []


REACTIONS = [
    (Denied, ["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "EFBIG"]),
    (Invalid, ["ELOOP", "ENOTDIR", "EISDIR", "ENAMETOOLONG"]),
    (Unavailable, ["EIO", "ESTALE", "ENOENT", "ETIMEDOUT", "EHOSTDOWN", "ENODEV", "EREMOTEIO"]),
]


@pytest.mark.parametrize(("kind", "code"), [(k, c) for k, codes in REACTIONS for c in codes])
def test_every_error_asks_for_the_right_reaction(kind, code):
    number = getattr(errno, code)
    with pytest.raises(kind) as raised, translated("destination", "d/large"):
        raise OSError(number, os.strerror(number))
    assert type(raised.value) is kind
    assert raised.value.context["errno"] == code
    assert "destination d/large: " in raised.value.message
    assert raised.value.__cause__.errno == number


def test_an_error_without_a_number_is_an_unknown_state():
    found = fault(OSError("odd"), "source", "f")
    assert isinstance(found, Unavailable)
    assert (found.message, found.context["errno"]) == ("source f: odd", "unknown")
