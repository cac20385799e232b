"""The beamtime status workflow says what the slides and the facility's rules say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deployments import reference_pages
from policies import beamtime_guards as guards
from policies.beamtime import (
    BEAMTIME,
    OFFLINE_STEPS,
    ONLINE_STEPS,
    OPTIONAL_STEPS,
    RUNS_ACCEPTED_IN,
    START_MARGIN,
    Span,
)
from policies.errors import Refused
from policies.vocabulary import BeamtimeEvent as E
from policies.vocabulary import BeamtimeState as S
from policies.vocabulary import Role, StepName, StepState
from tests.policies.built_facts import DAY, HOUR, NOW, beamtime_facts, every_step

PEOPLE = frozenset(Role) - {Role.SYSTEM, Role.DAQ_SYS, Role.PORTAL_SYS, Role.STORAGE_SYS}
FORWARD = [
    (S.NEW, E.OFFLINE_CONFIGURED, S.GPFS_OFFLINE_DONE),
    (S.GPFS_OFFLINE_DONE, E.ONLINE_CONFIGURED, S.GPFS_ONLINE_DONE),
    (S.GPFS_ONLINE_DONE, E.MAKE_READY, S.READY),
    (S.READY, E.START, S.ACTIVE),
    (S.ACTIVE, E.FINISH, S.FINISHED),
    (S.FINISHED, E.REVIEW, S.REVIEWED),
    (S.REVIEWED, E.CLOSE, S.CLOSED),
]
BACK = [
    (S.READY, E.STEP_BACK, S.GPFS_ONLINE_DONE),
    (S.ACTIVE, E.STEP_BACK, S.READY),
    (S.FINISHED, E.STEP_BACK, S.ACTIVE),
    (S.REVIEWED, E.STEP_BACK, S.FINISHED),
    (S.CLOSED, E.REOPEN, S.REVIEWED),
]


def row(state, event):
    return BEAMTIME.row(state, event)


def needs(state, event):
    return {guard.name for guard in row(state, event).needs}


def test_the_wire_codes_in_their_order():
    assert [s.value for s in S] == ["N", "GOF", "GON", "R", "A", "F", "FR", "CLO"]
    assert all(len(s.value) <= 3 for s in S)


def test_the_labels_of_the_slides():
    assert [s.label for s in S] == [
        "New",
        "GPFS Offline Configuration Done",
        "GPFS Online Configuration Done",
        "Ready",
        "Active",
        "Finished (Beamtime)",
        "Finished and Reviewed",
        "Closed",
    ]


def test_forward_one_step_at_a_time_and_back_the_same_way():
    ways = [(e.source, e.event, e.target) for e in BEAMTIME.edges]
    assert sorted(ways) == sorted(FORWARD + BACK)
    places = {state: place for place, state in enumerate(S)}
    assert all(places[to] - places[at] == 1 for at, _, to in FORWARD)
    assert all(places[at] - places[to] == 1 for at, _, to in BACK)


def test_every_way_back_needs_a_reason_and_no_way_forward_does():
    assert {(e.source, e.event) for e in BEAMTIME.edges if e.reason} == {b[:2] for b in BACK}


def test_steps_back_are_for_leaders_and_reopening_for_administrators():
    assert all(row(*b[:2]).by == {Role.ADMIN, Role.LS} for b in BACK[:-1])
    assert row(S.CLOSED, E.REOPEN).by == {Role.ADMIN}


@pytest.mark.parametrize("role", [Role.PI, Role.MP, Role.T_PART, Role.T_UL])
def test_proposers_and_participants_move_no_status(role):
    assert not [e for e in BEAMTIME.edges if role in e.by]


@pytest.mark.parametrize("role", [Role.DAQ_SYS, Role.PORTAL_SYS, Role.STORAGE_SYS])
def test_service_accounts_move_no_status(role):
    assert not [e for e in BEAMTIME.edges if role in e.by]


@pytest.mark.parametrize("event", [E.START, E.FINISH])
def test_the_instruments_people_and_data_managers_start_and_finish(event):
    state = {E.START: S.READY, E.FINISH: S.ACTIVE}[event]
    wanted = {Role.ADMIN, Role.LS, Role.BE, Role.SG, Role.LC, Role.T_DM}
    assert row(state, event).by & PEOPLE == wanted


def test_the_review_is_a_leading_scientists():
    assert row(S.FINISHED, E.REVIEW).by == {Role.ADMIN, Role.LS}


def test_what_each_step_needs():
    assert needs(S.NEW, E.OFFLINE_CONFIGURED) == {
        "has a beamtime",
        "beamtime inside its cycle",
        "team has a PI",
        "offline steps green",
    }
    assert needs(S.GPFS_OFFLINE_DONE, E.ONLINE_CONFIGURED) == {"online steps green"}
    assert needs(S.GPFS_ONLINE_DONE, E.MAKE_READY) >= {"offline steps green", "online steps green"}
    assert needs(S.READY, E.START) >= {"no other Active", "24 h before begin or later"}
    assert needs(S.ACTIVE, E.FINISH) == {"no run open"}
    assert needs(S.FINISHED, E.REVIEW) == {
        "delivered shifts filled",
        "every run assessed",
        "no migration pending",
        "no calibration pending",
    }
    assert needs(S.REVIEWED, E.CLOSE) >= {"archived or no archival due", "no migration pending"}


def test_whatever_leads_to_active_looks_for_another_active_one():
    for edge in BEAMTIME.edges:
        assert (edge.target is S.ACTIVE) == (guards.ONE_ACTIVE in edge.needs)


def test_what_no_reason_passes():
    everything = {guard for edge in BEAMTIME.edges for guard in edge.needs}
    assert {guard.name for guard in everything if not guard.overridable} == {
        "no other Active",
        "no run open",
        "no migration pending",
    }


def test_runs_are_taken_in_ready_and_active():
    assert {S.READY, S.ACTIVE} == RUNS_ACCEPTED_IN


def test_every_step_belongs_to_one_side():
    assert sorted(OFFLINE_STEPS + ONLINE_STEPS + OPTIONAL_STEPS) == sorted(StepName)


# ---- guards at their edges -------------------------------------------------------------------


def test_a_beamtime_may_start_a_day_before_and_not_a_moment_earlier():
    begin = NOW + START_MARGIN
    facts = replace(beamtime_facts(), beamtimes=(Span(begin, begin + DAY),))
    assert guards.NEAR_BEGIN.holds(facts)
    moment = timedelta(microseconds=1)
    later = replace(facts, beamtimes=(Span(begin + moment, begin + DAY),))
    assert not guards.NEAR_BEGIN.holds(later)
    assert "begins at 2024-03-02 12:00 UTC" in guards.NEAR_BEGIN.otherwise(later)


def test_the_first_of_several_beamtimes_counts_for_the_start():
    spans = (Span(NOW + 9 * DAY, NOW + 10 * DAY), Span(NOW + HOUR, NOW + DAY))
    facts = replace(beamtime_facts(), beamtimes=spans)
    assert guards.NEAR_BEGIN.holds(facts)
    assert (facts.first_begin_at, facts.last_end_at) == (NOW + HOUR, NOW + 10 * DAY)
    none = replace(facts, beamtimes=())
    assert (none.first_begin_at, none.last_end_at) == (None, None)


def test_a_beamtime_that_fills_its_cycle_is_inside():
    span = Span(NOW, NOW + DAY)
    facts = replace(beamtime_facts(), beamtimes=(span,), cycle=span)
    assert guards.INSIDE_CYCLE.holds(facts)
    second = timedelta(seconds=1)
    early = replace(facts, cycle=Span(NOW + second, NOW + DAY))
    late = replace(facts, cycle=Span(NOW, NOW + DAY - second))
    assert not guards.INSIDE_CYCLE.holds(early)
    assert not guards.INSIDE_CYCLE.holds(late)
    assert guards.INSIDE_CYCLE.holds(replace(facts, cycle=None)), "an unknown cycle says nothing"


def test_one_beamtime_outside_is_enough():
    inside = Span(NOW, NOW + DAY)
    facts = replace(beamtime_facts(), cycle=inside, beamtimes=(inside, Span(NOW, NOW + 2 * DAY)))
    assert not guards.INSIDE_CYCLE.holds(facts)


@pytest.mark.parametrize("state", StepState)
def test_a_step_is_green_when_it_is_done_or_visibly_skipped(state):
    green = state in {StepState.DONE, StepState.SKIPPED}
    for guard, step in [
        (guards.OFFLINE_GREEN, "LDAP_GROUPS"),
        (guards.ONLINE_GREEN, "ONLINE_ACLS"),
    ]:
        facts = replace(beamtime_facts(), steps=every_step(**{step: state}))
        assert guard.holds(facts) is green
        if not green:
            assert guard.otherwise(facts) == f"not recorded green: {StepName[step]}"


def test_a_step_that_nobody_recorded_is_not_green():
    facts = replace(beamtime_facts(), steps={})
    assert guards.OFFLINE_GREEN.otherwise(facts).count(",") == len(OFFLINE_STEPS) - 1
    assert not guards.OFFLINE_GREEN.holds(facts)
    assert not guards.ONLINE_GREEN.holds(facts)


def test_a_team_of_nobody_has_no_pi():
    assert not guards.HAS_PI.holds(replace(beamtime_facts(), team_size=0))


def test_shifts_are_for_user_proposals_and_zero_is_a_number():
    facts = beamtime_facts()
    assert guards.SHIFTS.holds(replace(facts, delivered_shifts=0))
    assert guards.SHIFTS.holds(replace(facts, delivered_shifts=None, user_proposal=False))
    assert not guards.SHIFTS.holds(replace(facts, delivered_shifts=None))


@pytest.mark.parametrize(
    ("state", "event", "field", "sentence"),
    [
        (S.ACTIVE, E.FINISH, "open_runs", "still open: "),
        (S.FINISHED, E.REVIEW, "unassessed_runs", "not assessed: "),
        (S.FINISHED, E.REVIEW, "undecided_runs", "not migrated yet: "),
        (S.FINISHED, E.REVIEW, "calibrating_runs", "calibration is not over: "),
    ],
)
def test_runs_are_listed_by_name_and_many_are_counted(state, event, field, sentence):
    few = replace(beamtime_facts(), **{field: (1, 82)})
    with pytest.raises(Refused, match=f"^{sentence}r0001, r0082"):
        BEAMTIME.decide(state, event, {Role.LS}, few)
    many = replace(beamtime_facts(), **{field: tuple(range(1, 12))})
    with pytest.raises(Refused, match=r"r0007, r0008 and 3 more"):
        BEAMTIME.decide(state, event, {Role.LS}, many)


def test_a_life_from_new_to_closed():
    state = BEAMTIME.start
    for _, event, target in FORWARD:
        state = BEAMTIME.decide(state, event, {Role.ADMIN}, beamtime_facts()).row.target
        assert state is target
    assert BEAMTIME.ends == {state}


def test_the_handbook_says_what_the_tables_say():
    assert reference_pages.stale() == []
