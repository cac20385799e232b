"""Harvesting over HTTP, by hand and with a harvester that others use."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import uvicorn
from lxml import etree
from sickle import Sickle
from sickle.oaiexceptions import NoRecordsMatch
from sqlmodel import select
from starlette.applications import Starlette
from starlette.routing import Mount

from api.oai import OaiDoor, oai_app
from catalog.queries import harvest
from catalog.queries.public import public_records
from catalog.tables import DoiRecord
from policies.oai import stamp
from policies.vocabulary import DoiState, DoiSubject, PageState, ReleaseState
from tests.catalog.open_story import (
    AFTER,
    BEFORE,
    END,
    PUBLISHER,
    RELEASE,
    SECRET,
    ZONE,
    doi_of,
    tell,
)

NS = {"o": "http://www.openarchives.org/OAI/2.0/", "dc": "http://purl.org/dc/elements/1.1/"}


def _tell(session):
    tell(session, 2001, ReleaseState.EMBARGOED, title=f"{SECRET} \x0b& <b>")
    tell(session, 2002, ReleaseState.OPEN)
    tell(session, 2003, ReleaseState.OPEN, instrument="FXE")
    tell(session, 2004, ReleaseState.RESTRICTED)
    tell(session, 2005, ReleaseState.OPEN)
    tell(session, 2006, ReleaseState.RECLOSED)
    tell(session, 2007, published=False)
    gone = session.exec(select(DoiRecord).where(DoiRecord.doi == doi_of(2005))).one()
    gone.withdrawn_at = AFTER


@pytest.fixture(scope="module")
def story(shared_database):
    with shared_database.write() as session:
        _tell(session)
    return shared_database


def door(database, now=AFTER, page=50):
    return OaiDoor(database, PUBLISHER, ZONE, b"key", lambda: now, "xfel.eu", page)


class Asking:
    """Requests to the application without a server."""

    def __init__(self, database, **more):
        self.app = Starlette(routes=[Mount("/oai", oai_app(door(database, **more)))])

    def raw(self, method="GET", **said):
        async def go():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(method, "/oai/", **said)

        return asyncio.run(go())

    def __call__(self, query, method="GET"):
        said = {"params": query} if method == "GET" else {"data": dict(httpx.QueryParams(query))}
        got = self.raw(method, **said)
        assert got.status_code == 200
        return etree.fromstring(got.content)


def error(root):
    return root.find("o:error", NS).get("code")


def test_identify_by_get_and_by_post(story):
    ask = Asking(story)
    for method in ("GET", "POST"):
        said = ask("verb=Identify", method).find("o:Identify", NS)
        assert said.findtext("o:earliestDatestamp", namespaces=NS) == stamp(END + timedelta(days=1))
        assert said.findtext("o:deletedRecord", namespaces=NS) == "persistent"
        assert said.findtext("o:adminEmail", namespaces=NS) == PUBLISHER.contact_email


def test_what_was_not_understood_is_not_repeated(story):
    ask = Asking(story)
    root = ask('verb=GetRecord&identifier=invalid"id')
    assert error(root) == "badArgument"
    assert dict(root.find("o:request", NS).attrib) == {}
    root = ask('verb=GetRecord&identifier=invalid"id&metadataPrefix=oai_dc')
    assert error(root) == "idDoesNotExist"
    assert root.find("o:request", NS).get("identifier") == 'invalid"id'


def test_errors_that_need_the_catalog(story):
    ask = Asking(story)
    wanted = {
        "verb=ListRecords&metadataPrefix=oai_dc&until=1990-01-10": "noRecordsMatch",
        "verb=ListRecords&metadataPrefix=oai_dc&set=junk": "noRecordsMatch",
        "verb=ListRecords&resumptionToken=junk": "badResumptionToken",
        "verb=ListSets&resumptionToken=junk": "badResumptionToken",
        "verb=ListMetadataFormats&identifier=oai:xfel.eu:10.1/2": "idDoesNotExist",
        f"verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:xfel.eu:{doi_of(2007)}": (
            "idDoesNotExist"
        ),
    }
    assert {query: error(ask(query)) for query in wanted} == wanted


def listed(root):
    found = {}
    for one in root.iterfind(".//o:header", NS):
        doi = one.findtext("o:identifier", namespaces=NS).removeprefix("oai:xfel.eu:")
        sets = {e.text for e in one.iterfind("o:setSpec", NS)}
        found[doi] = (one.get("status"), sets)
    return found


def test_sets_and_deleted_records(story):
    found = listed(Asking(story)("verb=ListIdentifiers&metadataPrefix=oai_dc"))
    every = {"openaire_data", "open", "embargoed", "instrument:SPB"}
    assert found == {
        doi_of(2001): (None, {"openaire_data", "embargoed", "instrument:SPB"}),
        doi_of(2002): (None, {"openaire_data", "open", "instrument:SPB"}),
        doi_of(2003): (None, {"openaire_data", "open", "instrument:FXE"}),
        doi_of(2004): (None, {"openaire_data", "instrument:SPB"}),
        doi_of(2005): ("deleted", every),
        doi_of(2006): ("deleted", every),
    }


@pytest.mark.parametrize("spec", ["openaire_data", "open", "embargoed", "instrument:FXE"])
def test_a_set_holds_what_its_headers_say(story, spec):
    ask = Asking(story)
    whole = listed(ask("verb=ListIdentifiers&metadataPrefix=oai_dc"))
    part = listed(ask(f"verb=ListIdentifiers&metadataPrefix=oai_dc&set={spec}"))
    assert part == {doi: said for doi, said in whole.items() if spec in said[1]}


def test_the_same_rule_as_the_pages(facility_database):
    """What SQL calls open or deleted is what the record's page says."""
    story = facility_database
    with story.write() as session:
        _tell(session)
        _parts(session, 2001)
    for now in (BEFORE, RELEASE, AFTER):
        with story.read() as session:
            heads = harvest.headers(session, harvest.Wanted(), now, after=None, limit=99)
            said = public_records(session, [h.id for h in heads], PUBLISHER, ZONE, now)
        pages = [record.page for record in said]
        assert [h.open for h in heads if not h.deleted] == [
            page is PageState.OPEN for h, page in zip(heads, pages, strict=True) if not h.deleted
        ]
        assert [h.deleted for h in heads] == [
            page in {PageState.HIDDEN, PageState.TOMBSTONE} for page in pages
        ]


