"""Responsibilities are computed from what the catalog knows, each from its own fact."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from catalog.queries.roles import person, roles_of
from catalog.tables import Instrument, InstrumentUser, TeamMember, User
from policies.errors import Missing
from policies.vocabulary import DataAccessRole, Role
from tests.catalog.rows import proposal

OTHER = 3000
"""A proposal on another instrument, with the same fact about somebody else's thing."""


@pytest.fixture
def dialect():
    """Computed in Python from plain selects: one database is enough."""
    return "sqlite"


def instrument(session, row):
    return session.get_one(Instrument, row.instrument_id)


def on_instrument(field):
    def give(session, row, user):
        setattr(instrument(session, row), field, user.id)

    return give


def on_proposal(field):
    def give(session, row, user):
        setattr(row, field, user.id)

    return give


def kind(word):
    def give(session, row, user):
        session.add(InstrumentUser(instrument_id=row.instrument_id, user_id=user.id, kind=word))

    return give


def member(**values):
    def give(session, row, user):
        values.setdefault("data_access_role", DataAccessRole.PARTICIPANT)
        session.add(TeamMember(proposal_id=row.id, user_id=user.id, **values))

    return give


FACTS: dict[str, tuple[Callable, set[Role]]] = {
    "leading scientist": (on_instrument("instrument_leader_id"), {Role.LS}),
    "deputy": (on_instrument("deputy_instrument_leader_id"), {Role.LS}),
    "expert": (kind("BE"), {Role.BE}),
    "support group": (kind("SG"), {Role.SG}),
    "unknown kind": (kind("XX"), set()),
    "a kind that is no responsibility there": (kind("LS"), set()),
    "principal investigator": (on_proposal("principal_investigator_id"), {Role.PI}),
    "main proposer": (on_proposal("main_proposer_id"), {Role.MP}),
    "local contact": (on_proposal("local_contact_id"), {Role.LC}),
    "local data contact": (on_proposal("local_data_contact_id"), {Role.T_DM}),
    "experiment data contact": (on_proposal("experiment_data_contact_id"), {Role.T_DM}),
    "participant": (member(), {Role.T_PART}),
    "data manager": (
        member(data_access_role=DataAccessRole.DATA_MANAGER),
        {Role.T_PART, Role.T_DM},
    ),
    "lab access": (member(flg_lab_access=True), {Role.T_PART, Role.T_UL}),
    "deputy local contact": (member(flg_deputy_local_contact=True), {Role.T_PART, Role.LC}),
    "support flag": (member(flg_support=True), {Role.T_PART}),
    "unknown access role": (member(data_access_role=7), {Role.T_PART}),
}


@pytest.fixture
def session(facility_database):
    with facility_database.write() as session:
        yield session


@pytest.fixture
def row(session):
    return proposal(session, 2012, "SPB")


@pytest.fixture
def other(session):
    return proposal(session, OTHER, "MID")


def somebody(session, uid="ada", **values):
    user = User(uid=uid, name=uid.title(), **values)
    session.add(user)
    session.flush()
    return user


def given(session, row, user, *names):
    for name in names:
        FACTS[name][0](session, row, user)
    session.flush()


@pytest.mark.parametrize("name", FACTS)
def test_each_fact_gives_its_responsibility(session, row, name):
    user = somebody(session)
    given(session, row, user, name)
    assert roles_of(session, user, row) == FACTS[name][1]


@pytest.mark.parametrize("name", FACTS)
def test_and_only_on_this_proposal_and_for_this_person(session, row, other, name):
    user, neighbour = somebody(session), somebody(session, "bo")
    given(session, row, user, name)
    assert roles_of(session, user, other) == set()
    assert roles_of(session, neighbour, row) == set()
    assert roles_of(session, user, None) == set()


def test_an_instruments_people_hold_their_role_on_each_of_its_proposals(session, row):
    second = proposal(session, 2013, "SPB")
    user = somebody(session)
    given(session, row, user, "leading scientist", "expert", "local contact", "data manager")
    assert roles_of(session, user, row) == {Role.LS, Role.BE, Role.LC, Role.T_PART, Role.T_DM}
    assert roles_of(session, user, second) == {Role.LS, Role.BE}


def test_every_role_comes_from_a_fact(session, row):
    found = {role for _, roles in FACTS.values() for role in roles}
    accounts = {Role.ADMIN, Role.DAQ_SYS, Role.PORTAL_SYS, Role.STORAGE_SYS}
    assert found | accounts == set(Role) - {Role.SYSTEM}, "nobody is the system"


@pytest.mark.parametrize(
    ("words", "roles"),
    [
        (["admin"], {Role.ADMIN}),
        (["karabo_sys"], {Role.DAQ_SYS}),
        (["upex_sys"], {Role.PORTAL_SYS}),
        (["gpfs_sys"], {Role.STORAGE_SYS}),
        (["read_only", "user", "trusted", "panosc_user", "cal_sys"], set()),
        (["LS", "PI", "system", "T_DM"], set()),
        ([], set()),
    ],
    ids=str,
)
def test_an_account_gives_application_roles_and_no_responsibility(session, row, words, roles):
    user = somebody(session, roles=words)
    assert roles_of(session, user, None) == roles
    assert roles_of(session, user, row) == roles


def test_roles_follow_the_facts_at_once(session, row):
    user = somebody(session)
    given(session, row, user, "data manager")
    found = session.exec(select(TeamMember).where(TeamMember.user_id == user.id)).one()
    found.data_access_role = DataAccessRole.PARTICIPANT
    session.flush()
    assert roles_of(session, user, row) == {Role.T_PART}
    session.delete(found)
    session.flush()
    assert roles_of(session, user, row) == set()


def test_the_service_accounts_of_the_facility_hold_their_role(session):
    for uid, role in {
        "karabo_sys": Role.DAQ_SYS,
        "upex_sys": Role.PORTAL_SYS,
        "gpfs_sys": Role.STORAGE_SYS,
    }.items():
        actor = person(session, uid, None)
        assert (actor.name, actor.roles) == (uid, {role})


def test_a_person_is_found_by_account_name(session, row):
    user = somebody(session)
    given(session, row, user, "principal investigator")
    assert person(session, " ada\n", row).name == "ada"
    assert person(session, "ada", row).roles == {Role.PI}
    assert person(session, "ada", None).roles == set()


@pytest.mark.parametrize("uid", ["", "  ", "eve", "ADA", "ada'; --"])
def test_nobody_by_that_name(session, row, uid):
    somebody(session)
    with pytest.raises(Missing, match=r"^operator: nobody has the account") as caught:
        person(session, uid, row)
    assert caught.value.context["field"] == "operator"
