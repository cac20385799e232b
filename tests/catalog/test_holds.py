"""Holds on a proposal: set, consulted, lifted, on record; and which copies could go."""

import json
from datetime import timedelta

import pytest
import yaml
from sqlmodel import col, select
from typer.testing import CliRunner

from catalog.commands import assessing, holds, migration, proposals
from catalog.commands.sweeping import Automatic, fulfil
from catalog.queries.copies import removal
from catalog.queries.find import proposal_row
from catalog.queries.journal import history, verify
from catalog.queries.proposals import proposal_view
from catalog.queries.sweeps import due_obligations
from catalog.tables import Replica, Repository, User
from deployments.cli import app
from policies.actor import SYSTEM
from policies.errors import Forbidden, Invalid, Missing, Refused
from policies.messages import MessageKind
from policies.vocabulary import (
    Assessment,
    BeamtimeEvent,
    BeamtimeState,
    HoldKind,
    ReplicaState,
    RunState,
)
from settings.model import CONFIG, load
from tests.catalog.story import (
    ADMIN,
    LEADER,
    MANAGER,
    NUMBER,
    PARTICIPANT,
    T0,
    bring_to,
    closed,
    lease,
    opened,
    post,
    proof,
    record_run,
)

LEGAL, FROZEN = HoldKind.LEGAL_HOLD, HoldKind.FROZEN
OFFLINE, DCACHE = "XFEL_GPFS_OFFLINE_RAW_CC", "DESY_DCACHE_RAW_CC"
ONLINE = "XFEL_GPFS_ONLINE_SASE_1"


def standing(database):
    with database.read() as session:
        return proposal_view(session, NUMBER).hold


def put(database, act, *words, reason="letter of 3 March", actor=ADMIN):
    with database.write() as session:
        return act(session, NUMBER, *words, actor, T0, reason)


@pytest.fixture
def active(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
    return facility_database


@pytest.fixture
def reviewed(active):
    with active.write() as session:
        proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, MANAGER, T0)
        proposals.fill_shifts(session, NUMBER, 9, LEADER, T0)
        proposals.advance(session, NUMBER, BeamtimeEvent.REVIEW, LEADER, T0)
    return active


@pytest.fixture
def migrated(active):
    with active.write() as session:
        record_run(session, 1)
        assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)
        held = lease(session, 1)
        plan = migration.begin(session, NUMBER, 1, held, SYSTEM, T0)
        for target in plan.targets:
            migration.record_copy(session, NUMBER, 1, target.repository, proof(plan), held, T0)
        migration.complete(session, NUMBER, 1, held, SYSTEM, T0)
    return active


def test_holds_are_set_lifted_and_on_record(active):
    assert put(active, holds.set_hold, LEGAL)
    assert not put(active, holds.set_hold, LEGAL), "the same again is no news"
    assert put(active, holds.set_hold, FROZEN, reason="safety\n question")
    assert standing(active) == "legal-hold: letter of 3 March\nfrozen: safety question"
    put(active, holds.lift_hold, LEGAL, reason="settled")
    assert standing(active) == "frozen: safety question"
    put(active, holds.lift_hold, FROZEN, reason="answered")
    assert standing(active) == ""
    with active.read() as session:
        rows = [r for r in history(session, NUMBER) if r.event.endswith("-hold")]
        assert verify(session).sound
    assert [(r.event, r.actor, r.reason) for r in rows] == [
        ("set-hold", "boss", "letter of 3 March"),
        ("set-hold", "boss", "safety question"),
        ("lift-hold", "boss", "settled"),
        ("lift-hold", "boss", "answered"),
    ]
    assert rows[1].source == "legal-hold: letter of 3 March"


@pytest.mark.parametrize("act", [holds.set_hold, holds.lift_hold])
@pytest.mark.parametrize("actor", [LEADER, MANAGER, PARTICIPANT, SYSTEM], ids=lambda a: a.name)
def test_only_administrators(active, act, actor):
    put(active, holds.set_hold, LEGAL)
    with pytest.raises(Forbidden, match="proposal:hold may be asked by admin"):
        put(active, act, LEGAL, actor=actor)
    assert standing(active) == "legal-hold: letter of 3 March"


