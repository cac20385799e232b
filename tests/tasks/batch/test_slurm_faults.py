"""SLURM's own accidents: unknown is never failed, a dead node costs time only."""

import os
import time

import pytest

from policies.errors import Unavailable
from policies.vocabulary import JobState
from tasks.batch import JobSpec
from tests.tasks.batch.test_slurm_jobs import OVER, wait

pytestmark = pytest.mark.xdist_group("slurm")


def job(tmp_path, name, *command):
    return JobSpec(f"fault-{os.getpid()}-{name}", command, str(tmp_path), "exfel", 1)


def test_a_silent_controller_is_unknown_and_the_job_goes_on(cluster, batch_system, tmp_path):
    work = job(tmp_path, "silent", "sh", "-c", f"sleep 2; echo ran >>{tmp_path}/ran")
    number = batch_system.submit(work)
    wait(batch_system, work.key, JobState.RUNNING)
    cluster.stop_controller()
    try:
        with pytest.raises(Unavailable):
            batch_system.look([work.key])
        with pytest.raises(Unavailable):
            batch_system.submit(job(tmp_path, "later", "true"))
    finally:
        cluster.start_controller()
    end = time.monotonic() + 40
    while True:
        try:
            seen = wait(batch_system, work.key, *OVER)
            break
        except Unavailable:
            assert time.monotonic() < end
    assert (seen.state, seen.job_id) == (JobState.SUCCEEDED, number)
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_a_dead_node_gives_the_job_back_and_it_ends_well(cluster, batch_system, tmp_path):
    flag = tmp_path / "again"
    script = f"[ -e {flag} ] && exit 0; touch {flag}; sleep 120"
    work = job(tmp_path, "node", "sh", "-c", script)
    batch_system.submit(work)
    wait(batch_system, work.key, JobState.RUNNING)
    while not flag.exists():
        time.sleep(0.05)
    node = cluster.run("squeue", "-h", f"--name={work.key}", "-o", "%N").stdout.strip()
    cluster.kill_node(int(node.removeprefix("max")))
    try:
        seen = wait(batch_system, work.key, JobState.QUEUED, *OVER, seconds=90)
        assert seen.state is JobState.QUEUED
        assert "starts it later by itself" in seen.words
    finally:
        cluster.start_node(int(node.removeprefix("max")))
    cluster.run("scontrol", "update", f"JobId={seen.job_id}", "StartTime=now", check=False)
    assert wait(batch_system, work.key, *OVER, seconds=150).state is JobState.SUCCEEDED
