"""What the portal may change and what it may not."""

import copy
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from catalog.commands import portal
from catalog.commands.portal_inbox import refused_rows
from catalog.queries.journal import verify
from catalog.tables import (
    Experiment,
    Inbox,
    Instrument,
    InstrumentCycle,
    Obligation,
    Outbox,
    Proposal,
    ProvisioningStep,
    Run,
    Sample,
    TeamMember,
    User,
)
from deployments.standins.portal import load
from policies.actor import PORTAL, SYSTEM, Actor
from policies.errors import Forbidden, Missing, Refused
from policies.portal_reader import parse_export
from policies.portal_report import ImportReport, Outcome
from policies.vocabulary import BeamtimeState, InboxState, Role, StepName, StepState, Work
from tests.catalog.portal_help import (
    LATER,
    NOW,
    OPERATOR,
    changed,
    history,
    listed,
    one,
    put,
    read,
    rows,
    said,
    set_state,
)

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"])
"""Rules are Python: what differs between databases is tested beside this file."""


@pytest.fixture
def catalog(facility_database):
    return facility_database


def test_the_release_date_counts_from_the_last_beamtime(catalog):
    put(catalog, load())
    assert read(catalog, 2012).release_at == datetime.fromisoformat("2021-04-02T08:00+02:00")
    assert read(catalog).release_at == datetime.fromisoformat("2021-12-31T23:59:58+01:00")


def test_run_types_and_samples_start_with_the_facilitys(catalog):
    put(catalog, load())
    types = {e.name: e for e in rows(catalog, Experiment) if e.proposal_id == 1}
    assert [*types] == ["Test DAQ", "Sample", "Dark", "Calibration", "Flat field", "Scattering"]
    assert types["Flat field"].experiment_folder == "e0005"
    assert types["Test DAQ"].doi == f"xfel.mdc.exp.{types['Test DAQ'].id}"
    names = [s.name for s in rows(catalog, Sample) if s.proposal_id == 1]
    assert names == ["No sample", "Silver behenate", "Cerium dioxide", "Lysozyme crystals"]


def test_every_changed_field_is_told_old_and_new(catalog):
    put(catalog, load())
    report = one(
        put(
            catalog,
            changed(title="Another title", local_contact="brandtj", scheduled_shifts=None),
            LATER,
        )
    )
    assert report.outcome is Outcome.UPDATED
    assert said(report) == [
        "title: Commissioning of the detector read-out with scattering standards ⇒ Another title",
        "scheduled shifts: 12 ⇒ ---",
        "local contact: Karin Hellmeister ⇒ Jakob Brandtholm",
    ]
    told = history(catalog)[-3:]
    assert [(c.event, c.proposal, c.actor) for c in told] == [
        ("change-title", 900054, "upex"),
        ("change-scheduled-shifts", 900054, "upex"),
        ("change-local-contact", 900054, "upex"),
    ]
    assert (told[2].source, told[2].target) == ("Karin Hellmeister", "Jakob Brandtholm")


def test_a_long_text_is_short_in_the_history_and_whole_in_its_details(catalog):
    put(catalog, changed(abstract="a" * 5000))
    put(catalog, changed(abstract="b"), LATER)
    told = history(catalog, "change-abstract")[0]
    assert len(told.source) == 200
    assert told.details["old"] == "a" * 5000


@pytest.mark.parametrize("state", list(BeamtimeState))
def test_the_groups_follow_the_team_from_provisioning_to_the_end_of_the_beamtime(catalog, state):
    put(catalog, load())
    set_state(catalog, state)
    report = one(put(catalog, changed(team=load()["proposals"][0]["team"][:-1]), LATER))
    asked = rows(catalog, Outbox)
    due = state in {
        BeamtimeState.GPFS_OFFLINE_DONE,
        BeamtimeState.GPFS_ONLINE_DONE,
        BeamtimeState.READY,
        BeamtimeState.ACTIVE,
    }
    assert [row.key for row in asked] == ([report.work] if due else [])
    assert all(r.work == Work.TEAM_SYNC and r.parameters == {"proposal": 900054} for r in asked)
    assert read(catalog).state is state


