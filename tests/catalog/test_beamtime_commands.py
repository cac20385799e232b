"""A beamtime moves only along the table, and every move is on record."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from catalog.commands import proposals
from catalog.queries.journal import history
from catalog.queries.proposals import active_proposal, proposal_view
from catalog.tables import Obligation, Proposal, TeamSnapshot
from policies.errors import Forbidden, Invalid, Missing, Refused
from policies.messages import MessageKind
from policies.vocabulary import BeamtimeEvent, BeamtimeState, Duty
from tests.catalog.story import (
    ADMIN,
    LEADER,
    MANAGER,
    NUMBER,
    PARTICIPANT,
    T0,
    bring_to,
    closed,
    new_proposal,
    opened,
    post,
    provision,
    record_run,
)


def test_whole_life(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, MANAGER, T0)
        proposals.fill_shifts(session, NUMBER, 9, LEADER, T0)
        proposals.advance(session, NUMBER, BeamtimeEvent.REVIEW, LEADER, T0)
        proposals.advance(session, NUMBER, BeamtimeEvent.CLOSE, LEADER, T0)
    with facility_database.read() as session:
        rows = [r for r in history(session, NUMBER) if r.subject == "beamtime"]
        labels = [state.label for state in BeamtimeState]
        assert [r.source for r in rows] == labels[:-1]
        assert [r.target for r in rows] == labels[1:]
        assert rows[-1].actor == "leader"
        row = session.exec(select(Proposal).where(Proposal.number == NUMBER)).one()
        assert row.beamtime_start_at == T0
        assert row.beamtime_end_at == T0


def test_not_offline_before_every_step_is_green(facility_database):
    with facility_database.write() as session:
        new_proposal(session)
        with pytest.raises(Refused, match=r"not recorded green: ldap-groups.*offline-quotas"):
            proposals.advance(session, NUMBER, BeamtimeEvent.OFFLINE_CONFIGURED, ADMIN, T0)


def test_beamtime_outside_its_cycle_is_an_administrators_word(facility_database):
    with facility_database.write() as session:
        row = new_proposal(session)
        provision(session)
        event = BeamtimeEvent.OFFLINE_CONFIGURED
        from catalog.tables import InstrumentCycle

        session.get_one(InstrumentCycle, row.instrument_cycle_id).end_at = T0
        session.flush()
        with pytest.raises(Refused, match="outside the instrument cycle"):
            proposals.advance(session, NUMBER, event, ADMIN, T0)
        move = proposals.advance(session, NUMBER, event, ADMIN, T0, "agreed with the portal")
        assert move.overridden == ("beamtime inside its cycle",)
        assert history(session, NUMBER)[-1].override == ("beamtime inside its cycle",)


def test_one_active_proposal_per_instrument(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE, 2012)
        bring_to(session, BeamtimeState.READY, 2013)
        with pytest.raises(Refused, match="proposal 2012 is Active on this instrument") as caught:
            proposals.advance(session, 2013, BeamtimeEvent.START, ADMIN, T0, "I insist")
        assert caught.value.possible == ["step-back"]
        with pytest.raises(Refused, match="2012 is Active"):
            proposals.override(session, 2013, BeamtimeState.ACTIVE, ADMIN, T0, "I insist")
        assert active_proposal(session, "SPB") == 2012


def test_the_database_itself_refuses_two_active(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE, 2012)
        bring_to(session, BeamtimeState.READY, 2013)
        row = session.exec(select(Proposal).where(Proposal.number == 2013)).one()
        row.flg_beamtime_status = BeamtimeState.ACTIVE
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()


def test_not_active_long_before_begin(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.READY)
        early = T0 - timedelta(hours=24, seconds=1)
        with pytest.raises(Refused, match="may start from 24 h before"):
            proposals.advance(session, NUMBER, BeamtimeEvent.START, MANAGER, early)
        proposals.advance(
            session, NUMBER, BeamtimeEvent.START, MANAGER, early + timedelta(seconds=1)
        )


def test_finish_waits_for_open_runs_and_review_for_assessments(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        post(session, MessageKind.RUN_OPENED, opened(8), "o8")
        with pytest.raises(Refused, match="still open: r0008"):
            proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, ADMIN, T0, "no matter")
        post(session, MessageKind.RUN_CLOSED, closed(8), "c8")
        proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, MANAGER, T0)
        with pytest.raises(Refused, match="delivered shifts is not filled in"):
            proposals.advance(session, NUMBER, BeamtimeEvent.REVIEW, LEADER, T0)
        proposals.fill_shifts(session, NUMBER, 3, LEADER, T0)
        with pytest.raises(Refused, match="not assessed: r0008"):
            proposals.advance(session, NUMBER, BeamtimeEvent.REVIEW, LEADER, T0)


def test_only_those_who_may(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        with pytest.raises(Forbidden, match="may be asked by BE, LC, LS, SG, T_DM, admin"):
            proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, PARTICIPANT, T0)
        with pytest.raises(Forbidden, match="shifts:fill"):
            proposals.fill_shifts(session, NUMBER, 3, MANAGER, T0)
        with pytest.raises(Forbidden):
            proposals.override(session, NUMBER, BeamtimeState.NEW, LEADER, T0, "because")


@pytest.mark.parametrize("shifts", [-1, 201])
def test_shifts_have_limits(facility_database, shifts):
    with facility_database.write() as session:
        new_proposal(session)
        with pytest.raises(Invalid, match="num_delivered_shifts must be between 0 and 200"):
            proposals.fill_shifts(session, NUMBER, shifts, LEADER, T0)


def test_back_needs_a_reason_and_the_history_keeps_it(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        with pytest.raises(Refused, match="needs a reason"):
            proposals.advance(session, NUMBER, BeamtimeEvent.STEP_BACK, LEADER, T0)
        proposals.advance(session, NUMBER, BeamtimeEvent.STEP_BACK, LEADER, T0, "water leak")
        last = history(session, NUMBER)[-1]
        assert (last.source, last.target, last.reason) == ("Active", "Ready", "water leak")


def test_finish_keeps_the_team_as_it_was(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, MANAGER, T0)
        snapshot = session.exec(select(TeamSnapshot)).one()
        (member,) = snapshot.team_snapshot
        assert member[1:] == [1, False]


def test_obligations_follow_the_state(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)

        def owed():
            rows = session.exec(select(Obligation).where(Obligation.settled_at == None))  # noqa: E711
            return {r.duty: r.due_at for r in rows}

        assert owed() == {Duty.AUTO_FINISH: T0 + timedelta(days=6)}
        proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, MANAGER, T0)
        assert owed() == {Duty.REMIND_REVIEW: T0 + timedelta(days=14)}
        proposals.fill_shifts(session, NUMBER, 9, LEADER, T0)
        proposals.advance(session, NUMBER, BeamtimeEvent.REVIEW, LEADER, T0)
        a_year_later = T0.replace(year=T0.year + 1)
        assert owed() == {Duty.AUTO_CLOSE: T0, Duty.LAPSE_RIGHTS: a_year_later}
        assert proposal_view(session, NUMBER).writable_until == a_year_later
        proposals.advance(session, NUMBER, BeamtimeEvent.CLOSE, LEADER, T0)
        assert owed() == {}
        assert proposal_view(session, NUMBER).writable_until is None
        later = T0 + timedelta(days=500)
        proposals.advance(session, NUMBER, BeamtimeEvent.REOPEN, ADMIN, later, "late analysis")
        assert owed()[Duty.LAPSE_RIGHTS] == later.replace(year=later.year + 1)


def test_a_step_recorded_twice_is_one_history_row(facility_database):
    with facility_database.write() as session:
        new_proposal(session)
        provision(session)
        before = len(history(session, NUMBER))
        provision(session)
        assert len(history(session, NUMBER)) == before
        view = proposal_view(session, NUMBER)
        assert {s.attempts for s in view.steps} == {2}


def test_preview_changes_nothing(facility_database):
    with facility_database.write() as session:
        bring_to(session, BeamtimeState.READY)
        before = len(history(session, NUMBER))
        move = proposals.preview(session, NUMBER, BeamtimeEvent.START, MANAGER, T0)
        assert (move.target, move.changed) == (BeamtimeState.ACTIVE, False)
        assert proposal_view(session, NUMBER).state is BeamtimeState.READY
        assert len(history(session, NUMBER)) == before


def test_unknown_proposal_is_named(facility_database):
    with facility_database.write() as session, pytest.raises(Missing, match="no proposal 77"):
        proposals.advance(session, 77, BeamtimeEvent.START, ADMIN, T0)


def test_review_waits_for_migrations(facility_database):
    from catalog.commands import assessing
    from policies.vocabulary import Assessment

    with facility_database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        record_run(session, 1)
        assessing.assess_run(session, NUMBER, 1, Assessment.GOOD, MANAGER, T0)
        proposals.advance(session, NUMBER, BeamtimeEvent.FINISH, MANAGER, T0)
        proposals.fill_shifts(session, NUMBER, 3, LEADER, T0)
        with pytest.raises(Refused, match="not migrated yet: r0001"):
            proposals.advance(session, NUMBER, BeamtimeEvent.REVIEW, LEADER, T0)
