"""Jobs on a real SLURM: one per name, told apart in words, whatever gets lost."""

import os
import stat
import threading
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from policies.batch import Judgement, after_reading, judge
from policies.errors import Denied, Invalid, Unavailable
from policies.vocabulary import JobState
from tasks.batch import JobSpec, SlurmBatch, last_words
from tasks.batch.script import write_script

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


@pytest.fixture(scope="module", autouse=True)
def overdue(cluster, tmp_path_factory):
    """A job whose time is up at once; SLURM looks every 30 s, so the others run meanwhile."""
    folder = str(tmp_path_factory.mktemp("overdue"))
    job = JobSpec(f"cal-{os.getpid()}-overdue", ("sleep", "300"), folder, "exfel", 1)
    batch = SlurmBatch(cluster.settings(timeout_seconds=20))
    number = batch.submit(job)
    wait(batch, job.key, JobState.RUNNING)
    cluster.run("scontrol", "update", f"JobId={number}", "EndTime=now+1")
    return job


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


def lying(cluster, tmp_path, body, patience=20):
    """The adapter with a `sbatch` of its own; less patience than settings allow saves time."""
    folder = tmp_path / "bin"
    folder.mkdir()
    liar = folder / "sbatch"
    liar.write_text(f"#!/bin/sh\n{body}\n")
    liar.chmod(liar.stat().st_mode | stat.S_IXUSR)
    settings = cluster.settings()
    environment = {**settings.environment, "PATH": f"{folder}:{os.environ['PATH']}"}
    more = {"environment": environment, "timeout_seconds": patience}
    return SlurmBatch(settings.model_copy(update=more))


def test_a_lost_answer_is_found_again(cluster, spec, tmp_path):
    """The real sbatch has done its work, and its answer never arrives."""
    job = spec("sh", "-c", f"echo ran >>{tmp_path}/ran")
    hasty = lying(cluster, tmp_path, '/usr/bin/sbatch "$@" >/dev/null\nsleep 60', patience=1.5)
    with pytest.raises(Unavailable, match="not known"):
        hasty.submit(job)
    honest = SlurmBatch(cluster.settings())
    number = honest.submit(job)
    assert wait(honest, job.key, *OVER).job_id == number
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_an_exit_code_is_not_believed_when_the_job_is_there(cluster, spec, tmp_path):
    """The real sbatch has done its work, and says that it has not."""
    job = spec("sh", "-c", f"echo ran >>{tmp_path}/ran")
    liar = lying(cluster, tmp_path, '/usr/bin/sbatch "$@" >/dev/null\nexit 1')
    number = liar.submit(job)
    assert wait(liar, job.key, *OVER).job_id == number
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_a_killed_command_is_unknown(cluster, spec, tmp_path):
    with pytest.raises(Unavailable, match="killed by signal 9: not known"):
        lying(cluster, tmp_path, "kill -9 $$").submit(spec())


def test_two_submitters_at_once_end_with_one_job(batch_system, spec, tmp_path):
    job = spec("sh", "-c", f"echo ran >>{tmp_path}/ran; sleep 1")
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
    assert {seen.job_id} == set(numbers), "all four were told the same number"
    assert seen.state is JobState.SUCCEEDED
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_a_second_job_of_a_name_waits_for_the_first_and_does_nothing(
    cluster, batch_system, spec, tmp_path
):
    """Two submitted at once and both died before they could look again."""
    job = spec("sh", "-c", f"echo ran >>{tmp_path}/ran; sleep 1")
    number = batch_system.submit(job)
    script = str(write_script(job))
    options = batch_system._options(job)
    later = cluster.run("sbatch", *options, script).stdout.strip()
    assert later != number
    seen = wait(batch_system, job.key, *OVER)
    assert (seen.job_id, seen.state) == (number, JobState.SUCCEEDED)
    end = time.monotonic() + 20
    question = ("squeue", "-h", "-t", "all", f"--name={job.key}", "-o", "%i %T")
    while f"{later} COMPLETED" not in (told := cluster.run(*question).stdout):
        assert time.monotonic() < end, told
        time.sleep(0.1)
    assert (tmp_path / "ran").read_text() == "ran\n"
    assert f"job {number} of this name was here first" in (tmp_path / f"{job.key}.out").read_text()


def test_a_script_is_never_seen_half_written(spec):
    job = spec("true", "x" * 50_000)
    path = write_script(job)
    whole, stop = path.read_bytes(), threading.Event()

    def again():
        while not stop.is_set():
            write_script(job)

    writer = threading.Thread(target=again)
    writer.start()
    try:
        assert {path.read_bytes() == whole for _ in range(500)} == {True}
    finally:
        stop.set()
        writer.join()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_job_gets_nothing_of_the_worker_s_environment(cluster, spec, tmp_path, monkeypatch):
    monkeypatch.setenv("BEAMKEEPER_TEST_PASSWORD", "hidden")
    settings = cluster.settings(
        timeout_seconds=20, environment={"SLURM_CONF": str(cluster.conf), "FOR_JOBS": "shown"}
    )
    job = spec("env", environment={"FOR_THIS_JOB": "a 'quoted' $word"})
    batch = SlurmBatch(settings)
    batch.submit(job)
    wait(batch, job.key, *OVER)
    told = (tmp_path / f"{job.key}.out").read_text().splitlines()
    assert not [line for line in told if "BEAMKEEPER" in line or "hidden" in line]
    assert {"FOR_JOBS=shown", "FOR_THIS_JOB=a 'quoted' $word"} <= set(told)


def test_a_request_that_was_refused_is_not_the_job(cluster, batch_system, spec):
    """SLURM keeps a failed row of what it refused, under the same name."""
    job = spec("true")
    refused = cluster.run(
        *("sbatch", f"--job-name={job.key}", "--mem=900G", "--wrap=true"), check=False
    )
    assert refused.returncode
    seen = batch_system.look([job.key])[job.key]
    assert (seen.state, seen.words) == (JobState.FAILED, "no node can give what it asks for")
    number = batch_system.submit(job)
    assert number != seen.job_id
    seen = wait(batch_system, job.key, *OVER)
    assert (seen.job_id, seen.state) == (number, JobState.SUCCEEDED)


def test_a_job_that_slurm_forgot_is_known_by_what_it_left(batch_system, spec, tmp_path):
    job = spec("true")
    Path(tmp_path, f"{job.key}.job").write_text("4711\n")
    assert batch_system.submit(job) == "4711"
    assert batch_system.look([job.key]) == {}


def test_a_time_limit_is_told_in_words(batch_system, overdue):
    seen = wait(batch_system, overdue.key, *OVER, seconds=60)
    assert (seen.state, seen.reason) == (JobState.FAILED, "TimeLimit")
    assert seen.words == "its time limit ran out: `minutes` of its step is the limit"


def test_too_much_memory_is_told_in_words(batch_system, spec, tmp_path):
    take = "import time; kept = bytearray(300_000_000); time.sleep(60)"
    job = spec("python3", "-c", take, memory_mb=50)
    batch_system.submit(job)
    seen = wait(batch_system, job.key, *OVER)
    said = last_words(tmp_path, job.key, 1)
    told = after_reading(Judgement(seen.state, seen.words), said)
    assert told == judge("OUT_OF_MEMORY")
    assert "raise `memory_mb` of its step" in told.words
    fine = spec("true", memory_mb=50)
    batch_system.submit(fine)
    assert wait(batch_system, fine.key, *OVER).state is JobState.SUCCEEDED