def _parts(session, number):
    """DOIs of runs and of a selection of an embargoed proposal whose first run is open."""
    from catalog.tables import PartRelease, Proposal, Run, Selection, SelectionRun

    proposal = session.exec(select(Proposal).where(Proposal.number == number)).one()
    runs = session.exec(select(Run).where(Run.proposal_id == proposal.id)).all()
    session.add(
        PartRelease(
            proposal_id=proposal.id,
            run_id=runs[0].id,
            state=ReleaseState.OPEN,
            state_since=BEFORE,
            opens_at=BEFORE,
            openly_released_at=BEFORE,
        )
    )
    made = []
    for index, chosen in enumerate((runs[:1], runs)):
        one = Selection(
            proposal_id=proposal.id, index=index, title="Some", made_by="x", made_at=END
        )
        session.add(one)
        session.flush()
        session.add_all([SelectionRun(selection_id=one.id, run_id=r.id) for r in chosen])
        made.append((DoiSubject.SELECTION, one.id))
    made += [(DoiSubject.RUN, r.id) for r in runs]
    for kind, subject in made:
        doi = f"10.22003/{kind}-{subject}"
        session.add(
            DoiRecord(
                doi=doi,
                doi_key=doi,
                subject_kind=kind,
                subject_id=subject,
                proposal_id=proposal.id,
                wanted=DoiState.FINDABLE,
                remote_state=DoiState.FINDABLE,
                published_at=END,
                sync_since=END,
                datestamp=END,
                created_at=END,
            )
        )


def test_an_embargo_that_is_not_over_is_not_open(story):
    found = listed(Asking(story, now=BEFORE)("verb=ListIdentifiers&metadataPrefix=oai_dc"))
    assert not any("open" in sets for status, sets in found.values() if status is None)


def test_a_day_that_is_asked_for_holds_its_records(story):
    ask = Asking(story)
    day = f"{(END + timedelta(days=1)):%Y-%m-%d}"
    found = listed(ask(f"verb=ListRecords&metadataPrefix=oai_dc&from={day}&until={day}"))
    assert set(found) == {doi_of(2001), doi_of(2004), doi_of(2006)}
    second = stamp(RELEASE + timedelta(hours=1))
    found = listed(ask(f"verb=ListRecords&metadataPrefix=oai_dc&from={second}&until={second}"))
    assert set(found) == {doi_of(2002), doi_of(2003), doi_of(2005)}


def test_dublin_core_says_when_the_embargo_ends(story):
    said = f"verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:xfel.eu:{doi_of(2001)}"
    root = Asking(story, now=BEFORE)(said)
    values = [e.text for e in root.iterfind(".//dc:date", NS)]
    assert "info:eu-repo/date/embargoEnd/2027-03-07" in values
    assert root.findtext(".//dc:title", namespaces=NS) == f"{SECRET} & <b>"
    rights = [e.text for e in root.iterfind(".//dc:rights", NS)]
    assert rights == ["info:eu-repo/semantics/embargoedAccess", "embargoed access"]


def test_a_request_that_is_too_long(story):
    got = Asking(story).raw("POST", content=b"verb=Identify&x=" + b"x" * 9000)
    assert got.status_code == 413


@pytest.fixture
def served(story):
    app = Starlette(routes=[Mount("/oai", oai_app(door(story, page=2)))])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/oai/"
    server.should_exit = True
    thread.join()


def test_a_harvester_walks_to_the_end(served):
    sickle = Sickle(served)
    every = list(sickle.ListRecords(metadataPrefix="oai_dc"))
    assert [r.header.identifier for r in every if not r.header.deleted] == [
        f"oai:xfel.eu:{doi_of(n)}" for n in (2001, 2004, 2002, 2003)
    ]
    assert sum(r.header.deleted for r in every) == 2
    assert next(iter(every)).metadata["publisher"] == ["European XFEL"]
    with pytest.raises(NoRecordsMatch):
        sickle.ListRecords(metadataPrefix="oai_dc", **{"from": "2099-01-01"})


def test_what_changes_during_a_harvest_is_seen_again(facility_database):
    story = facility_database
    with story.write() as session:
        _tell(session)
    ask = Asking(story, page=2)
    root = ask("verb=ListIdentifiers&metadataPrefix=oai_dc")
    first = listed(root)
    with story.write() as session:
        for row in session.exec(select(DoiRecord).where(DoiRecord.doi.in_(list(first)))):
            row.datestamp = datetime(2030, 1, 1, tzinfo=UTC)
    seen = set()
    token = root.findtext(".//o:resumptionToken", namespaces=NS)
    while token:
        root = ask(f"verb=ListIdentifiers&resumptionToken={token}")
        seen |= set(listed(root))
        token = root.findtext(".//o:resumptionToken", namespaces=NS)
    assert len(seen) == 6
    assert set(first) <= seen
