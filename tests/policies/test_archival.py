"""When raw data may leave the disk, and what speaks against it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.archival import (
    ARCHIVAL,
    ArchivalFacts,
    ArchivalRules,
    expected_at,
    notice_at,
    ready_at,
)
from policies.errors import Forbidden, Refused
from policies.veto import kept
from policies.vocabulary import ArchivalEvent as E
from policies.vocabulary import ArchivalState as S
from policies.vocabulary import BeamtimeState, HoldKind, Role

BERLIN = ZoneInfo("Europe/Berlin")
RULES = ArchivalRules()
NOW = datetime(2029, 6, 1, tzinfo=UTC)
FINE = ArchivalFacts(NOW, ready_at=NOW)
SYSTEM = frozenset({Role.SYSTEM})


def berlin(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def test_the_published_proposal():
    found = expected_at(berlin("2028-12-31T23:59:58"), BERLIN, RULES)
    assert found == berlin("2029-02-12T00:00:00")


def test_days_are_civil_days_across_the_change_of_the_clocks():
    found = expected_at(berlin("2027-02-20T12:00:00"), BERLIN, RULES)
    assert found == berlin("2027-04-04T00:00:00")
    assert notice_at(found, BERLIN, RULES) == berlin("2027-01-04T00:00:00")


@given(st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)), st.integers(-400, 400))
def test_the_grace_is_never_shorter_than_promised(moment, days):
    expected = expected_at(moment.replace(tzinfo=UTC), BERLIN, RULES)
    told = expected + timedelta(days=days)
    ready = ready_at(expected, told, BERLIN, RULES)
    assert ready >= expected
    assert ready - told >= timedelta(days=89, hours=23)


BAD = {
    "grace is over": ArchivalFacts(NOW, ready_at=NOW + timedelta(seconds=1)),
    "nothing is measured or migrated": ArchivalFacts(NOW, NOW, runs_at_work=(3,)),
    "raw data are registered": ArchivalFacts(NOW, NOW, groups=0),
    "every copy in the tape store is verified": ArchivalFacts(NOW, NOW, unproved=("run 2",)),
    "copies on tape suffice": ArchivalFacts(NOW, NOW, tape_copies=1),
}


@pytest.mark.parametrize("guard", BAD)
def test_one_reason_is_enough_to_stay_on_disk(guard):
    with pytest.raises(Refused) as refused:
        ARCHIVAL.decide(S.NOTICED, E.BEGIN, SYSTEM | {Role.ADMIN}, BAD[guard], "I want to")
    assert refused.value.context["guard"] == guard


def test_an_active_beamtime_keeps_its_disk():
    facts = ArchivalFacts(NOW, NOW, beamtime=BeamtimeState.ACTIVE)
    with pytest.raises(Refused, match="Active"):
        ARCHIVAL.decide(S.NOTICED, E.BEGIN, SYSTEM, facts)


@pytest.mark.parametrize("kind", list(HoldKind))
@pytest.mark.parametrize(("state", "event"), [(S.NOTICED, E.BEGIN), (S.MOVING, E.COMPLETE)])
def test_a_hold_wins(kind, state, event):
    facts = ArchivalFacts(NOW, NOW, hold=kept({kind: "a question is open"}))
    with pytest.raises(Refused, match="a question is open"):
        ARCHIVAL.decide(state, event, SYSTEM, facts)


def test_without_a_reason_to_stay_it_goes():
    assert ARCHIVAL.decide(S.NOTICED, E.BEGIN, SYSTEM, FINE).row.target is S.MOVING


def test_nobody_moves_data_by_hand_and_not_everybody_may_veto():
    with pytest.raises(Forbidden):
        ARCHIVAL.decide(S.NOTICED, E.BEGIN, {Role.ADMIN}, FINE)
    with pytest.raises(Forbidden):
        ARCHIVAL.decide(S.NOTICED, E.VETO, {Role.T_PART, Role.LS}, FINE, "mine")
    with pytest.raises(Refused):
        ARCHIVAL.decide(S.NOTICED, E.VETO, {Role.PI}, FINE, " ")