def test_personal_data_do_not_enter_the_journal(catalog):
    put(catalog, load())
    document = load()
    document["users"][0]["email"] = "new.address@example.org"
    put(catalog, document, LATER)
    text = str([(c.source, c.target, c.details) for c in history(catalog)])
    assert "example.org" not in text.replace("portal.example.org", "")
    assert rows(catalog, Outbox) == []


def test_the_portal_cannot_speak_of_service_accounts_nor_give_roles(catalog):
    document = load()
    document["users"].append({**document["users"][0], "uid": "karabo_sys", "name": "Mine now"})
    document["users"][0]["roles"] = ["admin"]
    report = put(catalog, document)
    assert [r.key for r in report.refused] == ["karabo_sys"]
    by_uid = {u.uid: u for u in rows(catalog, User)}
    assert by_uid["karabo_sys"].name == "Data acquisition"
    assert by_uid["karabo_sys"].roles == ["karabo_sys"]
    assert by_uid["lindqva"].roles == []


def test_an_administrator_stays_one(catalog):
    put(catalog, load())
    with catalog.write() as session:
        session.exec(select(User).where(User.uid == "lindqva")).one().roles = ["admin"]
    document = load()
    document["users"][0]["name"] = "Astrid L."
    put(catalog, document, LATER)
    assert {u.uid: u.roles for u in rows(catalog, User)}["lindqva"] == ["admin"]


def test_a_shortened_beamtime_never_shortens_the_embargo(catalog):
    put(catalog, load())
    first = read(catalog, 2012).release_at
    document = load()
    document["proposals"][1]["beamtimes"].pop()
    report = one(put(catalog, document, LATER), 2012)
    assert read(catalog, 2012).release_at == first
    assert report.warnings[0].startswith("release at: stays 2021-04-02 08:00:00+02:00")
    assert history(catalog, "change-release-at")[-1].target == "2021-04-02 08:00:00+02:00"


def test_an_extended_beamtime_extends_the_embargo(catalog):
    put(catalog, load())
    document = load()
    document["proposals"][1]["beamtimes"][1]["end_at"] = "2018-06-01T08:00:00+02:00"
    report = one(put(catalog, document, LATER), 2012)
    assert "release_at: 2021-04-02 08:00:00+02:00 ⇒ 2021-06-01 08:00:00+02:00" in [
        line.replace("release at", "release_at") for line in said(report)
    ]
    assert history(catalog, "change-release-at")[-1].policy == "release-1"


def test_without_beamtimes_the_nominal_end_is_a_provisional_anchor(catalog):
    put(catalog, changed(beamtimes=[], end_at="2018-11-30T12:00:00+01:00"))
    assert read(catalog).release_at == datetime.fromisoformat("2021-11-30T12:00+01:00")


def test_a_beamtime_outside_its_cycle_is_imported_with_a_warning(catalog):
    beamtime = {
        "id": 540,
        "begin_at": "2018-09-26T08:00:00+02:00",
        "end_at": "2026-12-31T23:58:00+01:00",
    }
    report = one(put(catalog, changed(beamtimes=[beamtime], end_at=None)))
    assert report.outcome is Outcome.CREATED
    assert "lies outside cycle 201831" in report.warnings[0]
    assert read(catalog).end_at == datetime.fromisoformat("2026-12-31T23:58+01:00")


def move():
    document = changed(instrument="HED")
    document["cycles"].append({**document["cycles"][0], "instrument": "HED"})
    return document


def test_a_proposal_may_move_while_nothing_exists(catalog):
    put(catalog, load())
    with catalog.write() as session:
        for name in (StepName.LDAP_GROUPS, StepName.OFFLINE_FOLDERS):
            session.add(ProvisioningStep(proposal_id=1, name=name, state=StepState.DONE))
    report = one(put(catalog, move(), LATER))
    assert said(report) == ["instrument/cycle: MID/201831 ⇒ HED/201831"]
    assert read(catalog).path == "/gpfs/exfel/exp/HED/201831/p900054/raw"
    states = {s.name: s.state for s in rows(catalog, ProvisioningStep)}
    assert states == {
        StepName.LDAP_GROUPS: StepState.DONE,
        StepName.OFFLINE_FOLDERS: StepState.PENDING,
    }


