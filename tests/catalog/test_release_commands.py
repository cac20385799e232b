"""What is due, what stops a round, and who is told: on SQLite and PostgreSQL."""

from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.commands import data_policies, leases, release_decide, release_rounds, releases
from catalog.commands.rehearsal import declare_rehearsal
from catalog.queries import releases as queries
from catalog.queries.journal import history
from catalog.tables import DoiRecord, Outbox, PartRelease, Proposal, ReleaseRound, Run
from policies.breakers import Limits
from policies.errors import Forbidden, Invalid, LeaseLost, Missing, Refused
from policies.vocabulary import ReleaseEvent, ReleaseState, Work
from settings.data_policies import read_policies
from tests.catalog.open_story import AFTER, BEFORE, RELEASE, doi_of, tell
from tests.catalog.story import ADMIN, MANAGER

S = ReleaseState
LATER = RELEASE + timedelta(days=3)


@pytest.fixture
def told(facility_database):
    """Three proposals that are due at the same instant, one of a policy that opens on request."""
    with facility_database.write() as session:
        declare_rehearsal(session, ADMIN, BEFORE, "tests move the clock")
        names = ("euxfel-2017", "elettra-2019")
        given = [data_policies.PolicyDocument(p.document, p.sha256) for p in read_policies(names)]
        data_policies.load_policies(session, given, ADMIN, BEFORE)
        for number in (2001, 2002, 2003, 2004):
            tell(session, number)
            policy = names[number == 2004]
            row = session.exec(select(Proposal).where(Proposal.number == number)).one()
            row.policy_identifier, row.policy_version = policy, 1
    return facility_database


def row(session, number=2001):
    return session.exec(select(Proposal).where(Proposal.number == number)).one()


def test_due_are_those_whose_policy_opens_them_by_date(told):
    with told.write() as session:
        assert queries.due(session, BEFORE) == []
        assert queries.due(session, RELEASE) == [2001, 2002, 2003]
        assert queries.due(session, RELEASE, after=2001, limit=1) == [2002]
        assert queries.due_totals(session, RELEASE) == (3, 12_000)
        row(session, 2002).release_state = S.RESTRICTED
        row(session, 2003).release_state = S.OPENING
        row(session, 2004).opens_early_at = BEFORE
        session.flush()
        assert queries.due(session, RELEASE) == [2001, 2003, 2004]


def test_a_round_asks_for_each_once(told):
    with told.write() as session:
        found = release_rounds.begin(session, Limits(), AFTER)
        assert (found.due, found.stopped) == (3, "")
        assert release_rounds.ask_page(session, found, 0, AFTER) == [2001, 2002, 2003]
        assert release_rounds.ask_page(session, found, 2003, AFTER) == []
        release_rounds.ask_page(session, found, 0, AFTER)
        release_rounds.end(session, found, 3, AFTER)
        asked = session.exec(select(Outbox).where(Outbox.work == Work.RELEASE_ONE)).all()
        assert [o.parameters["proposal"] for o in asked] == [2001, 2002, 2003]


def test_a_round_that_stops_opens_nothing_until_a_person_has_looked(told):
    strict = Limits(proposals=2)
    with told.write() as session:
        found = release_rounds.begin(session, strict, AFTER)
        assert "3 proposals would open, 2 are the most" in found.stopped
        again = release_rounds.begin(session, strict, AFTER + timedelta(days=1))
        assert again.id == found.id
        assert len(session.exec(select(Outbox).where(Outbox.work == "notice")).all()) == 1
        assert session.exec(select(Outbox).where(Outbox.work == Work.RELEASE_ONE)).all() == []
        with pytest.raises(Forbidden):
            release_rounds.confirm(session, MANAGER, AFTER, "fine")
        with pytest.raises(Refused, match="reason"):
            release_rounds.confirm(session, ADMIN, AFTER, " ")
        release_rounds.confirm(session, ADMIN, AFTER + timedelta(days=1), "a cycle ended together")
        with pytest.raises(Missing):
            release_rounds.confirm(session, ADMIN, AFTER, "again")
        # Only what was due when it stopped goes on.
        row(session, 2003).release_at = AFTER + timedelta(days=1, hours=1)
        session.flush()
        on = release_rounds.begin(session, strict, AFTER + timedelta(days=2))
        assert (on.id, on.stopped) == (found.id, "")
        numbers = release_rounds.ask_page(session, on, 0, AFTER + timedelta(days=2))
        assert numbers == [2001, 2002]
        release_rounds.end(session, on, 2, AFTER + timedelta(days=2))
        kept = session.exec(select(ReleaseRound)).one()
        assert (kept.confirmed_by, kept.asked) == (ADMIN.name, 2)
        # The next round counts from now on.
        assert release_rounds.begin(session, Limits(), AFTER + timedelta(days=3)).id != on.id


