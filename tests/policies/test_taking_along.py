"""How many flows a burst gets, and when one of them stops taking others along."""

import itertools

import pytest

from policies.along import FAILURES, STILL_SECONDS, Traffic, goes_on, room


@pytest.mark.parametrize(("starting", "at_work"), list(itertools.product(range(4), range(4))))
def test_what_is_started_never_passes_what_a_place_gets_while_things_move(starting, at_work):
    moving = Traffic(starting, at_work, still_seconds=0.1)
    assert room(moving, 2) == max(0, 2 - starting - at_work)


def test_an_idle_place_gets_all_its_flows_at_once():
    assert room(Traffic(), 2) == 2
    assert room(Traffic(), 5) == 5


@pytest.mark.parametrize("still", [STILL_SECONDS, 3600.0, None])
def test_long_runs_do_not_keep_others_waiting(still):
    assert room(Traffic(0, 2, still), 2) == 1
    assert room(Traffic(0, 9, still), 2) == 1
    assert room(Traffic(1, 2, still), 2) == 1


def test_an_engine_that_starts_nothing_is_not_given_more():
    assert room(Traffic(2, 0, None), 2) == 0
    assert room(Traffic(2, 2, 3600.0), 2) == 0


def test_a_flow_stops_at_each_of_its_limits():
    assert goes_on(0, 0, 0.0, 10, 30.0)
    assert goes_on(9, FAILURES - 1, 29.9, 10, 30.0)
    assert not goes_on(10, 0, 0.0, 10, 30.0)
    assert not goes_on(3, FAILURES, 0.0, 10, 30.0)
    assert not goes_on(1, 0, 30.0, 10, 30.0)
    assert not goes_on(0, 0, 0.0, 0, 30.0)
