"""Runs: opened, closed, aborted, assessed; every message once, nothing lost."""

from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.commands import assessing, inbox, proposals, runs
from catalog.commands.sweeping import Automatic, fulfil
from catalog.queries.journal import history, inbox_list
from catalog.queries.runs import run_table, run_view
from catalog.queries.sweeps import due_obligations
from catalog.tables import Inbox, Outbox, Proposal
from policies.errors import Conflict, Forbidden, Refused
from policies.messages import MessageKind as K
from policies.vocabulary import (
    Assessment,
    BeamtimeEvent,
    BeamtimeState,
    InboxState,
    RunState,
)
from tests.catalog.story import (
    ADMIN,
    LEADER,
    MANAGER,
    NUMBER,
    PARTICIPANT,
    T0,
    bring_to,
    closed,
    opened,
    post,
    record_run,
)


@pytest.fixture
def active(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
    return facility_database


def works(session, work):
    return session.exec(select(Outbox).where(Outbox.work == work)).all()


def test_open_and_close_ask_for_inspection_and_tell_the_world(active):
    with active.write() as session:
        assert post(session, K.RUN_OPENED, opened(1), "o1").body == {
            "event_id": "o1",
            "state": "applied",
        }
        post(session, K.RUN_CLOSED, closed(1), "c1")
        (asked,) = works(session, "run-closed")
        assert asked.parameters == {"proposal": NUMBER, "run": 1}
        (event,) = works(session, "daq_run_complete")
        assert {k: event.parameters[k] for k in ("event", "proposal", "run")} == {
            "event": "daq_run_complete",
            "proposal": NUMBER,
            "run": 1,
        }
        view = run_view(session, NUMBER, 1)
        assert (view.state, view.run_type, view.sample) == (RunState.CLOSED, "Sample", "lysozyme")


def test_the_same_message_again_is_answered_alike_and_does_nothing(active):
    with active.write() as session:
        first = post(session, K.RUN_OPENED, opened(1), "o1")
        rows = len(history(session, NUMBER))
        again = post(session, K.RUN_OPENED, opened(1), "o1")
        assert (again.status, again.body) == (first.status, first.body)
        assert first.fresh
        assert not again.fresh
        assert len(history(session, NUMBER)) == rows
        assert session.exec(select(Inbox)).all()[0].attempts == 1


def test_one_event_id_cannot_mean_two_things(active):
    with active.write() as session:
        post(session, K.RUN_OPENED, opened(1), "o1")
        with pytest.raises(Conflict, match="used before with another body"):
            post(session, K.RUN_OPENED, opened(2), "o1")


def test_closed_before_opened_waits_and_is_applied_by_the_opening(active):
    with active.write() as session:
        held = post(session, K.RUN_CLOSED, closed(1), "c1")
        assert (held.status, held.body["state"]) == (202, "held")
        assert held.body["reason"] == f"proposal {NUMBER} has no run 1: waits for it"
        post(session, K.RUN_OPENED, opened(1), "o1")
        assert run_view(session, NUMBER, 1).state is RunState.CLOSED
        assert {r["state"] for r in inbox_list(session)} == {"applied"}
        assert len(works(session, "run-closed")) == 1


def test_message_for_a_proposal_that_is_not_there_yet(facility_database):
    with facility_database.write() as session:
        post(session, K.RUN_CLOSED, closed(1), "c1")
        post(session, K.RUN_OPENED, opened(1), "o1")
        assert {r["state"] for r in inbox_list(session)} == {"held"}
        bring_to(session, BeamtimeState.ACTIVE)
        inbox.retry_held(session, T0)
        inbox.retry_held(session, T0)
        assert run_view(session, NUMBER, 1).state is RunState.CLOSED


def test_a_refusal_is_kept_with_its_reason_and_can_be_put_again(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.GPFS_ONLINE_DONE)
        answer = post(session, K.RUN_OPENED, opened(1), "o1")
        assert answer.status == 409
        assert "runs are taken while Ready or Active" in answer.body["reason"]
        proposals.advance(session, NUMBER, BeamtimeEvent.MAKE_READY, ADMIN, T0)
        row = session.exec(select(Inbox)).one()
        with pytest.raises(Forbidden):
            inbox.reinject(session, row.id, MANAGER, T0, "now")
        with pytest.raises(Refused, match="needs a reason"):
            inbox.reinject(session, row.id, ADMIN, T0, " ")
        state = inbox.reinject(session, row.id, ADMIN, T0, "status was wrong")
        assert state is InboxState.APPLIED
        assert run_view(session, NUMBER, 1).state is RunState.OPEN
        with pytest.raises(Refused, match="applied already"):
            inbox.reinject(session, row.id, ADMIN, T0, "again")


def test_a_corrected_message_keeps_what_came(active):
    with active.write() as session:
        answer = post(session, K.RUN_OPENED, opened(1, first_train="many"), "o1")
        assert answer.status == 422
        assert answer.body["fields"] == {"first_train": "must be an integer"}
        row = session.exec(select(Inbox)).one()
        inbox.reinject(session, row.id, ADMIN, T0, "typing error", {"first_train": 1000})
        assert run_view(session, NUMBER, 1).first_train == 1000
        last = history(session, NUMBER, 1)[-1]
        assert last.details["as_it_came"]["first_train"] == "many"


def test_closing_twice_with_other_facts_is_refused(active):
    with active.write() as session:
        record_run(session, 1)
        answer = post(session, K.RUN_CLOSED, closed(1, last_train=9999), "c1b")
        assert answer.status == 409
        assert "closed already with another last_train" in answer.body["reason"]
        same = post(session, K.RUN_CLOSED, closed(1), "c1c")
        assert same.body["state"] == "ignored"


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"last_train": 999}, "last_train", "must be greater than or equal to 1000"),
        ({"end_at": "2024-02-01T00:00:00+00:00"}, "end_at", "must not be before begin_at"),
    ],
)
def test_a_close_that_contradicts_the_opening(active, change, field, rule):
    with active.write() as session:
        post(session, K.RUN_OPENED, opened(1), "o1")
        answer = post(session, K.RUN_CLOSED, closed(1, **change), "c1")
        assert answer.status == 422
        assert rule in answer.body["fields"][field]
        assert run_view(session, NUMBER, 1).state is RunState.OPEN


