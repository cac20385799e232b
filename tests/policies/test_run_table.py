"""The run lifecycle: what is wanted is migrated, and migrated means two verified copies."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import run_guards as guards
from policies.errors import Forbidden, Refused
from policies.run import (
    ASSESS,
    PENDING,
    QUALITY,
    RETRY_AFTER,
    RUN,
    TRANSIENT_LIMIT,
    UNASSESSED,
    WIRE_STATUS,
    quality_label,
    retry_after,
)
from policies.vocabulary import Assessment, Role, RunQuality, RunStatus, Work
from policies.vocabulary import RunEvent as E
from policies.vocabulary import RunState as S
from tests.policies.built_facts import run_facts

WANTED = (E.ASSESS_GOOD, E.ASSESS_UNCLEAR)
ASSESSMENTS = (*WANTED, E.ASSESS_NOT_INTERESTING)
JUDGES = {Role.ADMIN, Role.LS, Role.BE, Role.LC, Role.SG, Role.PI, Role.MP, Role.T_DM}


def rows(event):
    return [edge for edge in RUN.edges if edge.event is event]


def target(state, event, role=Role.ADMIN, reason="why"):
    return RUN.decide(state, event, {role}, run_facts(), reason).row.target


def test_wire_codes():
    assert {q.name: q.value for q in RunQuality} == {
        "NOT_ASSESSED": -1,
        "NOT_INTERESTING": 0,
        "GOOD": 1,
        "UNCLEAR": 2,
    }
    assert {s.name: s.value for s in RunStatus} == {"OPEN": 1, "CLOSED": 2, "ABORTED": -1}
    assert set(WIRE_STATUS) == set(S)
    assert WIRE_STATUS[S.OPEN] == 1
    assert WIRE_STATUS[S.ABORTED] == -1
    assert {WIRE_STATUS[s] for s in set(S) - {S.OPEN, S.ABORTED}} == {2}


@given(st.integers())
def test_a_quality_that_nobody_knows_reads_others(code):
    known = {-1: "Not assessed", 0: "Not interesting", 1: "Good", 2: "Unclear"}
    assert quality_label(code) == known.get(code, "Others")


def test_the_three_choices_of_the_form_are_events_and_codes():
    assert set(ASSESS) == set(Assessment)
    assert tuple(ASSESS.values()) == ASSESSMENTS
    assert {a: quality_label(QUALITY[e]) for a, e in ASSESS.items()} == {a: a for a in Assessment}


def test_every_run_that_ended_can_be_assessed_and_an_open_one_cannot():
    for event in ASSESSMENTS:
        assert {edge.source for edge in rows(event)} == set(S) - {S.OPEN}


@pytest.mark.parametrize("event", ASSESSMENTS)
def test_who_judges(event):
    assert {frozenset(edge.by) for edge in rows(event)} == {frozenset(JUDGES | {Role.SYSTEM})}


def test_migrated_exactly_when_good_or_unclear():
    for state in UNASSESSED:
        for event in WANTED:
            edge = RUN.row(state, event)
            assert (edge.target, edge.then) == (S.MIGRATION_REQUESTED, (Work.RUN_MIGRATE,))
        edge = RUN.row(state, E.ASSESS_NOT_INTERESTING)
        assert (edge.target, edge.then) == (S.NOT_INTERESTING, ())


def test_the_copy_is_asked_for_once_and_only_on_the_way_to_it():
    for edge in RUN.edges:
        asks = edge.target is S.MIGRATION_REQUESTED and edge.source is not edge.target
        assert (Work.RUN_MIGRATE in edge.then) is asks
        assert (guards.ONLINE_COPY in edge.needs) or not asks


def test_a_mind_may_change_until_the_copy_begins_and_afterwards_only_the_label():
    assert target(S.NOT_INTERESTING, E.ASSESS_GOOD) is S.MIGRATION_REQUESTED
    assert target(S.MIGRATION_REQUESTED, E.ASSESS_NOT_INTERESTING) is S.NOT_INTERESTING
    assert target(S.MIGRATION_FAILED, E.ASSESS_NOT_INTERESTING) is S.NOT_INTERESTING
    for state in (S.MIGRATING, S.MIGRATED):
        assert {target(state, event) for event in ASSESSMENTS} == {state}
    with pytest.raises(Refused, match="nothing to migrate from"):
        RUN.decide(
            S.NOT_INTERESTING, E.ASSESS_GOOD, {Role.ADMIN}, run_facts({"online copy exists"}), "x"
        )


def test_there_is_one_door_to_migrated_and_it_asks_for_the_copies():
    doors = [e for e in RUN.edges if e.target is S.MIGRATED and e.source is not S.MIGRATED]
    assert [(d.source, d.event) for d in doors] == [(S.MIGRATING, E.COMPLETE_MIGRATION)]
    assert doors[0].needs == (guards.COPIES,)
    assert not guards.COPIES.overridable


@given(
    stores=st.lists(st.sampled_from(["ONLINE", "OFFLINE", "DCACHE"]), unique=True),
    pair=st.booleans(),
    needed=st.integers(2, 4),
)
def test_complete_means_enough_copies_in_an_allowed_pair(stores, pair, needed):
    facts = replace(
        run_facts(), verified_copies=tuple(stores), pair_safe=pair, copies_needed=needed
    )
    if pair and len(stores) >= needed:
        decision = RUN.decide(S.MIGRATING, E.COMPLETE_MIGRATION, {Role.SYSTEM}, facts)
        assert decision.row.target is S.MIGRATED
    else:
        with pytest.raises(Refused, match=f"^{len(stores)} verified copies .* {needed} are needed"):
            RUN.decide(S.MIGRATING, E.COMPLETE_MIGRATION, set(Role), facts, "the boss says so")


def test_nothing_leaves_migrated():
    assert {edge.target for edge in RUN.edges if edge.source is S.MIGRATED} == {S.MIGRATED}


def test_only_the_storage_side_speaks_of_copies():
    for event in (E.BEGIN_MIGRATION, E.COMPLETE_MIGRATION, E.FAIL_MIGRATION):
        for edge in rows(event):
            assert edge.by == {Role.SYSTEM, Role.STORAGE_SYS, Role.ADMIN}


def test_a_copy_begins_from_registered_files_of_an_online_copy():
    for edge in rows(E.BEGIN_MIGRATION):
        assert {guards.REGISTERED, guards.ONLINE_COPY} <= set(edge.needs)
    assert not guards.REGISTERED.holds(replace(run_facts(), inspected=False))
    assert not guards.REGISTERED.holds(replace(run_facts(), files_registered=0))


def test_findings_stop_a_copy_that_has_not_begun_until_somebody_answers_for_it():
    bad = run_facts({"no blocking finding"})
    for state in (S.MIGRATION_REQUESTED, S.MIGRATION_FAILED):
        with pytest.raises(Refused, match="forbid migration: trains-repeat; resolve them"):
            RUN.decide(state, E.BEGIN_MIGRATION, {Role.SYSTEM}, bad)
        passed = RUN.decide(state, E.BEGIN_MIGRATION, {Role.ADMIN}, bad, "looked at it")
        assert passed.overridden == ("no blocking finding",)
    assert RUN.decide(S.MIGRATING, E.BEGIN_MIGRATION, {Role.SYSTEM}, bad).row.target is S.MIGRATING


@pytest.mark.parametrize("event", [E.ABORT, E.FAIL_MIGRATION])
def test_force_and_failure_give_a_reason(event):
    for edge in rows(event):
        assert edge.reason
        with pytest.raises(Refused, match="needs a reason"):
            RUN.decide(edge.source, event, {Role.ADMIN}, run_facts(), "  ")


def test_runs_are_closed_by_the_daq_also_after_an_abort():
    assert {edge.source for edge in rows(E.CLOSE)} == {S.OPEN, S.ABORTED}
    assert all(edge.by == {Role.DAQ_SYS, Role.ADMIN} for edge in rows(E.CLOSE))
    with pytest.raises(Forbidden, match="may be asked by admin, karabo_sys"):
        RUN.decide(S.OPEN, E.CLOSE, {Role.PI}, run_facts())


def test_whatever_ends_a_run_has_its_files_read():
    for edge in RUN.edges:
        ends = edge.event in {E.CLOSE, E.ABORT}
        assert (Work.RUN_CLOSED in edge.then) is ends


def test_a_failed_copy_can_be_asked_for_again_by_those_who_judge():
    (edge,) = rows(E.RETRY_MIGRATION)
    assert (edge.source, edge.target) == (S.MIGRATION_FAILED, S.MIGRATION_REQUESTED)
    assert edge.by >= JUDGES | {Role.SYSTEM}


def test_states_that_head_for_another_have_a_limit():
    assert set(TRANSIENT_LIMIT) == PENDING - {S.MIGRATION_FAILED}
    assert all(limit > timedelta(0) for limit in TRANSIENT_LIMIT.values())


def test_the_retry_ladder_ends_with_a_person():
    minutes = [int(w.total_seconds() // 60) for w in RETRY_AFTER]
    assert minutes == [1, 5, 15, 60, 240]
    assert [retry_after(n) for n in range(1, 6)] == list(RETRY_AFTER)
    assert [retry_after(n) for n in (-1, 0, 6, 7, 1000)] == [None] * 5
