"""The engine answers what a reader finds who goes through the rows one by one."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

import pytest

from policies import beamtime_guards, run_guards
from policies.beamtime import BEAMTIME
from policies.errors import Forbidden, Refused
from policies.machine import Edge, Guard, Machine, Veto
from policies.run import RUN
from policies.vocabulary import BeamtimeEvent as E
from policies.vocabulary import BeamtimeState as S
from policies.vocabulary import Role, Work
from tests.policies.built_facts import (
    REASONS,
    ROLE_SETS,
    beamtime_facts,
    choices,
    run_facts,
)

MACHINES = {"beamtime": (BEAMTIME, beamtime_facts), "run": (RUN, run_facts)}
WAYS = [
    (name, state, event)
    for name, (machine, _) in MACHINES.items()
    for state in machine.states
    for event in machine.events
]


@dataclass(frozen=True)
class Told:
    """What was answered, in words that both sides can say."""

    how: str
    target: str = ""
    guard: str = ""
    overridden: tuple[str, ...] = ()


def read_rows(machine, state, event, roles, off, reason):
    """Read the rows as a person does: top to bottom, one question after the other."""
    for row in machine.edges:
        if row.source != state or row.event != event:
            continue
        if not any(role in row.by for role in roles):
            return Told("forbidden")
        if row.reason and reason.strip() == "":
            return Told("refused", guard="reason")
        passed = []
        for guard in row.needs:
            if guard.name in off:
                if not guard.overridable or Role.ADMIN not in roles or not reason.strip():
                    return Told("refused", guard=guard.name)
                passed.append(guard.name)
        return Told("allowed", row.target, overridden=tuple(passed))
    return Told("refused")


def open_ways(machine, state, roles, off):
    """Events whose row is open to these roles with every guard holding."""
    return sorted(
        row.event
        for row in machine.edges
        if row.source == state
        and any(role in row.by for role in roles)
        and not any(guard.name in off for guard in row.needs)
    )


def answer(machine, state, event, roles, facts, reason):
    try:
        decision = machine.decide(state, event, roles, facts, reason)
    except Forbidden as error:
        return Told("forbidden"), error
    except Refused as error:
        return Told("refused", guard=str(error.context.get("guard", ""))), error
    assert decision.row in machine.edges
    return Told("allowed", decision.row.target, overridden=decision.overridden), None


@pytest.mark.parametrize(("name", "state", "event"), WAYS, ids=str)
def test_decide_reads_the_rows(name, state, event):
    machine, build = MACHINES[name]
    row = next((e for e in machine.edges if e.source == state and e.event == event), None)
    for off in choices(row.needs if row else ()):
        facts = build(off)
        for roles, reason in product(ROLE_SETS, REASONS):
            told, error = answer(machine, state, event, roles, facts, reason)
            assert told == read_rows(machine, state, event, roles, off, reason)
            if error is not None:
                assert error.possible == open_ways(machine, state, roles, off)
                assert error.message


@pytest.mark.parametrize("name", MACHINES)
def test_each_guard_can_be_off_alone(name):
    machine, build = MACHINES[name]
    guards = {guard.name: guard for row in machine.edges for guard in row.needs}
    module = {"beamtime": beamtime_guards, "run": run_guards}[name]
    declared = {g.name for g in vars(module).values() if isinstance(g, Guard)}
    assert set(guards) == declared, "a guard that no row asks for"
    assert all(guard.holds(build()) for guard in guards.values())
    for wanted, guard in guards.items():
        facts = build(frozenset({wanted}))
        assert [g.name for g in guards.values() if not g.holds(facts)] == [wanted]
        assert guard.otherwise(facts).strip()


def test_only_an_administrator_with_a_reason_passes_a_guard():
    for name, (machine, build) in MACHINES.items():
        for row in machine.edges:
            for guard in row.needs:
                facts = build(frozenset({guard.name}))
                passing = {
                    (roles, reason)
                    for roles, reason in product(ROLE_SETS, REASONS)
                    if answer(machine, row.source, row.event, roles, facts, reason)[0].overridden
                }
                if not guard.overridable:
                    assert not passing, (name, row.event, guard.name)
                else:
                    assert {reason for _, reason in passing} == {REASONS[-1]}
                    assert all(Role.ADMIN in roles for roles, _ in passing)


def test_a_safety_guard_stops_also_when_others_are_passed():
    off = frozenset({beamtime_guards.ONE_ACTIVE.name, beamtime_guards.NEAR_BEGIN.name})
    with pytest.raises(Refused) as caught:
        BEAMTIME.decide(S.READY, E.START, {Role.ADMIN}, beamtime_facts(off), "I insist")
    assert caught.value.context["guard"] == "no other Active"


def test_forbidden_names_who_may_and_who_asked():
    with pytest.raises(Forbidden, match=r"finish from Active may be asked by .*LC, LS") as caught:
        BEAMTIME.decide(S.ACTIVE, E.FINISH, {Role.T_PART, Role.PI}, beamtime_facts())
    assert caught.value.context["needs"] == sorted(BEAMTIME.row(S.ACTIVE, E.FINISH).by)
    assert caught.value.context["has"] == ["PI", "T_Part"]
    assert caught.value.possible == []


def test_a_refusal_says_from_where_and_what_is_possible_instead():
    with pytest.raises(Refused, match=r"^start is not possible from Finished \(Beamtime\)$") as e:
        BEAMTIME.decide(S.FINISHED, E.START, {Role.LS}, beamtime_facts())
    assert e.value.possible == ["review", "step-back"]
    assert e.value.context["state"] == "F"
    with pytest.raises(Refused, match="delivered shifts is not filled in") as e:
        BEAMTIME.decide(
            S.FINISHED, E.REVIEW, {Role.LS}, beamtime_facts({"delivered shifts filled"})
        )
    assert e.value.context["guard"] == "delivered shifts filled"
    assert e.value.possible == ["step-back"]


# ---- a table that contradicts itself is not made ---------------------------------------------


class Lamp(StrEnum):
    OFF = "off"
    ON = "on"
    BROKEN = "broken"


class Switch(StrEnum):
    PRESS = "press"
    DROP = "drop"


ANYBODY = frozenset({Role.BE})
WARM = Guard[dict]("warm", lambda f: f"only {f['degrees']} degrees", lambda f: f["degrees"] > 10)
PRESS_ON = Edge(Lamp.OFF, Switch.PRESS, Lamp.ON, ANYBODY, (WARM,), (Work.TEAM_SYNC,), "Light.")
PRESS_OFF = Edge(Lamp.ON, Switch.PRESS, Lamp.OFF, ANYBODY)
DROP = Edge(Lamp.ON, Switch.DROP, Lamp.BROKEN, ANYBODY, reason=True)


def lamp(*edges, ends=frozenset({Lamp.BROKEN}), vetoes=()):
    return Machine("lamp", Lamp, Switch, Lamp.OFF, ends, edges, vetoes)


def test_a_sound_table_is_made():
    assert lamp(PRESS_ON, PRESS_OFF, DROP).row(Lamp.ON, Switch.DROP) is DROP


@pytest.mark.parametrize(
    ("edges", "fault"),
    [
        ((PRESS_ON, replace(PRESS_ON, target=Lamp.BROKEN), PRESS_OFF, DROP), "two rows for"),
        ((PRESS_ON, PRESS_OFF, replace(DROP, event=Switch.PRESS, source=Lamp.BROKEN)), "unused"),
        ((PRESS_ON, PRESS_OFF, replace(DROP, target=Lamp.OFF)), "unreachable broken"),
        ((PRESS_ON, replace(DROP, target=Lamp.ON)), "dead end on"),
        ((replace(PRESS_ON, by=frozenset()), PRESS_OFF, DROP), "nobody may ask press from off"),
    ],
    ids=["two rows", "unused event", "unreachable", "dead end", "nobody may ask"],
)
def test_a_table_that_contradicts_itself_is_not_made(edges, fault):
    with pytest.raises(ValueError, match=f"^lamp: .*{fault}"):
        lamp(*edges)


def test_a_state_with_a_loop_only_is_a_dead_end():
    loop = replace(DROP, source=Lamp.BROKEN, event=Switch.PRESS)
    with pytest.raises(ValueError, match="dead end broken"):
        lamp(PRESS_ON, PRESS_OFF, DROP, loop, ends=frozenset())


@pytest.mark.parametrize("name", MACHINES)
def test_a_row_less_or_twice_is_noticed_or_changes_an_answer(name):
    """No row stands in the table without deciding something."""
    machine, build = MACHINES[name]
    for row in machine.edges:
        with pytest.raises(ValueError, match="two rows"):
            replace(machine, edges=(*machine.edges, row))
        rest = tuple(e for e in machine.edges if e is not row)
        try:
            smaller = replace(machine, edges=rest)
        except ValueError:
            continue
        asked = (machine, row.source, row.event, row.by, build(), "why")
        assert answer(*asked)[0].how == "allowed"
        assert answer(smaller, *asked[1:])[0] == Told("refused")


def test_a_veto_speaks_before_guards_and_reasons():
    veto = Veto(
        "maintenance", lambda row, _: row.target is Lamp.BROKEN, lambda _: "not while we mend it"
    )
    machine = lamp(PRESS_ON, PRESS_OFF, DROP, vetoes=(veto,))
    with pytest.raises(Refused, match="not while we mend it") as caught:
        machine.decide(Lamp.ON, Switch.DROP, ANYBODY, {"degrees": 20})
    assert caught.value.context["veto"] == "maintenance"
    assert caught.value.possible == ["press"], "what is vetoed is not offered"
    assert machine.decide(Lamp.ON, Switch.PRESS, ANYBODY, {"degrees": 20}).row is PRESS_OFF


def test_the_sentence_of_a_guard_speaks_of_the_facts():
    with pytest.raises(Refused, match="only 3 degrees"):
        lamp(PRESS_ON, PRESS_OFF, DROP).decide(Lamp.OFF, Switch.PRESS, ANYBODY, {"degrees": 3})


# ---- drawings --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MACHINES)
def test_the_drawing_and_the_table_show_every_row_once(name):
    machine, _ = MACHINES[name]
    arrows = re.findall(r"^    (\w+) --> (\w+): ([\w-]+)", machine.mermaid(), flags=re.M)
    rows = [(e.source.name.lower(), e.target.name.lower(), str(e.event)) for e in machine.edges]
    assert arrows == rows
    begins = re.findall(r"^    \[\*\] --> (\w+)$", machine.mermaid(), flags=re.M)
    assert begins == [machine.start.name.lower()]
    ends = re.findall(r"^    (\w+) --> \[\*\]$", machine.mermaid(), flags=re.M)
    assert set(ends) == {state.name.lower() for state in machine.ends}
    table = machine.markdown().splitlines()
    assert len(table) == len(machine.edges) + 2
    assert {line.count("|") for line in table} == {8}


@pytest.mark.parametrize("name", MACHINES)
def test_every_row_says_why(name):
    machine, _ = MACHINES[name]
    assert not [(e.source, e.event) for e in machine.edges if not e.because.strip().endswith(".")]