@pytest.mark.parametrize("state", [s for s in BeamtimeState if s is not BeamtimeState.NEW])
def test_a_prepared_proposal_does_not_move(catalog, state):
    put(catalog, load())
    set_state(catalog, state)
    report = one(put(catalog, move(), LATER))
    assert report.outcome is Outcome.REFUSED
    assert "folders are prepared for MID/201831" in report.reason
    assert read(catalog).instrument == "MID"


def test_a_proposal_with_runs_does_not_move_and_no_stranger_joins(catalog):
    put(catalog, load())
    with catalog.write() as session:
        session.add(
            Run(
                proposal_id=1,
                run_number=1,
                run_folder="r0001",
                experiment_id=1,
                begin_at=NOW,
                first_train=1,
                state_since=NOW,
                created_at=NOW,
                updated_at=NOW,
            )
        )
    document = move()
    document["proposals"][0]["team"].append({"uid": "moreaut"})
    report = one(put(catalog, document, LATER))
    assert "there are runs on MID/201831" in report.reason
    assert read(catalog).path == "/gpfs/exfel/exp/MID/201831/p900054/raw"
    assert "moreaut" not in [m.uid for m in read(catalog).team]
    assert one(put(catalog, changed(system="U"), LATER)).reason == "system is L and never changes"
    assert one(put(catalog, changed(cycle="201830"), LATER)).outcome is Outcome.REFUSED


def test_a_later_good_row_settles_the_refused_one(catalog):
    put(catalog, changed(title=None))
    with catalog.read() as session:
        [(inbox_id, kind, key, reason)] = refused_rows(session)
    assert (kind, key, reason) == ("proposal", "900054", "title can't be blank")
    put(catalog, load(), LATER)
    kept = rows(catalog, Inbox)
    assert [(r.id, r.state, r.proposal) for r in kept] == [(inbox_id, InboxState.IGNORED, 900054)]


def test_the_same_row_is_settled_as_applied_when_the_world_has_changed(catalog):
    document = load()
    cycles, document["cycles"] = document["cycles"], []
    document["proposals"][0]["cycle"] = "201899"
    assert one(put(catalog, document)).reason.startswith("cycle MID has no cycle 201899")
    document["cycles"] = [{**cycles[0], "identifier": "201899"}]
    assert one(put(catalog, document, LATER)).outcome is Outcome.CREATED
    assert [r.state for r in rows(catalog, Inbox)] == [InboxState.APPLIED]


def test_putting_again_asks_for_a_right_a_reason_and_a_row_of_the_portal(catalog):
    put(catalog, changed(title=None))
    [row] = rows(catalog, Inbox)
    with catalog.write() as session:
        with pytest.raises(Refused, match="needs a reason"):
            portal.reinject(session, row.id, OPERATOR, LATER, " ")
        with pytest.raises(Missing):
            portal.reinject(session, 4711, OPERATOR, LATER, "x")
        with pytest.raises(Forbidden):
            portal.reinject(session, row.id, Actor("pi", frozenset({Role.PI})), LATER, "x")
        with pytest.raises(Forbidden):
            portal.apply(session, parse_export(load()), Actor("pi", frozenset({Role.PI})), NOW)


def test_group_ids_are_given_once(catalog):
    put(catalog, load())
    put(catalog, load("upex_hostile"), LATER)
    gids = [g for p in rows(catalog, Proposal) for g in (p.gid_participants, p.gid_data_managers)]
    assert gids == list(range(700_000, 700_008))


def test_when_no_group_id_is_left_only_new_proposals_suffer(catalog):
    put(catalog, load())
    with catalog.write() as session:
        last = session.exec(select(Proposal).order_by(col(Proposal.id).desc())).first()
        last.gid_data_managers = 799_998
    report = put(catalog, load("upex_hostile"))
    assert "no free gid is left" in one(report, 3001).reason
    assert one(put(catalog, changed(title="Still"), LATER)).outcome is Outcome.UPDATED


