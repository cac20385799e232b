"""Who may open and close data, on what conditions; when a round stops for a person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import access, opening
from policies.access import Phase
from policies.acl import Tag
from policies.breakers import Limits, RoundFacts, tripped
from policies.errors import Forbidden, Refused
from policies.opening import PASS, OpenGroup, samples
from policies.policy_words import AccessMode
from policies.release_machine import PROVED_FIRST, RELEASE, ReleaseFacts
from policies.veto import kept
from policies.vocabulary import BeamtimeState, HoldKind, Role
from policies.vocabulary import ReleaseEvent as E
from policies.vocabulary import ReleaseState as S
from tests.policies.test_access import IDS, WHERE

NOW = datetime(2027, 3, 6, 9, 0, tzinfo=UTC)
FINE = ReleaseFacts(
    now=NOW, opens_at=NOW - timedelta(seconds=1), groups=2, proved=frozenset(PROVED_FIRST)
)
SYSTEM, ADMIN = frozenset({Role.SYSTEM}), frozenset({Role.ADMIN})

AGAINST = {
    "embargo ends on": {"opens_at": NOW + timedelta(seconds=1)},
    "opens on no date": {"opens_at": None},
    "no data policy": {"mode": None},
    "to whoever asks": {"mode": AccessMode.ON_REQUEST},
    "whoever has an account": {"mode": AccessMode.REGISTERED},
    "the beamtime is Active": {"beamtime": BeamtimeState.ACTIVE},
    "waits for a decision": {"pending": "a request waits for a decision"},
    "runs 3, 4 are not decided": {"runs_at_work": (3, 4)},
    "open findings": {"findings": ("run 1: size",)},
    "no data that the policy covers": {"groups": 0},
    "no verified copy": {"unproved": ("raw r0001",)},
    "evidence": {"hold": kept({HoldKind.LEGAL_HOLD: "evidence"})},
}


def test_what_is_due_and_fine_may_begin():
    assert RELEASE.decide(S.EMBARGOED, E.BEGIN_OPENING, SYSTEM, FINE).row.target is S.OPENING


@pytest.mark.parametrize("words", AGAINST)
def test_each_condition_alone_keeps_it_closed_and_nobody_passes_it(words):
    facts = replace(FINE, **AGAINST[words])
    with pytest.raises(Refused, match=words):
        RELEASE.decide(S.EMBARGOED, E.BEGIN_OPENING, SYSTEM, facts)
    with pytest.raises(Refused):
        RELEASE.decide(S.RECLOSED, E.BEGIN_OPENING, ADMIN, facts, "I want it")


def test_somebody_s_grant_stands_for_the_policy_but_for_nothing_else():
    asked = replace(FINE, mode=AccessMode.ON_REQUEST, allowed=True)
    assert RELEASE.decide(S.EMBARGOED, E.BEGIN_OPENING, SYSTEM, asked)
    with pytest.raises(Refused):
        RELEASE.decide(
            S.EMBARGOED, E.BEGIN_OPENING, SYSTEM, replace(asked, findings=("run 1: size",))
        )


@pytest.mark.parametrize("missing", PROVED_FIRST)
def test_open_needs_every_proof(missing):
    facts = replace(FINE, proved=frozenset(PROVED_FIRST) - {missing})
    with pytest.raises(Refused, match=f"not proved: {missing}"):
        RELEASE.decide(S.OPENING, E.CONFIRM_OPEN, SYSTEM, facts)
    assert RELEASE.decide(S.OPENING, E.CONFIRM_OPEN, SYSTEM, FINE).row.target is S.OPEN


def test_no_schedule_opens_what_a_person_closed():
    with pytest.raises(Forbidden):
        RELEASE.decide(S.RECLOSED, E.BEGIN_OPENING, SYSTEM, FINE, "again")
    with pytest.raises(Refused, match="reason"):
        RELEASE.decide(S.OPEN, E.RECLOSE, ADMIN, FINE)


def test_only_named_people_close_and_a_hold_keeps_nobody_from_closing():
    held = replace(FINE, hold=kept({HoldKind.FROZEN: "a question"}))
    assert RELEASE.decide(S.OPEN, E.RECLOSE, ADMIN, held, "an incident").row.target is S.RECLOSED
    for role in set(Role) - {Role.ADMIN}:
        with pytest.raises(Forbidden):
            RELEASE.decide(S.OPEN, E.RECLOSE, frozenset({role}), FINE, "why")


CALM = RoundFacts(
    NOW, due=3, byte_size=10**12, usual=(2, 3, 4), last_round=NOW - timedelta(days=1),
    last_change=NOW - timedelta(seconds=1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(CALM, due=21, usual=()), "21 proposals would open, 20 are the most"),
        (replace(CALM, byte_size=501 * 10**12), "501.0 TB would open, 500.0 TB are the most"),
        (replace(CALM, due=10), "10 proposals would open, usual are 3.0"),
        (replace(CALM, last_change=NOW + timedelta(seconds=1)), "the clock is behind the history"),
        (replace(CALM, last_round=NOW - timedelta(days=40)), "the last round was 40 days ago"),
        (replace(CALM, last_round=NOW - timedelta(hours=37)), "the last round was 37 h ago"),
    ],
)
def test_a_round_stops_for_a_person(facts, words):
    assert [w for w in tripped(facts, Limits()) if words in w]
    assert tripped(replace(facts, due=0), Limits()) == ()


def test_a_usual_round_goes_on_and_so_does_the_very_first():
    assert tripped(CALM, Limits()) == ()
    assert tripped(RoundFacts(NOW, due=20, byte_size=1), Limits()) == ()
    assert tripped(replace(CALM, due=5, usual=(1, 1)), Limits()) == ()


@given(st.integers(0, 500), st.integers(2, 64))
def test_samples_hold_the_first_and_the_last(count, most):
    names = [f"{n:04d}" for n in range(count)]
    found = samples(names, most)
    assert found == sorted(set(found))
    assert len(found) == min(count, most)
    assert not names or (found[0], found[-1]) == (names[0], names[-1])


def test_a_way_adds_for_everybody_to_pass_and_changes_nothing_else():
    plan = access.offline(*WHERE, Phase.CLOSED, IDS)
    (raw,) = [f for f in plan.folders if f.kind == "raw"]
    wider = opening.passing(plan, {raw.path: PASS})
    for before, after in zip(plan.folders, wider.folders, strict=True):
        assert before.default == after.default
        if before.path != raw.path:
            assert before == after
            continue
        changed = set(after.access) - set(before.access)
        assert [(e.tag, e.perm) for e in changed] == [(Tag.OTHER, PASS)]
        assert after.mode == before.mode | PASS
        assert after.without_acl().mode & 7 == PASS
        assert before.without_acl().mode & 7 == 0


def test_what_is_above_open_data_can_be_passed_not_listed():
    group = OpenGroup(1, "raw", 7, "/gpfs/exfel/d/raw/SPB/202401/p002012/r0007", "GPFS")
    home = opening.Home("SPB", "202401", 2012)
    found = opening.ways([group], home, opening.Mounts())
    assert found == {
        "/gpfs/exfel/d/raw/SPB/202401/p002012": opening.PASS,
        "/gpfs/exfel/d/open/SPB/202401/p002012": opening.READ,
    }
    link = opening.link_of(group, home, opening.Mounts())
    assert link.path == "/gpfs/exfel/d/open/SPB/202401/p002012/raw/r0007"
