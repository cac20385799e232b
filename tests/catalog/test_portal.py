"""The import from the user portal, on both databases."""

import copy

import pytest

from catalog.commands import portal, proposals
from catalog.commands.portal_inbox import content_of
from catalog.queries.journal import verify
from catalog.tables import (
    Beamtime,
    Inbox,
    Outbox,
    Proposal,
    Sample,
    User,
)
from deployments.standins.portal import load
from policies.actor import SYSTEM
from policies.errors import Refused
from policies.portal_reader import canonical
from policies.portal_report import Outcome
from policies.vocabulary import BeamtimeState, InboxState, StepName, StepState, Work
from tests.catalog.portal_help import (
    LATER,
    NOW,
    OPERATOR,
    changed,
    history,
    one,
    put,
    read,
    rows,
    said,
    set_state,
)


@pytest.fixture
def catalog(facility_database):
    return facility_database


def test_the_demos_two_proposals_are_created(catalog):
    report = put(catalog, load())
    assert report.sentence() == "proposals: 2 created"
    assert (report.count("user", Outcome.CREATED), report.refused) == (16, ())
    view = read(catalog)
    assert (view.folder, view.path) == ("p900054", "/gpfs/exfel/exp/MID/201831/p900054/raw")
    assert (view.instrument, view.cycle, view.system) == ("MID", "201831", "L")
    assert view.state is BeamtimeState.NEW
    assert [m.data_manager for m in view.team] == [True] * 6 + [False] * 3
    assert [m.uid for m in view.team if not m.accepted] == ["dufresl"]
    assert [m.uid for m in view.team if not m.account_valid] == ["grabowt"]
    assert (view.principal_investigator, view.local_contact) == ("lindqva", "hellmek")
    assert read(catalog, 2012).path == "/gpfs/exfel/exp/SPB/201701/p002012/raw"


def test_importing_again_changes_nothing_and_writes_no_history(catalog):
    put(catalog, load())
    before = len(history(catalog))
    report = put(catalog, load(), LATER)
    assert report.sentence() == "proposals: 2 unchanged"
    assert not report.changed
    assert report.unchanged_users == 16
    assert report.rows() == []
    assert len(history(catalog)) == before
    assert {u.upex_synced_at for u in rows(catalog, User) if not u.flg_service_account} == {LATER}


def test_the_chain_of_the_journal_holds(catalog):
    put(catalog, load())
    put(catalog, load("upex_hostile"))
    with catalog.read() as session:
        assert verify(session).sound


def test_one_bad_row_never_stops_the_others(catalog):
    report = put(catalog, load("upex_hostile"))
    created = [r.key for r in report.proposals if r.outcome is Outcome.CREATED]
    assert created == ["3001", "3042"]
    assert report.count("proposal", Outcome.REFUSED) == 52
    assert read(catalog, 3042).title == "Good after the bad ones \U0001f52c"
    assert [p.number for p in rows(catalog, Proposal)] == [3001, 3042]


def test_nothing_refused_is_lost(catalog):
    document = load("upex_hostile")
    report = put(catalog, document)
    kept = {row.id: row for row in rows(catalog, Inbox)}
    assert all(r.inbox_id in kept and kept[r.inbox_id].reason == r.reason for r in report.refused)
    came = [*document["users"], *document["cycles"], *document["proposals"]]
    bodies = {canonical(content_of(row)) for row in kept.values()}
    assert bodies <= {canonical(row) for row in came}
    assert len(kept) == len(bodies) == 59
    assert {row.sender for row in kept.values()} == {"upex"}


def test_importing_the_bad_rows_again_keeps_them_once(catalog):
    put(catalog, load("upex_hostile"))
    before, told = rows(catalog, Inbox), len(history(catalog))
    report = put(catalog, load("upex_hostile"), LATER)
    assert not report.changed
    assert [(r.id, r.attempts) for r in rows(catalog, Inbox)] == [(r.id, 1) for r in before]
    assert len(history(catalog)) == told


def test_leavers_are_removed_with_a_line_of_history(catalog):
    put(catalog, load())
    team = [m for m in load()["proposals"][0]["team"] if m["uid"] != "sorokap"]
    team[-1] = {**team[-1], "data_access_role": 1}
    team.append({"uid": "moreaut"})
    report = one(put(catalog, changed(team=team), LATER))
    assert said(report) == [
        "team: Tomas Grabowitz (Participant) ⇒ Tomas Grabowitz (Data Manager & Participant)",
        "team: --- ⇒ Theo Moreautin (Participant)",
        "team: Pavel Sorokant (Data Manager & Participant) ⇒ ---",
    ]
    assert history(catalog, "leave-team")[0].target == "---"
    assert "sorokap" not in [m.uid for m in read(catalog).team]
    assert any(u.uid == "sorokap" for u in rows(catalog, User))


