"""The form for everything else: every choice is known, asks for what it needs, does something."""

import inspect
from typing import get_type_hints

import pytest

from flows import choices, operator_ask
from policies import asking
from policies.asking import NEEDS, Ask
from policies.beamtime import BEAMTIME
from policies.run import RUN
from policies.vocabulary import BeamtimeEvent, BeamtimeState, HoldKind, RunEvent


def test_every_choice_says_what_it_needs_and_has_an_action():
    assert set(NEEDS) == set(Ask)
    assert set(choices.ACTIONS) == set(Ask)
    assert all(callable(action) for action in choices.ACTIONS.values())


def test_the_form_offers_every_choice():
    form = inspect.signature(operator_ask.operator_ask.fn).parameters
    assert get_type_hints(operator_ask.operator_ask.fn)["ask"] is Ask
    assert {"run", "value", "reason", "operator"} <= set(form)


@pytest.mark.parametrize("ask", Ask)
def test_a_choice_begins_with_what_it_is_about(ask):
    about = ask.value.split(": ")[0]
    assert about in {"beamtime", "run", "proposal"}
    assert NEEDS[ask].run is (about == "run")


@pytest.mark.parametrize("ask", Ask)
def test_what_is_lacking_is_named_field_by_field(ask):
    need = NEEDS[ask]
    wanted = {"run"} if need.run else set()
    wanted |= {"value"} if need.value else set()
    empty = asking.lacking(ask, None, "  ")
    assert set(empty) == wanted
    assert all(rule.startswith(f"{ask} needs ") for rule in empty.values())
    assert asking.lacking(ask, 0, "9") == {}, "run 0 is a run"


def test_events_behind_choices_are_rows_that_people_may_ask():
    assert set(asking.BEAMTIME) <= set(Ask)
    assert set(asking.RUN) <= set(Ask)
    for machine, events in ((BEAMTIME, asking.BEAMTIME), (RUN, asking.RUN)):
        for event in events.values():
            assert any(edge.event is event and "admin" in edge.by for edge in machine.edges)


def test_every_event_of_a_person_can_be_asked_somewhere():
    """Events have a flow of their own, come from a machine, or stand in the form."""
    own_flow = {
        BeamtimeEvent.START,
        BeamtimeEvent.FINISH,
        BeamtimeEvent.REVIEW,
        BeamtimeEvent.CLOSE,
    }
    of_prepare = {BeamtimeEvent.OFFLINE_CONFIGURED, BeamtimeEvent.ONLINE_CONFIGURED}
    assert own_flow | of_prepare | set(asking.BEAMTIME.values()) == set(BeamtimeEvent)
    form = {RunEvent.ASSESS_GOOD, RunEvent.ASSESS_UNCLEAR, RunEvent.ASSESS_NOT_INTERESTING}
    machines = {RunEvent.CLOSE, RunEvent.BEGIN_MIGRATION, RunEvent.COMPLETE_MIGRATION}
    machines |= {RunEvent.FAIL_MIGRATION}
    assert form | machines | set(asking.RUN.values()) == set(RunEvent)


@pytest.mark.parametrize("state", BeamtimeState)
def test_a_status_is_found_by_label_and_by_code(state):
    for text in (state.label, state.value, f" {state.label.upper()} ", state.value.lower()):
        assert asking.status(text) is state
    assert state.label in NEEDS[Ask.BEAMTIME_OVERRIDE].value


@pytest.mark.parametrize("kind", HoldKind)
def test_a_hold_is_found_by_its_word(kind):
    for text in (kind.value, f" {kind.value.upper()} ", kind.value.replace("-", " ")):
        assert asking.hold(text) is kind
    assert asking.hold("hold") is None


@pytest.mark.parametrize("text", ["", " ", "Finished", "AA", "Ready to go"])
def test_what_is_no_status_is_none(text):
    assert asking.status(text) is None