def test_a_hold_needs_a_reason_and_a_proposal(active):
    for act in (holds.set_hold, holds.lift_hold):
        with pytest.raises(Refused, match="needs a reason"):
            put(active, act, LEGAL, reason=" \n ")
        with pytest.raises(Invalid, match="longer than 500"):
            put(active, act, LEGAL, reason="x" * 501)
        with active.write() as session, pytest.raises(Missing):
            act(session, 999, LEGAL, ADMIN, T0, "why")
    with pytest.raises(Refused, match="no legal-hold stands on proposal 2012; there stands: none"):
        put(active, holds.lift_hold, LEGAL)


def test_under_a_legal_hold_the_beamtime_runs_on_but_is_not_closed(reviewed):
    put(reviewed, holds.set_hold, LEGAL)
    for actor in (LEADER, ADMIN, SYSTEM):
        with pytest.raises(Refused, match="a legal-hold stands: letter of 3 March"):
            put(reviewed, proposals.advance, BeamtimeEvent.CLOSE, actor=actor)
    with pytest.raises(Refused, match="legal-hold"), reviewed.read() as session:
        proposals.preview(session, NUMBER, BeamtimeEvent.CLOSE, ADMIN, T0)
    with pytest.raises(Refused, match="lift it first"):
        put(reviewed, proposals.override, BeamtimeState.CLOSED)
    put(reviewed, proposals.advance, BeamtimeEvent.STEP_BACK, actor=LEADER)
    put(reviewed, proposals.advance, BeamtimeEvent.REVIEW, actor=LEADER)
    put(reviewed, holds.lift_hold, LEGAL)
    put(reviewed, proposals.advance, BeamtimeEvent.CLOSE, actor=LEADER)


def test_a_frozen_proposal_still_records_closes_and_copies(active):
    with active.write() as session:
        record_run(session, 1)
        assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)
        record_run(session, 2)
    put(active, holds.set_hold, FROZEN)
    with pytest.raises(Refused, match="a frozen stands"):
        put(active, proposals.advance, BeamtimeEvent.FINISH)
    with active.write() as session:
        for choice in Assessment:
            with pytest.raises(Refused, match="a frozen stands"):
                assessing.assess_run(session, NUMBER, 2, choice, ADMIN, T0, "I insist")
        opening = post(session, MessageKind.RUN_OPENED, opened(3), "o3")
        closing = post(session, MessageKind.RUN_CLOSED, closed(3), "c3")
        assert [opening.body["state"], closing.body["state"]] == ["applied", "applied"]
        held = lease(session, 1)
        plan = migration.begin(session, NUMBER, 1, held, SYSTEM, T0)
        for target in plan.targets:
            migration.record_copy(session, NUMBER, 1, target.repository, proof(plan), held, T0)
        assert migration.complete(session, NUMBER, 1, held, SYSTEM, T0).target is RunState.MIGRATED


def test_a_run_is_not_given_up_under_a_legal_hold(active):
    with active.write() as session:
        record_run(session, 1)
        holds.set_hold(session, NUMBER, LEGAL, ADMIN, T0, "evidence")
        with pytest.raises(Refused, match="a legal-hold stands: evidence"):
            assessing.assess_run(session, NUMBER, 1, Assessment.NOT_INTERESTING, MANAGER, T0)
        move = assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)
        assert move.target is RunState.MIGRATION_REQUESTED


def test_what_happens_by_the_clock_waits_for_a_freeze_to_end(active):
    with active.write() as session:
        proposal_row(session, NUMBER).flg_auto_run_quality = 1
        record_run(session, 1)
        holds.set_hold(session, NUMBER, FROZEN, ADMIN, T0, "a question")
    later = T0 + timedelta(hours=1)
    with active.write() as session:
        [due] = [d for d in due_obligations(session, later) if d.run == 1]
        said = fulfil(session, due.id, Automatic(), later)
        assert said.startswith("put off: a frozen stands: a question")
        holds.lift_hold(session, NUMBER, FROZEN, ADMIN, later, "answered")
        again = later + timedelta(hours=1)
        [due] = [d for d in due_obligations(session, again) if d.run == 1]
        assert fulfil(session, due.id, Automatic(), again) == "set to Good"


