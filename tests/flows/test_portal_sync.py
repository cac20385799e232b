"""The portal is taken over: good rows, hostile rows, and a portal that does not answer well."""

import re
from collections import Counter

import pytest
import sqlalchemy as sa
from prefect.client.orchestration import get_client
from sqlmodel import col
from typer.testing import CliRunner

from catalog.queries.journal import inbox_list, inbox_show
from catalog.tables import Proposal
from deployments.cli import app
from deployments.standins.portal import Fault, PortalStandin, load
from flows.portal_sync import portal_sync
from flows.proposal_prepare import proposal_prepare
from policies.errors import Unavailable
from policies.vocabulary import BeamtimeState, InboxState
from tasks.portal.steps import portal_export
from tasks.records import portal as records
from tests.flows.conftest import forget_settings

TRIES = 4
"""Of the task; the client itself asks once here."""


@pytest.fixture
def upex(monkeypatch):
    monkeypatch.setattr(portal_export, "retry_delay_seconds", [0.02] * (TRIES - 1))
    with PortalStandin() as standin:
        yield standin


@pytest.fixture
def link(make_site, upex):
    """Make a site that knows the portal and has no proposal yet."""

    def link(**more):
        reached = {"url": upex.url, "token": upex.token, "page_size": 7, "retries": 0}
        return make_site(portal=reached | more)

    return link


@pytest.fixture
def linked(link):
    return link()


def tags_of(state):
    with get_client(sync_client=True) as client:
        return set(client.read_flow_run(state.state_details.flow_run_id).tags)


