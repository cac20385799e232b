"""Results take their place as a whole, or the former one stays."""

import subprocess
import zlib

import pytest
import xxhash

from policies.errors import Denied, Invalid, Mismatch
from tasks import results
from tasks.results import Written


@pytest.fixture
def staging(tmp_path):
    folder = tmp_path / "r0001" / "_cal-1-A-1"
    folder.mkdir(parents=True)
    return folder


def written(folder, name, content=b"corrected"):
    (folder / name).write_bytes(content)
    return Written(
        name,
        len(content),
        xxhash.xxh3_128_hexdigest(content),
        f"{zlib.adler32(content):08x}",
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_files_take_their_place_and_former_ones_without_successor_go(staging):
    place = staging.parent
    (place / "CORR-old.h5").write_bytes(b"old")
    (place / "CORR-a.h5").write_bytes(b"former")
    (place / "somebody-elses.txt").write_bytes(b"notes")
    files = [written(staging, "CORR-a.h5"), written(staging, "CORR-b.h5", b"more")]
    mtimes = results.publish(staging, place, files, ["CORR-a.h5", "CORR-old.h5"])
    assert len(mtimes) == 2
    assert names(place) == ["CORR-a.h5", "CORR-b.h5", "somebody-elses.txt"]
    assert (place / "CORR-a.h5").read_bytes() == b"corrected"
    assert results.publish(staging, place, files, ["CORR-a.h5"]) == mtimes, "again: no change"


def test_killed_between_two_files_it_goes_on(staging):
    place = staging.parent
    files = [written(staging, "CORR-a.h5"), written(staging, "CORR-b.h5", b"more")]
    (staging / "CORR-a.h5").rename(place / "CORR-a.h5")
    results.publish(staging, place, files)
    assert names(place) == ["CORR-a.h5", "CORR-b.h5"]


@pytest.mark.parametrize("spoil", [lambda p: p.write_bytes(b"corrupted"), lambda p: p.unlink()])
def test_a_damaged_file_leaves_everything_as_it_was(staging, spoil):
    place = staging.parent
    (place / "CORR-a.h5").write_bytes(b"former")
    files = [written(staging, "CORR-a.h5"), written(staging, "CORR-b.h5", b"more")]
    spoil(staging / "CORR-b.h5")
    with pytest.raises(Mismatch, match=r"CORR-b\.h5"):
        results.publish(staging, place, files, ["CORR-a.h5"])
    assert names(place) == ["CORR-a.h5"]
    assert (place / "CORR-a.h5").read_bytes() == b"former"


@pytest.mark.parametrize("name", ["../CORR-a.h5", "/etc/passwd", ".hidden", ""])
def test_names_that_leave_the_folder_are_refused(staging, name):
    with pytest.raises(Invalid, match="no plain file name"):
        results.publish(staging, staging.parent, [Written(name, 0, "", "")])


def test_a_pipeline_that_says_nothing_is_taken_at_its_files(staging):
    written(staging, "CORR-a.h5")
    (staging / "log.txt").write_text("noise")
    told = results.gather(staging, "CORR-*.h5")
    assert [f["filename"] for f in told["files"]] == ["CORR-a.h5"]
    files = [
        Written(f["filename"], f["byte_size"], f["xxh3_128"], f["adler32"]) for f in told["files"]
    ]
    results.publish(staging, staging.parent, files)
    with pytest.raises(Mismatch, match="left no CORR"):
        results.gather(staging, "CORR-*.h5")


def test_a_job_file_is_written_once(tmp_path):
    folder = tmp_path / "_cal-1-A-1"
    path = results.prepare(folder, {"key": "cal-1-A-1", "run": 1})
    before = path.stat()
    assert results.prepare(folder, {"run": 1, "key": "cal-1-A-1"}).stat() == before
    with pytest.raises(Mismatch, match="something else"):
        results.prepare(folder, {"key": "cal-1-A-1", "run": 2})


def test_results_that_a_job_did_not_leave(staging):
    (staging / "result-0.json").write_text('{"task": 0}')
    assert results.read_results(staging, 1) == [{"task": 0}]
    with pytest.raises(Mismatch, match=r"task 1 ended well and left no result-1\.json"):
        results.read_results(staging, 2)
    (staging / "result-1.json").write_text('{"task": ')
    with pytest.raises(Mismatch, match="does not read"):
        results.read_results(staging, 2)


def test_a_full_disk_denies_and_leaves_no_half_file(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    try:
        with pytest.raises(Denied, match="No space left on device"):
            results.write_text(disk / "metadata.yml", "x" * 100_000)
        assert not (disk / "metadata.yml").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_tidying_leaves_the_words_and_takes_the_bytes(staging):
    written(staging, "left.h5")
    (staging / "job.json").write_text("{}")
    (staging / "job.out").write_text("what the program said")
    results.tidy(staging)
    assert names(staging) == ["job.json", "job.out"]
