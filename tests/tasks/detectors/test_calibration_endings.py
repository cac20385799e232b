"""The program is killed, has no room or no right, comes back from the dead: whole files or none."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.detectors.digests import digest
from tests.tasks.detectors.jobs import correct_job, dark_job


def start(action, job, **more):
    argv = [sys.executable, "-m", "deployments.calibrate", action, "--job", str(job)]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, **more)


def ended(action, job, **more):
    with start(action, job, **more) as process:
        words = process.communicate(timeout=60)[1]
    return process.returncode, words.strip().splitlines()[-1] if words.strip() else ""


def whole_files(out):
    """Names and digests of files that have their names."""
    return {p.name: digest(p).xxh3_128 for p in sorted(out.glob("*.h5"))}


@pytest.fixture(scope="module")
def wanted(raw, constants, tmp_path_factory):
    """What an undisturbed correction writes."""
    out, job = correct_job(raw, constants, tmp_path_factory.mktemp("wanted"))
    assert ended("correct", job) == (0, "")
    found = whole_files(out)
    assert len(found) == 2
    return found


def test_killed_while_it_writes_and_repeated(raw, constants, wanted, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    with start("correct", job) as process:
        deadline = time.monotonic() + 30
        while not list(out.glob("*.part")) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert list(out.glob("*.part"))
    assert not (out / "result-0.json").exists()
    assert whole_files(out).items() <= wanted.items()
    assert ended("correct", job) == (0, "")
    assert whole_files(out) == wanted
    assert not list(out.glob("*.part"))


def test_one_that_comes_back_from_the_dead_changes_nothing(raw, constants, wanted, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    with start("correct", job) as zombie:
        deadline = time.monotonic() + 30
        while not list(out.glob("*.part")) and time.monotonic() < deadline:
            time.sleep(0.001)
        zombie.send_signal(signal.SIGSTOP)
        assert ended("correct", job) == (0, "")
        told = (out / "result-0.json").read_bytes()
        zombie.send_signal(signal.SIGCONT)
        zombie.communicate(timeout=60)
    assert whole_files(out) == wanted
    said = {f["filename"]: f["xxh3_128"] for f in json.loads(told)["files"]}
    assert said == wanted
    assert {
        f["filename"]: f["xxh3_128"]
        for f in json.loads((out / "result-0.json").read_text())["files"]
    } == wanted


@pytest.mark.parametrize("action", ["correct", "characterise"])
def test_no_room(raw, constants, tmp_path, action):
    out, job = tmp_path / f"out-{action}", None
    out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(out)], check=True)
    try:
        make = {
            "correct": lambda: correct_job(raw, constants, tmp_path),
            "characterise": lambda: dark_job(raw, tmp_path),
        }
        _, job = make[action]()
        code, words = ended(action, job)
        left = [p.name for p in out.iterdir() if p.name != "job.json"]
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert code == 5
    assert words.endswith("could not be written: No space left on device")
    assert left == []


def test_no_right(raw, constants, tmp_path):
    out, job = correct_job(raw, constants, tmp_path)
    subprocess.run(["mount", "--bind", str(out), str(out)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(out)], check=True)
    try:
        code, words = ended("correct", job)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert code == 5
    assert words.endswith("could not be written: Read-only file system")


def test_no_folder(raw, constants, tmp_path):
    _, job = correct_job(raw, constants, tmp_path)
    told = json.loads(job.read_text()) | {"out_folder": str(tmp_path / "nowhere")}
    elsewhere = tmp_path / "job.json"
    elsewhere.write_text(json.dumps(told))
    code, words = ended("correct", elsewhere)
    assert code == 5
    assert "there is no folder" in words


def test_the_limit_on_the_size_of_files(raw, constants, tmp_path):
    """A quota, as a process without privileges meets it."""
    _, job = correct_job(raw, constants, tmp_path)

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    code, words = ended("correct", job, preexec_fn=limited)
    assert code == 5
    assert "could not be written" in words


def test_what_nobody_foresaw_ends_with_a_sentence(raw, constants, tmp_path):
    _, job = correct_job(raw, constants, tmp_path)
    told = json.loads(job.read_text()) | {"parameters": {"a": 1}, "constants_root": "a\0b"}
    job.write_text(json.dumps(told))
    code, words = ended("correct", job)
    assert code == 1
    assert words.startswith("the program failed: ValueError: ")


def test_reports_of_the_same_data_are_equal(raw, constants, tmp_path):
    _, job = correct_job(raw, constants, tmp_path)
    assert ended("correct", job) == (0, "")
    pages = []
    for _ in range(2):
        assert ended("report", job) == (0, "")
        pages.append((tmp_path / "correct.pdf").read_bytes())
    assert pages[0] == pages[1]


def test_memory_stays_bounded(raw, constants, tmp_path):
    """Less than the interpreter, the constants and a few chunks; the run's size does not matter."""
    _, job = correct_job(raw, constants, tmp_path)
    # Of the program alone: what the kernel accounts to a child may be its parent's before `exec`.
    peaks = [0]
    with start("correct", job) as process:
        while process.poll() is None:
            peaks += re.findall(r"VmHWM:\s+(\d+) kB", _status(process.pid))
            time.sleep(0.01)
    assert process.returncode == 0
    assert 20 * 1024 < max(map(int, peaks)) < 400 * 1024


def _status(pid):
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


def test_every_constant_is_listed_however_many_there_are(raw, constants, tmp_path):
    _, job = correct_job(raw, constants, tmp_path)
    assert ended("correct", job) == (0, "")
    told = json.loads(job.read_text())
    (module,) = told["constants"].values()
    told["constants"] |= {f"JNGFR{n:02d}": module for n in range(2, 17)}
    job.write_text(json.dumps(told))
    assert ended("report", job) == (0, "")
    content = (tmp_path / "correct.pdf").read_bytes()
    # 64 constants: the first page and another one; then the one module that has files.
    assert content.count(b"/Type /Page ") == 3
