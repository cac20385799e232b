"""Jobs on a real SLURM: one per name, told apart in words, whatever gets lost."""

import os
import stat
import threading
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from policies.errors import Denied, Invalid, Unavailable
from policies.vocabulary import JobState
from tasks.batch import JobSpec, SlurmBatch

pytestmark = pytest.mark.xdist_group("slurm")

_NUMBERS = count(1)


@pytest.fixture
def spec(tmp_path):
    def made(*command: str, **more):
        key = f"cal-{os.getpid()}-{next(_NUMBERS)}-MID_DET_AGIPD1M-1"
        values = {"partition": "exfel", "minutes": 1, **more}
        return JobSpec(key, command or ("true",), str(tmp_path), **values)

    return made


def wait(batch, key, *states, seconds=40):
    end = time.monotonic() + seconds
    while True:
        seen = batch.look([key]).get(key)
        if seen is not None and seen.state in states:
            return seen
        assert time.monotonic() < end, f"{key}: {seen}"
        time.sleep(0.1)


OVER = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


def test_a_job_runs_once_and_its_times_are_known(batch_system, spec, tmp_path):
    job = spec("sh", "-c", f"echo ran >>{tmp_path}/ran; sleep 1")
    number = batch_system.submit(job)
    assert batch_system.submit(job) == number
    seen = wait(batch_system, job.key, *OVER)
    assert (seen.state, seen.job_id, seen.exit_code) == (JobState.SUCCEEDED, number, "0:0")
    assert seen.begin_at <= seen.end_at
    assert batch_system.submit(job) == number, "an ended job is found, not run again"
    assert (tmp_path / "ran").read_text() == "ran\n"


@pytest.mark.parametrize(
    ("script", "words", "code"),
    [
        ("exit 3", "constants are missing or damaged (exit 3)", "3:0"),
        ("exit 5", "the result could not be written", "5:0"),
        ("kill -9 $PPID $$", "killed by signal 9", "0:9"),
    ],
)
def test_failures_are_told_in_words(batch_system, spec, script, words, code):
    job = spec("sh", "-c", script)
    batch_system.submit(job)
    seen = wait(batch_system, job.key, *OVER)
    assert seen.state is JobState.FAILED
    assert words in seen.words
    assert seen.exit_code == code


def test_an_array_is_one_job_and_as_bad_as_its_worst_task(batch_system, spec, tmp_path):
    job = spec("sh", "-c", f'echo "$1/$2" >>{tmp_path}/tasks; exit $1', "-", "{task}", "{tasks}")
    job = replace(job, tasks=2)
    batch_system.submit(job)
    seen = wait(batch_system, job.key, *OVER)
    assert seen.state is JobState.FAILED
    assert "1 of 2 tasks" in seen.words
    assert sorted((tmp_path / "tasks").read_text().split()) == ["0/2", "1/2"]


def test_what_depends_on_a_failed_job_is_cancelled(batch_system, spec):
    first = spec("sh", "-c", "exit 4")
    after = spec("true")
    number = batch_system.submit(first)
    batch_system.submit(replace(after, after=(number,)))
    seen = wait(batch_system, after.key, *OVER)
    assert (seen.state, seen.words) == (JobState.CANCELLED, "the job that it depends on failed")


def test_a_folder_that_is_not_writable_on_the_node(batch_system, spec, tmp_path):
    job = spec("true")
    blocked = tmp_path / f"{job.key}.out"
    blocked.mkdir()
    batch_system.submit(job)
    seen = wait(batch_system, job.key, *OVER)
    assert seen.state is JobState.FAILED
    assert "could not be launched" in seen.words


def test_what_no_partition_can_give_fails_at_once(batch_system, spec):
    job = spec("true", nodes=7)
    batch_system.submit(job)
    seen = wait(batch_system, job.key, *OVER)
    assert (seen.state, seen.words) == (
        JobState.FAILED,
        "the partition can never give what it asks for",
    )
    batch_system.cancel(job.key)


def test_refusals_carry_the_cluster_s_reason(batch_system, spec):
    with pytest.raises(Denied, match="invalid partition"):
        batch_system.submit(spec("true", partition="nowhere"))
    with pytest.raises(Denied, match="reservation is invalid"):
        batch_system.submit(spec("true", reservation="upex_999999"))
    with pytest.raises(Invalid, match="plain letters"):
        batch_system.submit(replace(spec("true"), key="a job; rm -rf"))


def test_cancelled_is_told_apart(batch_system, spec):
    job = spec("sleep", "60")
    batch_system.submit(job)
    wait(batch_system, job.key, JobState.RUNNING)
    batch_system.cancel(job.key)
    seen = wait(batch_system, job.key, *OVER)
    assert seen.state is JobState.CANCELLED
    batch_system.cancel("a-name-that-nobody-has")


def test_unknown_names_are_absent_and_one_question_serves_all(batch_system, spec):
    assert batch_system.look([]) == {}
    assert batch_system.look([f"cal-none-{n}-{'x' * 120}" for n in range(1_000)]) == {}


def test_a_lost_answer_is_found_again(cluster, spec, tmp_path):
    """The real sbatch has done its work, and its answer never arrives."""
    folder = tmp_path / "bin"
    folder.mkdir()
    liar = folder / "sbatch"
    liar.write_text('#!/bin/sh\n/usr/bin/sbatch "$@" >/dev/null\nsleep 60\n')
    liar.chmod(liar.stat().st_mode | stat.S_IXUSR)
    settings = cluster.settings(timeout_seconds=10.5)
    environment = {**settings.environment, "PATH": f"{folder}:{os.environ['PATH']}"}
    hasty = SlurmBatch(settings.model_copy(update={"environment": environment}))
    job = spec("sh", "-c", f"echo ran >>{tmp_path}/ran")
    with pytest.raises(Unavailable, match="not known"):
        # The clock of this one runs fast: the answer is lost after a second.
        _impatient(hasty).submit(job)
    honest = SlurmBatch(cluster.settings())
    number = honest.submit(job)
    assert wait(honest, job.key, *OVER).job_id == number
    assert (tmp_path / "ran").read_text() == "ran\n"


def _impatient(batch):
    settings = batch._settings.model_copy(update={"timeout_seconds": 1.5})
    return SlurmBatch(settings)


def test_two_submitters_at_once_end_with_one_job(batch_system, spec):
    job = spec("sleep", "2")
    numbers, faults = [], []

    def submit():
        try:
            numbers.append(batch_system.submit(job))
        except Exception as error:  # noqa: BLE001 - shown below
            faults.append(error)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    seen = wait(batch_system, job.key, *OVER)
    assert seen.job_id == min(numbers, key=int)
    assert seen.state is JobState.SUCCEEDED


def test_a_job_that_slurm_forgot_is_known_by_what_it_left(batch_system, spec, tmp_path):
    job = spec("true")
    Path(tmp_path, f"{job.key}.job").write_text("4711\n")
    assert batch_system.submit(job) == "4711"
    assert batch_system.look([job.key]) == {}
