"""Who may do what: denied by default, and no row of a lifecycle is wider than its action."""

from itertools import combinations

import pytest

from policies import permissions
from policies.beamtime import BEAMTIME
from policies.errors import Forbidden
from policies.permissions import GRANTS, allowed, demand, roles_for
from policies.run import RUN
from policies.vocabulary import BeamtimeEvent, Role, RunEvent

ACTION_OF = {
    BeamtimeEvent.OFFLINE_CONFIGURED: "beamtime:prepare",
    BeamtimeEvent.ONLINE_CONFIGURED: "beamtime:prepare",
    BeamtimeEvent.MAKE_READY: "beamtime:prepare",
    BeamtimeEvent.REOPEN: "beamtime:override",
    RunEvent.CLOSE: "run:close",
    RunEvent.ASSESS_GOOD: "run:assess",
    RunEvent.ASSESS_UNCLEAR: "run:assess",
    RunEvent.ASSESS_NOT_INTERESTING: "run:assess",
    RunEvent.BEGIN_MIGRATION: "run:migrate",
    RunEvent.COMPLETE_MIGRATION: "run:migrate",
    RunEvent.FAIL_MIGRATION: "run:migrate",
}
"""Events that are the doing of an action of the permission table."""

BY_THE_ROW_ALONE = {
    BeamtimeEvent.START,
    BeamtimeEvent.FINISH,
    BeamtimeEvent.REVIEW,
    BeamtimeEvent.CLOSE,
    BeamtimeEvent.STEP_BACK,
    RunEvent.ABORT,
    RunEvent.RETRY_MIGRATION,
}
"""Events for which the lifecycle's row is the only rule."""

PEOPLE = {Role.LS, Role.BE, Role.SG, Role.PI, Role.MP, Role.LC, Role.T_DM, Role.T_PART, Role.T_UL}
MACHINES = {Role.SYSTEM, Role.DAQ_SYS, Role.PORTAL_SYS, Role.STORAGE_SYS}


def action_of(event):
    """The action by identity: `close` of a beamtime and of a run are equal as texts."""
    return next((action for known, action in ACTION_OF.items() if known is event), None)


@pytest.mark.parametrize("event", [*BeamtimeEvent, *RunEvent])
def test_every_event_is_under_an_action_or_under_its_row_alone(event):
    alone = any(known is event for known in BY_THE_ROW_ALONE)
    assert alone is (action_of(event) is None)


@pytest.mark.parametrize(
    ("action", "edge"),
    [(action_of(e.event), e) for m in (BEAMTIME, RUN) for e in m.edges if action_of(e.event)],
    ids=lambda x: x if isinstance(x, str) else f"{x.source}-{x.event}",
)
def test_a_row_is_no_wider_than_its_action(action, edge):
    assert edge.by <= roles_for(action)


def test_actions_are_named_once_as_subject_and_verb():
    names = [grant.action for grant in GRANTS]
    assert len(names) == len(set(names))
    assert all(len(name.split(":")) == 2 for name in names)
    assert all(grant.roles and grant.because.endswith(".") for grant in GRANTS)


@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: grant.action)
def test_exactly_the_granted_roles_may(grant):
    for role in Role:
        granted = role in grant.roles
        assert allowed(grant.action, {role}) is granted
        if granted:
            demand(grant.action, {role})
        else:
            with pytest.raises(Forbidden, match=f"^{grant.action} may be asked by ") as caught:
                demand(grant.action, {role})
            assert caught.value.context == {"needs": sorted(grant.roles), "has": [role]}
    for pair in combinations(Role, 2):
        assert allowed(grant.action, set(pair)) is bool(set(pair) & grant.roles)
    assert not allowed(grant.action, set())
    with pytest.raises(Forbidden, match=f"^{grant.action} may be asked by "):
        demand(grant.action, set())


@pytest.mark.parametrize("action", ["", "proposal", "proposal:sell", "PROPOSAL:SEE", "run:*"])
def test_what_is_not_in_the_table_is_denied_to_all(action):
    assert not allowed(action, set(Role))
    with pytest.raises(Forbidden, match="may be asked by nobody"):
        demand(action, set(Role))


@pytest.mark.parametrize(
    ("action", "people"),
    [
        ("proposal:see", PEOPLE),
        ("proposal:import", set()),
        ("proposal:edit", {Role.LS, Role.BE, Role.LC}),
        ("team:edit", {Role.LS, Role.BE, Role.LC, Role.PI, Role.MP}),
        ("shifts:fill", {Role.LS}),
        ("beamtime:override", set()),
        ("run:open", set()),
        ("run:close", set()),
        ("run:describe", PEOPLE - {Role.T_UL}),
        ("run:assess", PEOPLE - {Role.T_PART, Role.T_UL}),
        ("run:migrate", set()),
    ],
)
def test_the_matrix_of_the_facility(action, people):
    assert roles_for(action) & PEOPLE == people


def test_an_administrator_may_do_everything_that_somebody_may():
    assert [g.action for g in GRANTS if Role.ADMIN not in g.roles] == []


@pytest.mark.parametrize(
    ("action", "machines"),
    [
        ("run:open", {Role.DAQ_SYS}),
        ("run:close", {Role.DAQ_SYS}),
        ("run:migrate", {Role.STORAGE_SYS, Role.SYSTEM}),
        ("proposal:import", {Role.PORTAL_SYS, Role.SYSTEM}),
        ("finding:resolve", set()),
        ("shifts:fill", set()),
        ("beamtime:override", set()),
    ],
)
def test_what_machines_may_do_and_what_a_person_must_answer_for(action, machines):
    assert roles_for(action) & MACHINES == machines


def test_the_page_marks_every_grant():
    lines = permissions.markdown().splitlines()
    assert len(lines) == len(GRANTS) + 2
    for line, grant in zip(lines[2:], GRANTS, strict=True):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        marked = {role for role, cell in zip(Role, cells[1:-1], strict=True) if cell}
        assert (cells[0], marked, cells[-1]) == (f"`{grant.action}`", grant.roles, grant.because)