def tries(state):
    """Of the task that reads the export: final state, and how often it was run."""
    with get_client(sync_client=True) as client:
        body = {"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}}
        answer = client._client.post("/task_runs/filter", json=body)
        answer.raise_for_status()
        (run,) = answer.json()
    return run["state_type"], run["run_count"]


def proposals(site):
    with site.database.read() as session:
        query = sa.select(Proposal.number, Proposal.def_proposal_path)
        return dict(session.execute(query.order_by(col(Proposal.number))).tuples().all())


def kept(site, state=InboxState.REFUSED):
    with site.database.read() as session:
        return {row["id"]: row for row in inbox_list(session, state, 500)}


def everything(site):
    """The whole catalog, to be compared."""
    with site.database.read() as session:
        names = sorted(sa.inspect(session.connection()).get_table_names())
        return {
            name: session.execute(sa.text(f'select * from "{name}"')).all()
            for name in names
            if name != "leases"
        }


def test_what_the_portal_says_is_taken_over_once_and_can_be_prepared(linked, put):
    first = put(portal_sync)
    assert (first.name, first.message) == ("Completed", "proposals: 2 created")
    assert "outcome:refused-rows" not in tags_of(first)
    assert list(proposals(linked)) == [2012, 900054]
    assert linked.proposal(900054).path == "/gpfs/exfel/exp/MID/201831/p900054/raw"
    past, rows = linked.history(2012), linked.count()
    again = put(portal_sync)
    assert again.message == "proposals: 2 unchanged"
    assert (linked.history(2012), linked.count()) == (past, rows)
    prepared = put(proposal_prepare, proposal=2012)
    assert prepared.name == "Completed", prepared.message
    assert linked.state(2012) is BeamtimeState.READY
    assert linked.raw(2012).is_dir()
    # whatever the portal sends later, the status is ours
    put(portal_sync)
    assert linked.state(2012) is BeamtimeState.READY
    assert linked.sound()


def reinject(site, row, *corrections):
    arguments = ["inbox", "reinject", str(row), "--operator", "boss", "--reason", "was mistyped"]
    for one in corrections:
        arguments += ["--set", one]
    forget_settings()
    done = CliRunner().invoke(app, arguments)
    forget_settings()
    return done


def test_hostile_rows_are_kept_with_field_and_rule_and_never_stop_the_good_ones(linked, put, upex):
    linked.add_proposal(4000)  # brings an administrator
    upex.export = load("upex_hostile")
    trees = sorted(linked.folder.rglob("*"))
    done = put(portal_sync)
    assert (done.name, done.type) == ("Completed", "COMPLETED")
    assert done.message == "proposals: 2 created, 52 refused; 7 users or cycles refused"
    assert "outcome:refused-rows" in tags_of(done)
    paths = proposals(linked)
    assert list(paths) == [3001, 3042, 4000]
    assert all(re.fullmatch(r"/gpfs/exfel/exp/[A-Z]+/\d{6}/p\d{6}/raw", p) for p in paths.values())
    assert sorted(linked.folder.rglob("*")) == trees

    found = kept(linked)
    kinds = Counter(row["kind"] for row in found.values())
    assert kinds == {"portal-proposal": 52, "portal-user": 5, "portal-cycle": 2}
    said = {row["proposal"]: row["reason"] for row in found.values() if row["proposal"]}
    assert said[3002].startswith("instrument must be an instrument's identifier (SPB)")
    assert said[3003] == said[3002]  # ../../etc and SPB/SFX
    assert said[3004] == said[3002]  # a newline at the end
    assert said[3007] == "instrument there is no instrument NOWHERE"
    assert said[3023] == "team[0].data_access_role must be an integer between 1 and 2"
    assert said[3200] == "number is used by another row of this export that says something else"
    odd = [r["reason"] for r in found.values() if not re.match(r"[a-z_0-9\[\].]+ \w", r["reason"])]
    assert odd == []

    # the same again: nothing new, nothing lost
    put(portal_sync)
    assert kept(linked).keys() == found.keys()

    # a person corrects one, and tries to smuggle in another
    ids = {row["proposal"]: number for number, row in found.items() if row["proposal"]}
    assert reinject(linked, ids[3003], "instrument=FXE").exit_code == 0
    assert linked.proposal(3003).path == "/gpfs/exfel/exp/FXE/201830/p003003/raw"
    refused = reinject(linked, ids[3002], "instrument=../../etc")
    assert ids[3002] in kept(linked), refused.output
    assert ids[3003] in kept(linked, InboxState.APPLIED)
    with linked.database.read() as session:
        as_it_came = inbox_show(session, ids[3003])
    assert as_it_came is not None
    assert as_it_came["body"]["instrument"] == "SPB/SFX"
    assert "reinject" in linked.events(number=3003)
    assert linked.sound()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", 503), "answers 503"),
        (Fault("lost"), "does not answer to the end"),
        (Fault("truncate"), "is cut or no JSON"),
        (Fault("slow", delay_s=0.05), "needs more than 0.4 s"),
    ],
    ids=lambda value: getattr(value, "how", None),
)
def test_a_portal_that_fails_is_asked_again_and_what_stays_bad_changes_nothing(
    link, put, upex, fault, said
):
    linked = link(page_timeout_s=0.4 if fault.how == "slow" else 60)
    before = everything(linked)
    # for good: every try, then the flow is red
    upex.faults = [Fault(**{**vars(fault), "times": TRIES, "skip": 0})]
    failed = put(portal_sync)
    assert failed.type == "FAILED"
    assert said in failed.message
    assert upex.token not in failed.message
    assert tries(failed) == ("FAILED", TRIES)
    assert everything(linked) == before
    assert upex.faults == []
    # for a moment, on whatever page: nobody notices
    upex.export["proposals"] = upex.export["proposals"] + [
        {**upex.export["proposals"][0], "number": n, "url": None} for n in range(5000, 5010)
    ]
    upex.faults = [Fault(**{**vars(fault), "times": 1, "skip": 1})]
    done = put(portal_sync)
    assert done.message == "proposals: 12 created"
    assert tries(done)[0] == "COMPLETED"
    assert 2 <= tries(done)[1] < TRIES
    assert linked.sound()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", 403, times=9), "does not accept our token"),
        (Fault("redirect", headers={"Location": "http://127.0.0.1:9/"}, times=9), "elsewhere"),
        (Fault("circle", times=99), "same page again and again"),
    ],
    ids=lambda value: getattr(value, "how", None),
)
def test_a_portal_that_refuses_is_asked_once_and_changes_nothing(linked, put, upex, fault, said):
    before = everything(linked)
    upex.faults = [Fault(**vars(fault))]
    failed = put(portal_sync)
    assert failed.type == "FAILED"
    assert said in failed.message
    assert tries(failed) == ("FAILED", 1)
    assert everything(linked) == before
    upex.faults = []
    assert put(portal_sync).message == "proposals: 2 created"


def test_a_catalog_that_fails_in_the_middle_keeps_whole_rows_and_the_next_run_goes_on(
    linked, put, upex, monkeypatch
):
    first = upex.export["proposals"][0]
    upex.export["proposals"] = [
        {**first, "number": number, "url": None} for number in range(5000, 5060)
    ]
    original, parts = records.import_rows, []

    def failing(session, part, *more):
        report = original(session, part, *more)
        parts.append(part)
        if len(parts) == 4:
            raise Unavailable("the catalog went away")
        return report

    monkeypatch.setattr(records, "import_rows", failing)
    assert put(portal_sync).type == "FAILED"
    assert len(parts) == 4
    some = proposals(linked)
    assert 0 < len(some) < 60
    assert {len(linked.proposal(number).team) for number in some} == {len(first["team"])}
    assert put(portal_sync).name == "Completed"
    assert list(proposals(linked)) == list(range(5000, 5060))
    assert linked.sound()


def test_a_site_without_a_portal_refuses_and_names_the_setting(site, put):
    done = put(portal_sync)
    assert (done.name, done.type) == ("Refused", "COMPLETED")
    assert "portal.url" in done.message
    assert "outcome:refused" in tags_of(done)
