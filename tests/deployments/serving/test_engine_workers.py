"""Workers on a real server: one execution per run, cancel, kill, drain, zombies."""

import os
import signal
import time

import pytest

from deployments.serving.drain import busy_runs, close_zombies, drain, resume
from deployments.serving.processes import marked
from tests.deployments.serving.conftest import POOLS, lines, wait_for, words

pytestmark = pytest.mark.xdist_group("serving")

FACILITY, ONLINE = POOLS


class TestOneForkedWorker:
    @pytest.fixture(scope="class")
    @classmethod
    def worker(cls, engine):
        return engine.worker(ONLINE)

    def test_forked_runs_are_isolated_and_quick(self, engine, worker, folder):
        runs = [engine.start_run("sample-slow", folder=str(folder), seconds=0) for _ in range(4)]
        states = [engine.wait_end(run)["type"] for run in runs]
        assert states == ["COMPLETED"] * 4
        pids = [line[1] for line in lines(folder) if line[0] == "begin"]
        assert len(set(pids)) == 4
        assert str(worker.pid) not in pids

    def test_cancel_reaches_a_forked_run_and_lets_it_clean_up(self, engine, worker, folder):
        run = engine.start_run("sample-slow", folder=str(folder), seconds=60)
        wait_for(lambda: words(folder) == ["begin"], 20, "run did not begin")
        state = {"type": "CANCELLING", "name": "Cancelling"}
        engine.api.post(f"flow_runs/{run}/set_state", {"state": state, "force": True})
        assert engine.wait_end(run)["type"] == "CANCELLED"
        assert words(folder) == ["begin", "cleanup"]

    def test_killed_flow_is_reported_at_once(self, engine, worker, folder):
        run = engine.start_run("sample-slow", folder=str(folder), seconds=60)
        wait_for(lambda: words(folder) == ["begin"], 20, "run did not begin")
        os.kill(int(lines(folder)[0][1]), signal.SIGKILL)
        state = engine.wait_end(run, 10)
        assert state["type"] == "CRASHED"
        assert "-9" in state["message"]

    def test_drain_waits_pauses_and_resumes(self, engine, worker, folder):
        run = engine.start_run("sample-slow", folder=str(folder), seconds=2)
        wait_for(lambda: words(folder) == ["begin"], 20, "run did not begin")
        assert drain(engine.api, ["online"], 0.1) == [engine.api.get(f"flow_runs/{run}")["name"]]
        assert drain(engine.api, ["online"], 20) == []
        late = engine.start_run("sample-slow", folder=str(folder), seconds=0)
        time.sleep(1.5)
        assert engine.state(late)["type"] == "SCHEDULED"
        resume(engine.api, ["online"])
        assert engine.wait_end(late)["type"] == "COMPLETED"


def test_flow_does_not_outlive_a_killed_worker(engine, folder):
    worker = engine.worker(ONLINE)
    run = engine.start_run("sample-slow", folder=str(folder), seconds=60)
    wait_for(lambda: words(folder) == ["begin"], 20, "run did not begin")
    worker.kill()
    assert engine.wait_end(run, 15)["type"] == "CRASHED"
    assert words(folder) == ["begin", "cleanup"]
    wait_for(lambda: not marked(engine.mark), 10, "processes of the worker are left")


def test_sigterm_waits_for_the_running_flow(engine, folder):
    worker = engine.worker(ONLINE, drain=20)
    run = engine.start_run("sample-slow", folder=str(folder), seconds=2.5)
    wait_for(lambda: words(folder) == ["begin"], 20, "run did not begin")
    worker.terminate()
    engine.wait_draining(worker)
    late = engine.start_run("sample-slow", folder=str(folder), seconds=0)
    assert worker.wait(20) == 0
    assert engine.state(run)["type"] == "COMPLETED"
    assert engine.state(late)["type"] == "SCHEDULED"
    engine.api.delete(f"flow_runs/{late}")


def test_sigterm_reports_what_does_not_end(engine, folder):
    worker = engine.worker(ONLINE, drain=0.5)
    run = engine.start_run("sample-slow", folder=str(folder), seconds=60)
    wait_for(lambda: words(folder) == ["begin"], 20, "run did not begin")
    worker.terminate()
    assert worker.wait(20) == 1
    state = engine.state(run)
    assert state["type"] == "CRASHED"
    assert "was stopped and the run did not end" in state["message"]
    assert words(folder) == ["begin", "cleanup"]


def test_two_workers_in_process_execute_each_run_once(engine, folder):
    first = engine.worker(FACILITY)
    second = engine.worker(FACILITY)
    runs = [engine.start_run("sample-quick", folder=str(folder), number=n) for n in range(12)]
    for run in runs:
        assert engine.wait_end(run)["type"] == "COMPLETED"
    first.terminate()
    second.terminate()
    assert (first.wait(20), second.wait(20)) == (0, 0)
    assert sorted(words(folder)) == sorted(f"quick-{n}" for n in range(12))
    assert {line[1] for line in lines(folder)} <= {str(first.pid), str(second.pid)}


def test_sigterm_of_an_in_process_worker_reports_what_does_not_end(engine, folder):
    # The slow flow, moved to the pool of the in-process worker for this test.
    slow = f"deployments/{engine.deployed['sample-slow']}"
    engine.api.patch(slow, {"work_pool_name": "facility", "work_queue_name": "default"})
    try:
        worker = engine.worker(FACILITY, drain=0.5)
        run = engine.start_run("sample-slow", folder=str(folder), seconds=60)
        wait_for(lambda: words(folder) == ["begin"], 20, "run did not begin")
        worker.terminate()
        assert worker.wait(20) == 1
    finally:
        engine.api.patch(slow, {"work_pool_name": "online", "work_queue_name": "default"})
    state = engine.state(run)
    assert state["type"] == "CRASHED"
    assert "was stopped and the run did not end" in state["message"]


def test_zombies_are_closed_with_a_sentence_and_only_ours(engine, folder):
    run = engine.start_run("sample-slow", folder=str(folder), seconds=0)
    other = engine.start_run("sample-slow", folder=str(folder), seconds=0)
    for one, worker in ((run, "dead-worker"), (other, "worker-elsewhere")):
        engine.api.patch(f"flow_runs/{one}/labels", {"prefect.worker.name": worker})
        for state in ("PENDING", "RUNNING"):
            engine.api.post(f"flow_runs/{one}/set_state", {"state": {"type": state}})
    assert len(busy_runs(engine.api, ["online"])) == 2
    assert len(close_zombies(engine.api, ["online"], workers=["dead-worker"])) == 1
    assert engine.state(run)["type"] == "CRASHED"
    assert "was gone when the system was started again" in engine.state(run)["message"]
    assert engine.state(other)["type"] == "RUNNING"
    # A worker of that name closes what its predecessor left, before it takes anything.
    engine.worker(ONLINE, name="worker-elsewhere")
    assert engine.state(other)["type"] == "CRASHED"
    assert words(folder) == []
