"""Duplicates, permutations and kill -9: every message has one effect, whatever happens."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.catalog.story import closed, opened
from tests.deployments.gateway.site import NUMBER, OTHER

pytestmark = pytest.mark.xdist_group("gateway-order")

STORY = {
    "run-opened": opened,
    "run-updated": lambda run: {"proposal": NUMBER, "run": run, "alias": f"night {run}"},
    "run-closed": closed,
}
ORDERS = list(itertools.permutations(STORY))


@pytest.mark.parametrize("order", ORDERS, ids=lambda o: " ".join(k.split("-")[1] for k in o))
def test_every_order_ends_alike(site, order):
    run = 200 + ORDERS.index(order)
    answers = [site.post(kind, STORY[kind](run), f"perm-{run}-{kind}") for kind in order]
    assert {a.status_code for a in answers} == {202}
    early = order[: order.index("run-opened")]
    assert [a.json()["state"] for a in answers[: len(early)]] == ["held"] * len(early)
    query = "SELECT state, run_alias, last_train FROM runs WHERE run_number = :r"
    assert [tuple(r) for r in site.rows(query, r=run)] == [("closed", f"night {run}", 1600)]
    assert {r[0] for r in site.rows("SELECT state FROM inbox WHERE run = :r", r=run)} == {"applied"}
    keys = "SELECT work FROM outbox WHERE run = :r ORDER BY work"
    assert [r[0] for r in site.rows(keys, r=run)] == ["daq_run_complete", "run-closed"]
    assert site.sound()


def test_the_same_message_from_many_threads_has_one_effect(site):
    start = threading.Barrier(12)

    def tell(_number):
        start.wait()
        return site.post("run-opened", opened(300), "same-300")

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(tell, range(12)))
    assert {(a.status_code, a.text) for a in answers} == {
        (202, '{"event_id": "same-300", "state": "applied"}')
    }
    assert site.one("SELECT count(*) FROM changes WHERE run = 300") == 1
    assert site.one("SELECT count(*) FROM inbox WHERE event_id = 'same-300'") == 1


def test_the_same_run_told_under_many_event_ids_is_opened_once(site):
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda i: site.post("run-opened", opened(301), f"many-{i}"), range(8))
        )
    assert sorted(a.json()["state"] for a in answers) == ["applied"] + ["ignored"] * 7
    assert site.one("SELECT count(*) FROM runs WHERE run_number = 301") == 1


def test_a_closing_that_says_otherwise_is_refused_with_the_reason(site):
    site.post("run-opened", opened(302), "o302")
    site.post("run-closed", closed(302), "c302")
    other = site.post("run-closed", closed(302, last_train=1700), "c302b")
    assert other.status_code == 409
    assert other.json()["state"] == "refused"
    assert "another last_train" in other.json()["reason"]
    early = site.post("run-closed", closed(302, last_train=7), "c302c")
    assert early.status_code == 422
    assert early.json()["fields"] == {"last_train": "must be greater than or equal to 1000"}


def test_a_message_for_an_unknown_proposal_waits(site):
    answer = site.post("run-opened", opened(1, 777_777), "unknown-p")
    assert answer.status_code == 202
    assert answer.json()["state"] == "held"
    assert "no proposal 777777" in answer.json()["reason"]


def test_what_was_answered_survives_kill_9(site):
    """Killed right after the answers: every 202 is on disk, and sending all again adds nothing."""
    messages = [(kind, run) for run in range(400, 420) for kind in STORY]

    def tell(message):
        kind, run = message
        return site.post(kind, STORY[kind](run), f"kill-{run}-{kind}")

    with ThreadPoolExecutor(6) as pool:
        first = list(pool.map(tell, messages))
    site.kill()
    query = "SELECT count(*) FROM inbox WHERE event_id LIKE 'kill-%'"
    assert site.one(query) == len(messages)
    assert {a.status_code for a in first} == {202}
    site.start()
    again = [tell(message) for message in messages]
    assert [a.text for a in again] == [a.text for a in first]
    assert site.one(query) == len(messages)
    runs = "SELECT state, count(*) FROM runs WHERE run_number BETWEEN 400 AND 419 GROUP BY state"
    assert [tuple(r) for r in site.rows(runs)] == [("closed", 20)]
    assert site.sound()


def test_killed_in_the_middle_nothing_is_lost_or_doubled(site):
    """A sender that repeats what was not answered reaches the same end across kills."""
    pause = threading.Event()
    lost: list[str] = []

    def tell(run):
        event_id = f"mid-{run}"
        for _ in range(400):
            try:
                answer = site.post("run-opened", opened(run), event_id)
            except httpx.HTTPError:
                pause.wait(0.1)
                continue
            if answer.status_code == 202:
                return
        lost.append(event_id)

    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(tell, run) for run in range(500, 560)]
        while site.one("SELECT count(*) FROM runs WHERE run_number BETWEEN 500 AND 559") < 15:
            pause.wait(0.01)
        site.kill()
        site.start()
        for one in done:
            one.result()
    assert not lost
    assert site.one("SELECT count(*) FROM runs WHERE run_number BETWEEN 500 AND 559") == 60
    assert site.one("SELECT count(*) FROM changes WHERE run BETWEEN 500 AND 559") == 60
    assert site.sound()


def test_sigterm_answers_what_it_took(site):
    with ThreadPoolExecutor(4) as pool:
        done = [
            pool.submit(site.post, "run-opened", opened(run), f"term-{run}")
            for run in range(600, 604)
        ]
        answers = [one.result() for one in done]
    assert site.child is not None
    site.child.stop()
    assert not site.child.running()
    site.start()
    assert {a.status_code for a in answers} == {202}
    assert site.one("SELECT count(*) FROM runs WHERE run_number BETWEEN 600 AND 603") == 4


def test_what_waits_says_for_what(site):
    body = {"proposal": OTHER, "run": 1, "sample": "x"}
    held = site.post("run-updated", body, "late-held", sender="any-daq")
    assert held.json()["state"] == "held"
    assert held.json()["reason"] == f"proposal {OTHER} has no run 1: waits for it"