def test_the_hour_of_grace_after_finish(active):
    with active.write() as session:
        proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, MANAGER, T0)
        late = T0 + timedelta(minutes=59)
        answer = post(session, K.RUN_OPENED, opened(1), "o1", late)
        assert "within the hour of grace" in answer.body["reason"]
        later = T0 + timedelta(minutes=61)
        assert post(session, K.RUN_OPENED, opened(2), "o2", later).status == 409


def test_abort_needs_a_reason_and_a_late_close_is_welcome(active):
    with active.write() as session:
        post(session, K.RUN_OPENED, opened(1), "o1")
        with pytest.raises(Refused, match="needs a reason"):
            runs.abort_run(session, NUMBER, 1, LEADER, T0, "")
        with pytest.raises(Forbidden):
            runs.abort_run(session, NUMBER, 1, PARTICIPANT, T0, "DAQ died")
        runs.abort_run(session, NUMBER, 1, LEADER, T0, "DAQ died")
        assert run_view(session, NUMBER, 1).state is RunState.ABORTED
        assert post(session, K.RUN_CLOSED, closed(1), "c1").body["state"] == "applied"
        assert run_view(session, NUMBER, 1).state is RunState.CLOSED


@pytest.mark.parametrize(
    ("assessment", "state", "code", "asks"),
    [
        (Assessment.GOOD, RunState.MIGRATION_REQUESTED, 1, 1),
        (Assessment.UNCLEAR, RunState.MIGRATION_REQUESTED, 2, 1),
        (Assessment.NOT_INTERESTING, RunState.NOT_INTERESTING, 0, 0),
    ],
)
def test_assessment_decides_on_the_migration(active, assessment, state, code, asks):
    with active.write() as session:
        record_run(session, 1)
        move = assessing.assess_run(session, NUMBER, 1, assessment, MANAGER, T0, "seen")
        assert move.target is state
        view = run_view(session, NUMBER, 1)
        assert (view.state, view.quality) == (state, code)
        assert (view.migration_request_at == T0) is bool(asks)
        assert len(works(session, "run-migrate")) == asks
        again = assessing.assess_run(session, NUMBER, 1, assessment, MANAGER, T0, "seen")
        assert not again.changed
        assert len(works(session, "run-migrate")) == asks


def test_changing_the_mind_before_the_copy(active):
    with active.write() as session:
        record_run(session, 1)
        assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)
        assessing.assess_run(session, NUMBER, 1, Assessment.NOT_INTERESTING, MANAGER, T0)
        view = run_view(session, NUMBER, 1)
        assert (view.state, view.migration_request_at) == (RunState.NOT_INTERESTING, None)
        assessing.assess_run(session, NUMBER, 1, Assessment.UNCLEAR, MANAGER, T0)
        assert run_view(session, NUMBER, 1).state is RunState.MIGRATION_REQUESTED
        assert len(works(session, "run-migrate")) == 2


def test_an_open_run_cannot_be_assessed(active):
    with active.write() as session:
        post(session, K.RUN_OPENED, opened(1), "o1")
        with pytest.raises(Refused, match="assess-good is not possible from open"):
            assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)


def test_automatic_good_leaves_time_for_a_person(active):
    with active.write() as session:
        session.exec(select(Proposal).where(Proposal.number == NUMBER)).one()
        row = session.exec(select(Proposal).where(Proposal.number == NUMBER)).one()
        row.flg_auto_run_quality = 1
        record_run(session, 1)
        record_run(session, 2)
        assert not [d for d in due_obligations(session, T0) if "quality" in d.duty]
        assessing.assess_run(session, NUMBER, 2, Assessment.NOT_INTERESTING, MANAGER, T0)
        later = T0 + timedelta(seconds=30)
        due = [d for d in due_obligations(session, later) if "quality" in d.duty]
        assert [d.run for d in due] == [1]
        assert fulfil(session, due[0].id, Automatic(), later) == "set to Good"
        table = {v.run: v.assessment for v in run_table(session, NUMBER)}
        assert table == {1: "Good", 2: "Not interesting"}
        assert history(session, NUMBER, 1)[-1].actor == "## System ##"


def test_run_table_in_pages(active):
    with active.write() as session:
        for run in range(1, 8):
            post(session, K.RUN_OPENED, opened(run), f"o{run}")
    with active.read() as session:
        first = run_table(session, NUMBER, limit=3)
        second = run_table(session, NUMBER, before=first[-1].run, limit=3)
        assert [v.run for v in first + second] == [7, 6, 5, 4, 3, 2]


def test_update_corrects_sample_and_run_type_with_history(active):
    with active.write() as session:
        post(session, K.RUN_OPENED, opened(1), "o1")
        body = {"proposal": NUMBER, "run": 1, "run_type": "Dark", "description": "shutter closed"}
        assert post(session, K.RUN_UPDATED, body, "u1").body["state"] == "applied"
        assert run_view(session, NUMBER, 1).run_type == "Dark"
        assert history(session, NUMBER, 1)[-1].details == {
            "run_type": ["Sample", "Dark"],
            "description": ["", "shutter closed"],
        }
        assert post(session, K.RUN_UPDATED, body, "u2").body["state"] == "ignored"
