"""Every flow ends in a sentence, and the catalog knows it whatever the engine does."""

import time

import pytest
from prefect import flow, tags
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.components.ports import reserve
from flows import artifacts
from flows.outcome import Result, conduct
from policies.errors import Refused
from policies.vocabulary import Work
from tests.flows.site import NUMBER


@pytest.fixture
def dark():
    """Settings under which the engine cannot be reached."""
    port = reserve()
    port.release()
    number = port.number
    return {
        PREFECT_API_URL: f"http://127.0.0.1:{number}/api",
    }


def test_pictures_that_cannot_be_drawn_stop_nothing(engine, dark):
    drawn = []

    @flow
    def work():
        ring = artifacts.progress("ring", "copying")
        begun = time.monotonic()
        with temporary_settings(dark):
            artifacts.table("table", [{"a": 1}], "rows")
            artifacts.page("page", "words")
            other = artifacts.progress("other", "copying")
            for done in (1, 50, 100):
                ring(done, 100)
                other(done, 100)
        drawn.append("all")
        assert time.monotonic() - begun < 30
        return "done"

    assert work() == "done"
    assert drawn == ["all"]


def test_a_ring_is_full_at_the_end_and_is_drawn_seldom(engine):
    @flow
    def work():
        ring = artifacts.progress("full-ring", "copying")
        for done in range(1001):
            ring(done, 1000)

    work()
    with get_client(sync_client=True) as client:
        answer = client._client.post("/artifacts/filter", json={})
        answer.raise_for_status()
        (found,) = [a for a in answer.json() if a["key"] == "full-ring"]
    assert found["data"] == 100.0


def test_work_that_is_done_is_concluded_although_the_engine_went_away(ready, put, dark):
    ready.record(1)
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)

    @flow
    def work():
        with temporary_settings(dark):
            return conduct(
                Work.RUN_CLOSED, lambda _unit: Result("all is there"), proposal=NUMBER, run=1
            )

    with tags(f"outbox:{asked.id}"):
        assert put(work).message == "all is there"
    (asked,) = ready.outbox(work=Work.RUN_CLOSED)
    assert asked.outcome == "Completed: all is there"


def test_a_refusal_is_completed_tagged_and_says_what_is_possible(ready, put):
    def body(_unit):
        raise Refused("no.", possible=["start", "step-back"])

    @flow
    def work():
        return conduct(Work.RUN_ASSESS, body, proposal=NUMBER, run=7)

    done = put(work)
    assert (done.name, done.type) == ("Refused", "COMPLETED")
    assert done.message == "no. Possible now: start, step-back."
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(done.state_details.flow_run_id)
    assert set(run.tags) == {"beamkeeper", "outcome:refused", f"proposal:{NUMBER}", "run:0007"}
