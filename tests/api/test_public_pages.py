"""Landing pages: one per DOI, in every state, and the same 404 for all that is not there."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from policies.vocabulary import PageState, ReleaseState
from tests.api.public_story import (
    DRAFT,
    EARLY,
    INSTRUMENT,
    NEW,
    NUMBERS,
    OLD,
    RECLOSED,
    SECRET,
    UNKNOWN,
    Clock,
    Reader,
    door,
    instant,
)
from tests.catalog.open_story import AFTER, BEFORE, PUBLISHER, doi_of, tell

SAYS = {
    PageState.MINIMAL: (200, "Registered"),
    PageState.EMBARGOED: (200, 'data open on <time datetime="2027-03-07">7 March 2027</time>'),
    PageState.DUE: (200, 'ended on <time datetime="2027-03-06">6 March 2027</time>'),
    PageState.PARTIAL: (200, 'The rest opens on <time datetime="2027-03-07">7 March 2027</time>'),
    PageState.OPEN: (200, 'since <time datetime="2027-03-06">6 March 2027</time>'),
    PageState.RESTRICTED: (200, "Access on request"),
    PageState.HIDDEN: (200, "Temporarily not available"),
    PageState.TOMBSTONE: (410, "Voices of the ward"),
}


@pytest.fixture
def client(told, clock):
    return Reader(door(told, clock))


@contextmanager
def statements(database):
    """What is asked of the database meanwhile."""
    asked = []

    def note(_connection, _cursor, statement, *_more):
        asked.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)


def test_every_state_of_a_page_is_told():
    assert set(SAYS) == set(PageState) - {PageState.UNKNOWN}


@pytest.mark.parametrize("state", SAYS)
def test_a_page_says_how_the_data_stand(client, clock, state):
    clock.at = instant(state)
    answer = client.get(f"/doi/{doi_of(NUMBERS[state])}")
    status, words = SAYS[state]
    assert answer.status_code == status
    assert words in answer.text
    assert answer.text.startswith("<!doctype html>") or answer.text.lstrip().startswith("<!doctype")
    assert SECRET not in answer.text
    assert f'<link rel="canonical" href="{PUBLISHER.landing_url(doi_of(NUMBERS[state]))}">' in (
        answer.text
    )


def test_a_page_says_who_what_where_and_how_to_cite(client):
    text = client.get(f"/doi/{doi_of(NUMBERS[PageState.OPEN])}").text
    for said in (
        "Paula Ibsen",
        "https://orcid.org/0000-0002-1825-0097",
        "University of Somewhere",
        "serial femtosecond crystallography",
        "Sample of 2005",
        "Creative Commons Attribution 4.0 International",
        "European Commission",
        "10.5072/paper-2005",
        INSTRUMENT,
        "4 kB",
        "Ibsen, Paula (2027): Time-resolved structure",
        "p002005",
    ):
        assert said in text


def test_samples_wait_for_the_end_of_the_embargo(client, clock):
    clock.at = EARLY
    assert "Sample of" not in client.get(f"/doi/{doi_of(NUMBERS[PageState.EMBARGOED])}").text


def test_letters_of_any_case_and_head(client):
    path = f"/doi/{doi_of(NUMBERS[PageState.OPEN])}"
    assert client.get(path.lower()).text == client.get(path).text
    head = client.head(path)
    assert head.status_code == 200
    assert head.headers["etag"] == client.get(path).headers["etag"]


def test_a_newer_version_and_an_instrument(client):
    assert doi_of(NEW) in client.get(f"/doi/{doi_of(OLD)}").text
    text = client.get(f"/doi/{INSTRUMENT}").text
    assert "names an instrument" in text
    assert "How to get the data" not in text


def test_draft_and_unknown_cannot_be_told_apart(client, told):
    answers, asked = [], []
    for number in (DRAFT, UNKNOWN):
        with statements(told) as said:
            answers.append(client.get(f"/doi/{doi_of(number)}"))
        asked.append(said)
    draft, unknown = answers
    assert draft.status_code == unknown.status_code == 404
    assert draft.content == unknown.content
    assert dict(draft.headers) == dict(unknown.headers)
    assert asked[0] == asked[1]
    assert client.get("/nowhere").content == draft.content
    assert client.get("/doi/nonsense").content == draft.content


def test_a_clock_that_moves_on_shows_at_once(client, clock):
    path = f"/doi/{doi_of(NUMBERS[PageState.OPEN])}"
    clock.at = BEFORE
    closed = client.get(path)
    assert "Under embargo" in closed.text
    clock.at = AFTER
    again = client.get(path, headers={"If-None-Match": closed.headers["etag"]})
    assert again.status_code == 200
    assert "Open data" in again.text
    since = {"If-Modified-Since": again.headers["last-modified"]}
    clock.at = BEFORE
    assert "Under embargo" in client.get(path, headers=since).text


def test_who_has_the_page_gets_304(client):
    path = f"/doi/{doi_of(NUMBERS[PageState.OPEN])}"
    first = client.get(path)
    tags = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = client.get(path, headers=tags)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["vary"] == first.headers["vary"] == "Accept"
    assert first.headers["cache-control"] == "no-cache"


def test_closed_again_shows_at_once(facility_database):
    with facility_database.write() as session:
        proposal = tell(session, 2040, ReleaseState.OPEN).proposal_id
    client = Reader(door(facility_database, Clock()))
    path = f"/doi/{doi_of(2040)}"
    first = client.get(path)
    assert "Open data" in first.text
    with facility_database.write() as session:
        from catalog.tables import Proposal

        session.get_one(Proposal, proposal).release_state = ReleaseState.RECLOSED
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 200
    assert "Temporarily not available" in again.text
    assert "Structure of protein" not in again.text


def test_reclosed_says_nothing(client):
    text = client.get(f"/doi/{doi_of(RECLOSED)}").text
    assert "Temporarily not available" in text
    assert SECRET not in text


def test_pages_run_no_script_and_are_read_only(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"]
    assert "set-cookie" not in answer.headers
    for verb in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(verb, f"/doi/{doi_of(NUMBERS[PageState.OPEN])}").status_code == 405


def test_the_field_for_a_doi_leads_to_its_page(client):
    doi = doi_of(NUMBERS[PageState.OPEN])
    answer = client.get("/doi", params={"doi": f" https://doi.org/{doi}"})
    assert answer.status_code == 303
    assert answer.headers["location"] == PUBLISHER.landing_url(doi)
    assert client.get("/doi", params={"doi": "//evil.example"}).status_code == 404
    assert client.get("/doi", params={"doi": "10.1/..//evil"}).status_code == 404


@pytest.mark.parametrize("path", ["/doi/10.22003/%00", "/doi/10.22003/%E2%80%A8", "/doi/%2e%2e/x"])
def test_odd_addresses_are_not_there(client, path):
    assert client.get(path).status_code == 404


def test_the_stylesheet_may_be_kept(client):
    text = client.get("/").text
    address = text.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/none.css").status_code == 404


def test_a_catalog_that_does_not_answer_is_said():
    from catalog.engine import Database

    nowhere = Database("postgresql+psycopg2://nobody@127.0.0.1:1/none")
    answer = Reader(door(nowhere, Clock())).get(f"/doi/{doi_of(UNKNOWN)}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "127.0.0.1" not in answer.text
    nowhere.dispose()


def test_a_fault_of_ours_shows_nothing(told):
    def broken():
        raise ValueError(SECRET)

    app = door(told, broken)
    answer = Reader(app, swallow=True).get(f"/doi/{doi_of(UNKNOWN)}")
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "content-security-policy" in answer.headers


def test_pages_below_a_path(told):
    publisher = replace(PUBLISHER, base_url="https://example.org/data")
    text = Reader(door(told, Clock(), publisher)).get("/").text
    assert 'href="/data/static/public.css' in text
