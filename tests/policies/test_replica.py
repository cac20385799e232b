"""A copy counts when it is proved against the manifest in force, and two must remain."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.replica import (
    ALLOWED_PAIRS,
    COPIES_NEEDED,
    MIGRATION_TARGETS,
    Copy,
    Tier,
    may_go,
    safe,
    verified,
)
from policies.vocabulary import ReplicaState

HASH = "aa" * 16
# Most copies drawn are good ones: the interesting cases are those with several.
HASHES = st.sampled_from([HASH, HASH, HASH, "bb" * 16, ""])
STATES = st.sampled_from([*[ReplicaState.VERIFIED] * 8, *ReplicaState])


def copy(tier, state=ReplicaState.VERIFIED, manifest_hash=HASH, name=""):
    return Copy(name or tier.upper(), tier, state, manifest_hash)


@st.composite
def held(draw):
    """What the catalog may hold of one data group: each repository at most once."""
    drawn = draw(st.lists(st.tuples(st.sampled_from(Tier), STATES, HASHES), max_size=7))
    return [Copy(f"R{n}", *one) for n, one in enumerate(drawn)]


def two_that_count(copies):
    """The rule in other words: some two proved copies stand on stores that may stand together."""
    proved = [
        c
        for c in copies
        if c.state == "verified" and c.manifest_hash == HASH and c.tier != "remote"
    ]
    together = [
        {"online", "offline"},
        {"online", "dcache"},
        {"offline", "dcache"},
        {"dcache", "tape"},
    ]
    return any({str(a.tier), str(b.tier)} in together for a in proved for b in proved if a is not b)


@given(held())
def test_safe_means_two_that_count(copies):
    assert safe(copies, HASH) is two_that_count(copies)


@given(held())
def test_what_is_safe_has_the_copies_needed(copies):
    if safe(copies, HASH):
        assert len(verified(copies, HASH)) >= COPIES_NEEDED == 2


@given(held(), st.data())
def test_what_may_go_leaves_two(copies, data):
    if not copies:
        return
    going = data.draw(st.sampled_from(copies))
    rest = [c for c in copies if c is not going]
    said = may_go(going, copies, HASH)
    assert (said == "") is two_that_count(rest)


@given(held())
def test_removing_whatever_may_go_one_after_the_other_stays_safe(copies):
    """Starting safe, no order of permitted removals ends below two."""
    if not safe(copies, HASH):
        return
    left = list(copies)
    while going := next((c for c in left if not may_go(c, left, HASH)), None):
        left.remove(going)
        assert two_that_count(left)
    assert len(left) == COPIES_NEEDED


@given(held())
def test_a_remote_copy_never_counts(copies):
    remote = [copy(Tier.REMOTE, name=f"SITE{n}") for n in range(3)]
    assert verified([*copies, *remote], HASH) == verified(copies, HASH)
    assert safe([*copies, *remote], HASH) is safe(copies, HASH)


@given(held(), st.sampled_from(sorted(set(Tier))))
def test_another_manifest_never_counts(copies, tier):
    old = copy(tier, manifest_hash="cc" * 16, name="OLD")
    assert safe([*copies, old], HASH) is safe(copies, HASH)


@given(held())
def test_without_a_manifest_nothing_is_proved(copies):
    assert verified(copies, "") == []
    assert not safe(copies, "")
    assert all(may_go(c, copies, "") for c in copies)


@pytest.mark.parametrize("state", sorted(set(ReplicaState) - {ReplicaState.VERIFIED}))
def test_only_a_verified_copy_counts(state):
    online, offline = copy(Tier.ONLINE), copy(Tier.OFFLINE)
    assert safe([online, offline], HASH)
    assert not safe([online, replace(offline, state=state)], HASH)


def test_two_copies_in_one_kind_of_store_are_one():
    for tier in Tier:
        assert not safe([copy(tier, name="A"), copy(tier, name="B")], HASH)


def test_one_of_two_in_the_same_kind_of_store_may_go():
    first, second = copy(Tier.OFFLINE, name="A"), copy(Tier.OFFLINE, name="B")
    assert may_go(first, [copy(Tier.ONLINE), first, second], HASH) == ""


def test_the_pairs_are_the_facilitys():
    assert {frozenset(map(str, pair)) for pair in ALLOWED_PAIRS} == {
        frozenset({"online", "offline"}),
        frozenset({"online", "dcache"}),
        frozenset({"offline", "dcache"}),
        frozenset({"dcache", "tape"}),
    }
    assert MIGRATION_TARGETS == (Tier.OFFLINE, Tier.DCACHE)


def test_the_answer_names_what_would_be_left():
    online, offline, dcache = copy(Tier.ONLINE), copy(Tier.OFFLINE), copy(Tier.DCACHE)
    assert may_go(online, [online, offline, dcache], HASH) == ""
    said = may_go(online, [online, offline], HASH)
    assert said == "would leave verified copies only on: OFFLINE; an allowed pair must remain"
    suspect = replace(offline, state=ReplicaState.SUSPECT)
    assert may_go(online, [online, suspect], HASH).startswith(
        "would leave verified copies only on: none"
    )
    assert may_go(suspect, [online, suspect], HASH) == "the copies that remain are not two verified"