def test_forty_days_without_a_round_are_one_question_and_then_all_opens(told):
    with told.write() as session:
        release_rounds.begin(session, Limits(), BEFORE - timedelta(days=1))
        late = BEFORE + timedelta(days=39)
        found = release_rounds.begin(session, Limits(), late)
        assert "the last round was 40 days ago" in found.stopped
        release_rounds.confirm(session, ADMIN, late, "the machine was moved")
        on = release_rounds.begin(session, Limits(), late)
        assert release_rounds.ask_page(session, on, 0, late) == [2001, 2002, 2003]


def test_the_alarm_needs_no_round_and_says_why(told):
    day = timedelta(hours=24)
    with told.write() as session:
        assert release_rounds.alarm(session, RELEASE + day - timedelta(seconds=1), day) == []
        releases.refused(session, 2002, 0, "open findings: run 1: size", RELEASE)
        late = release_rounds.alarm(session, RELEASE + day, day)
        assert [(o.proposal, o.why) for o in late] == [
            (2001, ""), (2002, "open findings: run 1: size"), (2003, ""),
        ]  # fmt: skip
        release_rounds.alarm(session, RELEASE + day + timedelta(hours=1), day)
        texts = [
            o.parameters["text"]
            for o in session.exec(select(Outbox).where(Outbox.work == "notice"))
        ]
        assert len(texts) == 3
        assert "nobody tried" in texts[0]


def test_who_was_overtaken_opens_nothing(told):
    with told.write() as session:
        held = leases.acquire(session, "release-one:2001", "a", AFTER, timedelta(seconds=1))
        later = AFTER + timedelta(seconds=2)
        leases.acquire(session, "release-one:2001", "b", later, timedelta(hours=1))
        with pytest.raises(LeaseLost):
            releases.begin(session, 2001, 0, ("XFEL_GPFS_OFFLINE_RAW_CC",), held, later)
        with pytest.raises(LeaseLost):
            releases.confirm(session, 2001, 0, (), held, later)


def test_without_a_verified_copy_nothing_begins(told):
    with told.write() as session:
        held = leases.acquire(session, "release-one:2001", "a", AFTER, timedelta(hours=1))
        with pytest.raises(Refused, match="no verified copy that can be opened: raw r0001"):
            releases.begin(session, 2001, 0, ("XFEL_GPFS_OFFLINE_RAW_CC",), held, AFTER)


def test_restricting_needs_a_reason_that_the_policy_knows(told):
    def restrict(session, reason):
        return release_decide.decide(session, 2001, ReleaseEvent.RESTRICT, ADMIN, AFTER, reason)

    with told.write() as session:
        with pytest.raises(Invalid, match="personal data"):
            restrict(session, "because")
        assert restrict(session, "Personal data: faces in the images") is S.RESTRICTED
        assert 2001 not in queries.due(session, LATER)
        assert row(session).restriction.startswith("Personal")
        with pytest.raises(Invalid):
            release_decide.decide(
                session, 2001, ReleaseEvent.CONFIRM_OPEN, ADMIN, AFTER, "I say so"
            )
        release_decide.decide(
            session, 2001, ReleaseEvent.LIFT_RESTRICTION, ADMIN, AFTER, "they were blurred"
        )
        assert queries.due(session, LATER)[0] == 2001
        assert [r.event for r in history(session, 2001)][-2:] == ["restrict", "lift-restriction"]


def test_closing_again_takes_the_parts_along_and_harvesters_see_it(told):
    with told.write() as session:
        proposal = row(session)
        proposal.release_state, proposal.openly_released_at = S.OPEN, AFTER
        run = session.exec(select(Run).where(Run.proposal_id == proposal.id)).first()
        session.add(
            PartRelease(
                proposal_id=proposal.id, run_id=run.id, state=S.OPEN, state_since=AFTER,
                opens_at=AFTER, openly_released_at=AFTER,
            )
        )  # fmt: skip
        session.flush()
        release_decide.decide(session, 2001, ReleaseEvent.RECLOSE, ADMIN, LATER, "an error")
        assert row(session).release_state is S.RECLOSED
        assert session.exec(select(PartRelease.state)).all() == [S.RECLOSED]
        doi = session.exec(select(DoiRecord).where(DoiRecord.doi == doi_of(2001))).one()
        assert doi.datestamp == LATER.replace(microsecond=0)
        (ask,) = session.exec(select(Outbox).where(Outbox.work == Work.RELEASE_CLOSE)).all()
        assert ask.parameters == {"proposal": 2001, "part": 0}
        assert queries.due(session, LATER) == [2002, 2003]
        with pytest.raises(Missing, match="no part 99"):
            release_decide.decide(session, 2001, ReleaseEvent.RECLOSE, ADMIN, LATER, "x", part=99)