def test_an_acceptance_that_ends_reaches_the_groups(catalog):
    put(catalog, load())
    set_state(catalog, BeamtimeState.ACTIVE)
    document = load()
    document["users"][2]["policy_accepted"] = False
    document["users"][9]["account_valid"] = False  # the local contact, on no team
    report = put(catalog, document, LATER)
    assert one(report).outcome is Outcome.UNCHANGED
    assert one(report).work
    assert [r.key for r in report.users] == ["okaferu", "hellmek"]
    assert [row.key for row in rows(catalog, Outbox)] == [one(report).work]
    told = history(catalog, "change-person")[0]
    assert told.target == "policy accepted: no, account valid: yes"
    assert told.details["uid"] == "okaferu"


def test_a_withdrawn_beamtime_becomes_unavailable_and_may_come_back(catalog):
    put(catalog, load())
    document = load()
    gone = document["proposals"][1]["beamtimes"].pop()
    report = one(put(catalog, document, LATER), 2012)
    assert said(report)[0] == (
        "beamtime: 2018-03-29 08:00:00+02:00 to 2018-04-02 08:00:00+02:00 ⇒ ---"
    )
    kept = {b.portal_id: b for b in rows(catalog, Beamtime)}
    assert not kept[str(gone["id"])].flg_available
    assert len(read(catalog, 2012).beamtimes) == 1
    put(catalog, load(), LATER)
    assert len(rows(catalog, Beamtime)) == len(kept)
    assert len(read(catalog, 2012).beamtimes) == 2


def reserved(catalog, state):
    with catalog.write() as session:
        name = StepName.BATCH_RESERVATION
        proposals.begin_step(session, 900054, name, SYSTEM, NOW)
        proposals.record_step(session, 900054, name, state, SYSTEM, NOW, message="upex_900054")


@pytest.mark.parametrize(
    ("state", "asked"),
    [(StepState.DONE, 1), (StepState.FAILED, 1), (StepState.SKIPPED, 1), (None, 0)],
)
def test_a_reservation_follows_changed_dates(catalog, state, asked):
    put(catalog, load())
    if state is not None:
        reserved(catalog, state)
    (beamtime,) = load()["proposals"][0]["beamtimes"]
    moved = [{**beamtime, "end_at": "2018-12-30T23:59:58+01:00"}]
    for _ in range(2):
        put(catalog, changed(beamtimes=moved), LATER)
    found = [r for r in rows(catalog, Outbox) if r.work == Work.PROPOSAL_PREPARE]
    assert [r.parameters["only"] for r in found] == [["batch-reservation"]] * asked


def test_a_kept_row_can_be_put_again_corrected(catalog):
    put(catalog, changed(instrument="SPB/SFX", title="half \ud800"))
    [row] = rows(catalog, Inbox)
    with catalog.write() as session:
        bad = portal.reinject(session, row.id, OPERATOR, LATER, "try", {"instrument": "MID"})
    assert (bad.outcome, "title" in bad.reason) == (Outcome.REFUSED, True)
    with catalog.write() as session:
        good = portal.reinject(
            session,
            row.id,
            OPERATOR,
            LATER,
            "the display name was sent",
            {"instrument": "MID", "title": "Whole"},
        )
    assert good.outcome is Outcome.CREATED
    assert read(catalog).title == "Whole"
    [kept] = rows(catalog, Inbox)
    assert (kept.state, kept.attempts) == (InboxState.APPLIED, 3)
    assert content_of(kept)["instrument"] == "SPB/SFX"
    told = history(catalog, "reinject")[-1]
    assert (told.actor, told.reason) == ("keeper", "the display name was sent")
    assert told.details["corrected"] == {"instrument": "MID", "title": "Whole"}
    with catalog.write() as session, pytest.raises(Refused, match="applied already"):
        portal.reinject(session, row.id, OPERATOR, LATER, "again")


def test_samples_follow_their_sheet(catalog):
    put(catalog, load())
    samples = copy.deepcopy(load()["proposals"][0]["samples"])
    samples[0]["name"] = "Silver behenate, batch 2"
    del samples[1]
    samples.append({"id": 34, "name": "Water"})
    report = one(put(catalog, changed(samples=samples), LATER))
    assert [c.old for c in report.changes] == ["Silver behenate", "---", "Cerium dioxide"]
    found = {s.name: s for s in rows(catalog, Sample) if s.proposal_id == 1}
    assert found["Silver behenate, batch 2"].proposal_system_id == "31"
    assert not found["Cerium dioxide"].flg_available
    assert found["No sample"].flg_available
    untold = load()
    del untold["proposals"][0]["samples"]
    assert one(put(catalog, untold, LATER)).outcome is Outcome.UNCHANGED


def test_an_address_belongs_to_one_proposal(catalog):
    document = load()
    document["proposals"][1]["url"] = document["proposals"][0]["url"]
    report = put(catalog, document)
    assert one(report, 2012).reason == "url is the address of proposal 900054"
    assert [p.number for p in rows(catalog, Proposal)] == [900054]
