"""Holds: what each forbids, to everybody, and what goes on all the same."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import veto
from policies.beamtime import BEAMTIME, BeamtimeFacts
from policies.errors import Refused
from policies.run import RUN, RunFacts
from policies.vocabulary import BeamtimeEvent, BeamtimeState, HoldKind, Role, RunEvent

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVERYBODY = frozenset(Role)
FREE = {"has_pi": True, "team_size": 1, "delivered_shifts": 1}
WHY = "letter of 3 March"


def facts(machine, hold):
    made = BeamtimeFacts(now=NOW, hold=hold, **FREE) if machine is BEAMTIME else None
    return made or RunFacts(hold=hold)


def vetoed(machine, edge, hold):
    """The veto that a row meets, whatever the asker's reason; None when none does."""
    try:
        machine.decide(edge.source, edge.event, EVERYBODY, facts(machine, hold), "I insist")
    except Refused as error:
        return error.context.get("veto")
    return None


@pytest.mark.parametrize("kind", HoldKind)
@pytest.mark.parametrize("machine", [BEAMTIME, RUN], ids=["beamtime", "run"])
def test_exactly_the_listed_events_are_forbidden_to_everybody(machine, kind):
    [rule] = [r for r in veto.RULES if r.kind is kind]
    listed = rule.beamtime if machine is BEAMTIME else rule.run
    text = veto.kept({kind: WHY})
    for edge in machine.edges:
        assert vetoed(machine, edge, text) == (str(kind) if edge.event in listed else None)
        assert vetoed(machine, edge, "") is None


def test_what_must_never_be_stopped_by_a_hold():
    """Recording, closing, aborting and copying: a hold costs no data."""
    always = {
        RunEvent.CLOSE,
        RunEvent.ABORT,
        RunEvent.BEGIN_MIGRATION,
        RunEvent.COMPLETE_MIGRATION,
        RunEvent.FAIL_MIGRATION,
        RunEvent.RETRY_MIGRATION,
    }
    assert not [rule.kind for rule in veto.RULES if rule.run & always]


def test_every_kind_has_one_rule_and_forbids_giving_a_run_up():
    assert [rule.kind for rule in veto.RULES] == list(HoldKind)
    assert all(RunEvent.ASSESS_NOT_INTERESTING in rule.run for rule in veto.RULES)
    assert all(BeamtimeEvent.CLOSE in rule.beamtime for rule in veto.RULES)


def test_the_refusal_says_which_hold_and_why_and_what_is_possible():
    text = veto.kept({HoldKind.LEGAL_HOLD: WHY})
    with pytest.raises(Refused, match=f"a legal-hold stands: {WHY}; an administrator") as caught:
        BEAMTIME.decide(
            BeamtimeState.REVIEWED, BeamtimeEvent.CLOSE, EVERYBODY, facts(BEAMTIME, text), "x"
        )
    assert caught.value.possible == ["step-back"]
    frozen = veto.kept({HoldKind.FROZEN: WHY})
    with pytest.raises(Refused) as caught:
        BEAMTIME.decide(
            BeamtimeState.REVIEWED, BeamtimeEvent.CLOSE, EVERYBODY, facts(BEAMTIME, frozen), "x"
        )
    assert caught.value.possible == []


def test_removal_and_override_meet_every_hold():
    assert veto.against_removal("") == veto.against_override("") == ""
    both = veto.kept({HoldKind.FROZEN: "b", HoldKind.LEGAL_HOLD: "a"})
    assert veto.against_removal(both) == "a legal-hold stands: a; a frozen stands: b"
    assert veto.against_override(both).endswith("lift it first")


REASONS = st.text(min_size=1, max_size=200).map(veto.one_line).filter(bool)


@given(st.dictionaries(st.sampled_from(HoldKind), REASONS))
def test_what_is_kept_is_read_again(standing):
    assert veto.holds(veto.kept(standing)) == standing


@given(st.text(max_size=60))
def test_a_text_of_another_form_stops_rather_than_frees(text):
    assert bool(veto.holds(text)) is bool(text.strip())


@given(st.text(max_size=60))
def test_a_reason_is_one_line_and_cannot_set_another_hold(reason):
    line = veto.one_line(reason + "\nlegal-hold: forged")
    assert len(line.splitlines()) == 1
    assert set(veto.holds(veto.kept({HoldKind.FROZEN: line}))) == {HoldKind.FROZEN}
