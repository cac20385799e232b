"""Policies on record: never changed; proposals stay with the one of their beamtime."""

import json

import pytest
from freezegun import freeze_time
from sqlmodel import select
from typer.testing import CliRunner

from catalog.commands.data_policies import PolicyDocument, load_policies
from catalog.queries.explain import explain
from catalog.queries.journal import verify
from catalog.tables import Change, PolicyVersion, Proposal
from policies.actor import SYSTEM
from policies.errors import Forbidden, Refused
from settings.clock import utc_now
from settings.data_policies import digest, read_policies
from tests.catalog.portal_help import NOW, changed, load, put
from tests.catalog.story import ADMIN

OURS = read_policies(("euxfel-2017", "euxfel-2025"))
GIVEN = [PolicyDocument(file.document, file.sha256) for file in OURS]


@pytest.fixture
def catalog(facility_database):
    with facility_database.write() as session:
        assert load_policies(session, GIVEN, ADMIN, NOW) == [
            "euxfel-2017, version 1",
            "euxfel-2025, version 1",
        ]
    return facility_database


def test_a_version_never_changes(catalog):
    with catalog.write() as session:
        assert load_policies(session, GIVEN, ADMIN, NOW) == []
        with pytest.raises(Forbidden):
            load_policies(session, GIVEN, SYSTEM, NOW)
        other = {**GIVEN[0].document, "title": "Another"}
        with pytest.raises(Refused, match="give the change version 2"):
            load_policies(session, [PolicyDocument(other, digest(other))], ADMIN, NOW)
        newer = {**other, "version": 2}
        given = [PolicyDocument(newer, digest(newer))]
        assert load_policies(session, given, ADMIN, NOW) == ["euxfel-2017, version 2"]
        rows = session.exec(select(PolicyVersion)).all()
        assert [(row.identifier, row.version) for row in rows][-1] == ("euxfel-2017", 2)
        assert rows[0].valid_to.isoformat() == "2024-12-31T23:00:00+00:00"
        assert verify(session).sound


def test_a_proposal_is_pinned_at_its_first_import_and_stays(catalog):
    put(catalog, load())
    with catalog.write() as session:
        rows = session.exec(select(Proposal).where(Proposal.policy_identifier != "")).all()
        assert {(p.policy_identifier, p.policy_version) for p in rows} == {("euxfel-2017", 1)}
        dates = {p.number: p.release_at for p in rows}
        longer = {
            **GIVEN[0].document,
            "version": 2,
            "embargo": {**GIVEN[0].document["embargo"], "duration": "P4Y"},
        }
        load_policies(session, [PolicyDocument(longer, digest(longer))], ADMIN, NOW)
    put(catalog, changed(title="Another title"))
    with catalog.read() as session:
        again = session.exec(select(Proposal).where(Proposal.policy_identifier != "")).all()
        assert {p.number: p.release_at for p in again} == dates
        assert {p.policy_version for p in again} == {1}
        pins = session.exec(select(Change).where(Change.event == "pin-policy")).all()
        assert {row.proposal for row in pins} == set(dates)
        assert verify(session).sound


def test_any_proposal_is_explained(catalog):
    put(catalog, load())
    with catalog.read() as session:
        found = explain(session, 2012, utc_now())
        assert found.policy == "euxfel-2017, version 1"
        assert found.release_at.isoformat() == "2021-04-02T06:00:00+00:00"
        assert found.first_open_day.isoformat() == "2021-04-03"
        assert any("pin-policy" in line for line in found.history)
        assert "somebody must look" in found.follows[-1]


def test_without_a_policy_the_answer_says_what_is_missing(facility_database):
    put(facility_database, load())
    with facility_database.read() as session:
        found = explain(session, 2012, utc_now())
    assert found.policy == ""
    assert "no data policy is pinned" in found.because[0]


def test_the_command_line_explains(catalog, monkeypatch):
    from deployments import cli

    put(catalog, load())
    monkeypatch.setattr(cli, "database", lambda: catalog)
    said = CliRunner().invoke(cli.app, ["explain", "2012"])
    assert said.exit_code == 0
    assert "2021-04-03 is the first open day" in said.output
    as_json = CliRunner().invoke(cli.app, ["explain", "2012", "--json"])
    assert json.loads(as_json.output)["policy"] == "euxfel-2017, version 1"
    assert CliRunner().invoke(cli.app, ["explain", "999999"]).exit_code == 4


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2021-04-02 05:59:59", "opens on 2021-04-02 08:00:00"),
        ("2021-04-02 06:00:00", "the embargo is over"),
    ],
)
def test_the_last_second_counts(catalog, day, words):
    put(catalog, load())
    with freeze_time(day), catalog.read() as session:
        assert words in explain(session, 2012, utc_now()).follows[-1]
