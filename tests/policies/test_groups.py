"""Who is in a proposal's two groups, whatever the team looks like."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from policies.groups import groups, why_not


@dataclass(frozen=True)
class Person:
    uid: str
    data_manager: bool = False
    accepted: bool = True
    account_valid: bool = True


PEOPLE = st.lists(
    st.builds(
        Person,
        st.sampled_from(["ada", "bo", "cy", "dee", "eve", "fay"]),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda person: person.uid,
)


@given(PEOPLE, PEOPLE)
def test_nobody_enters_without_acceptance_and_a_valid_account(team, contacts):
    made = groups(team, contacts)
    for person in (*team, *contacts):
        if not (person.accepted and person.account_valid):
            assert person.uid not in made.participants
            assert person.uid not in made.data_managers
            assert made.left_out[person.uid]


@given(PEOPLE, PEOPLE)
def test_everybody_is_either_in_or_left_out_with_a_reason(team, contacts):
    made = groups(team, contacts)
    known = {person.uid for person in (*team, *contacts)}
    assert set(made.participants) | set(made.left_out) == known
    assert not set(made.participants) & set(made.left_out)


@given(PEOPLE, PEOPLE)
def test_managers_are_participants_and_both_are_sorted_sets(team, contacts):
    made = groups(team, contacts)
    assert set(made.data_managers) <= set(made.participants)
    for members in (made.participants, made.data_managers):
        assert list(members) == sorted(set(members))


@given(PEOPLE, PEOPLE)
def test_managers_are_exactly_those_the_team_names(team, contacts):
    made = groups(team, contacts)
    named = {person.uid for person in (*team, *contacts) if person.data_manager}
    assert set(made.data_managers) == named - set(made.left_out)


def test_a_contact_is_a_participant():
    made = groups([Person("ada", data_manager=True)], [Person("pi"), Person("ada")])
    assert made.participants == ("ada", "pi")
    assert made.data_managers == ("ada",)


def test_the_reason_is_the_first_thing_to_put_right():
    assert why_not(Person("ada")) == ""
    assert why_not(Person("ada", account_valid=False)) == "has no valid directory account"
    assert why_not(Person("ada", accepted=False, account_valid=False)) == (
        "has not accepted the data policy"
    )


def test_a_team_of_nobody():
    made = groups([], [])
    assert (made.participants, made.data_managers, made.left_out) == ((), (), {})