def test_cycles_are_made_and_corrected(catalog):
    document = load()
    document["cycles"][0]["identifier"] = "203001"
    put(catalog, document)
    document["cycles"][0]["end_at"] = "2030-06-30T12:00:00+02:00"
    report = put(catalog, document, LATER)
    assert [r.outcome for r in report.cycles] == [Outcome.UPDATED, Outcome.UNCHANGED]
    query = select(InstrumentCycle).where(InstrumentCycle.identifier == "203001")
    [found] = listed(catalog, query)
    assert found.end_at == datetime(2030, 6, 30, 10, tzinfo=UTC)
    assert history(catalog, "change-cycle")[0].details["cycle"] == "203001"


def test_two_samples_that_swap_names_swap_ids(catalog):
    put(catalog, load())
    samples = copy.deepcopy(load()["proposals"][0]["samples"])
    samples[0]["name"], samples[1]["name"] = samples[1]["name"], samples[0]["name"]
    assert one(put(catalog, changed(samples=samples), LATER)).outcome is Outcome.UPDATED
    ids = {s.name: s.proposal_system_id for s in rows(catalog, Sample) if s.proposal_id == 1}
    assert (ids["Silver behenate"], ids["Cerium dioxide"]) == ("32", "31")


def test_people_are_reminded_of_a_new_beamtime_and_of_a_moved_one(catalog):
    put(catalog, load())
    [first, _] = rows(catalog, Obligation)
    begin = datetime.fromisoformat("2018-09-26T08:00+02:00")
    assert first.due_at == begin - timedelta(weeks=4)
    document = load()
    document["proposals"][0]["beamtimes"][0]["begin_at"] = "2018-10-01T08:00:00+02:00"
    put(catalog, document, LATER)
    assert rows(catalog, Obligation)[0].due_at == begin + timedelta(days=5) - timedelta(weeks=4)


def test_a_withdrawn_proposal_stays_on_record(catalog):
    put(catalog, load())
    assert said(one(put(catalog, changed(available=False), LATER))) == ["available: yes ⇒ no"]
    assert [p.flg_available for p in rows(catalog, Proposal)] == [False, True]


def test_what_is_missing_in_an_export_is_left_alone(catalog):
    put(catalog, load())
    report = put(catalog, {**load(), "users": [], "cycles": [], "proposals": []}, LATER)
    assert (report.sentence(), report.changed) == ("proposals: none", False)
    assert len(rows(catalog, TeamMember)) == 14


def test_the_systems_own_actor_may_import(catalog):
    with catalog.write() as session:
        report = portal.apply(session, parse_export(load()), SYSTEM, NOW)
    assert report.changed


def test_in_parts_it_comes_to_the_same(catalog):
    put(catalog, load())
    set_state(catalog, BeamtimeState.READY)
    document = load()
    document["users"][2]["policy_accepted"] = False
    document["proposals"] += load("upex_hostile")["proposals"]
    document["users"] += load("upex_hostile")["users"]
    document["cycles"] += load("upex_hostile")["cycles"]
    export, report = parse_export(document), ImportReport()
    for part in export.parts(1):
        assert len(part.proposals) <= 1
        with catalog.write() as session:
            report += portal.apply(session, part, PORTAL, LATER)
    assert report.sentence() == (
        "proposals: 2 created, 2 unchanged, 52 refused; 7 users or cycles refused"
    )
    assert one(report).work == rows(catalog, Outbox)[0].key
    with catalog.read() as session:
        assert verify(session).sound


def test_an_empty_export_is_one_part(dialect):
    assert [len(p.proposals) for p in parse_export({**load(), "proposals": []}).parts()] == [0, 0]
    empty = parse_export({"format": "upex-export", "version": 1})
    assert list(empty.parts()) == [empty]


def test_an_instrument_that_cannot_be_a_folder_stops_only_its_proposals(catalog):
    with catalog.write() as session:
        place = session.exec(select(Instrument).where(Instrument.identifier == "MID")).one()
        place.identifier = "mid-beamline"
    document = changed(instrument="mid-beamline")
    document["cycles"][0]["instrument"] = "mid-beamline"
    report = put(catalog, document)
    assert "must be 2 to 8 capital letters or digits" in one(report).reason
    assert one(report, 2012).outcome is Outcome.CREATED