def test_a_copy_may_go_when_an_allowed_pair_remains(migrated):
    with migrated.read() as session:
        answer = removal(session, NUMBER, 1, ONLINE)
    assert answer.may_go
    assert answer.remaining == (OFFLINE, DCACHE)
    assert answer.sentence == (
        f"the copy on {ONLINE} may go; verified copies remain on {OFFLINE}, {DCACHE}"
    )


def test_a_copy_must_stay_for_the_promise_for_a_hold_and_while_undecided(migrated):
    with migrated.write() as session:
        record_run(session, 2)
        dcache = session.exec(
            select(Replica)
            .join(Repository, col(Repository.id) == Replica.repository_id)
            .where(Repository.identifier == DCACHE)
        ).one()
        dcache.state = ReplicaState.SUSPECT
    put(migrated, holds.set_hold, LEGAL)
    with migrated.read() as session:
        answer = removal(session, NUMBER, 1, ONLINE)
        assert not answer.may_go
        assert [words.split(":")[0] for words in answer.because] == [
            "a legal-hold stands",
            "would leave verified copies only on",
        ]
        undecided = removal(session, NUMBER, 2, ONLINE)
        assert "the run is closed: only copies of a migrated run can be spared" in undecided.because


@pytest.mark.parametrize(
    ("run", "repository", "words"),
    [(1, "NOWHERE", "has no copy on NOWHERE; there are: XFEL_"), (9, ONLINE, "has no run 9")],
)
def test_a_copy_that_is_not_there_is_missing(migrated, run, repository, words):
    with migrated.read() as session, pytest.raises(Missing, match=words):
        removal(session, NUMBER, run, repository)


def test_a_copy_that_is_gone_is_missing(migrated):
    with migrated.write() as session:
        for row in session.exec(select(Replica)):
            row.state = ReplicaState.GONE
    with migrated.read() as session, pytest.raises(Missing, match="there are: none"):
        removal(session, NUMBER, 1, ONLINE)


@pytest.fixture
def command(migrated, tmp_path, monkeypatch):
    """The command line on this catalog."""
    with migrated.write() as session:
        session.add(User(uid="boss", name="B. Oss", email="b@example.org", roles=["admin"]))
    file = tmp_path / "beamkeeper.yaml"
    url = migrated.engine.url.render_as_string(hide_password=False)
    file.write_text(yaml.safe_dump({"database_url": url}))
    monkeypatch.setenv(CONFIG, str(file))
    load.cache_clear()
    yield lambda *words: CliRunner().invoke(app, [str(w) for w in words])
    load.cache_clear()


def test_the_command_line(command, migrated):
    done = command("replica", "may-go", NUMBER, 1, ONLINE)
    assert done.exit_code == 0, done.output
    assert "may go; verified copies remain" in done.output.replace("\n", " ")
    refused = command("proposal", "hold", NUMBER, "legal-hold", "-o", "boss")
    assert refused.exit_code == 3
    set_ = command("proposal", "hold", NUMBER, "legal-hold", "-o", "boss", "-r", "letter")
    assert set_.exit_code == 0, set_.output
    assert standing(migrated) == "legal-hold: letter"
    told = command("replica", "may-go", NUMBER, 1, ONLINE, "--json")
    assert told.exit_code == 1
    assert json.loads(told.output)["because"] == ["a legal-hold stands: letter"]
    assert command("replica", "may-go", NUMBER, 1, "NOWHERE").exit_code == 4
    lifted = command("proposal", "lift", NUMBER, "legal-hold", "-o", "boss", "-r", "settled")
    assert lifted.exit_code == 0, lifted.output
    assert standing(migrated) == ""
    nobody = command("proposal", "lift", NUMBER, "legal-hold", "-o", "pi2012", "-r", "x")
    assert nobody.exit_code == 3
