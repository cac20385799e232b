"""Forms of a page for programs, read by the programs of others."""

import json
import re
from dataclasses import replace
from pathlib import Path

import extruct
import httpx
import pytest
import rdflib.plugins.shared.jsonld.context
import rocrate
import rocrate_validator.utils.http
from rdflib import Graph, URIRef
from rdflib.namespace import DCAT, DCTERMS, RDF
from rocrate_validator import models, services
from signposting import find_signposting_html, find_signposting_http, find_signposting_linkset

from api.citation import citation
from api.formats import FORMS, named
from api.formats.form import Shown
from api.formats.references import bibtex, csl, ris
from api.formats.schemaorg import embedded
from api.negotiation import choose
from api.signposts import HEADER_BYTES, fitting, header, links
from catalog.engine import Database
from policies.public_record import Organisation, Person, PublicFile, PublicRecord, Related
from policies.vocabulary import AccessRight, DoiSubject, PageState
from tests.api.public_story import NUMBERS, Reader, door, instant, served, story
from tests.catalog.open_story import PUBLISHER, doi_of

DESCRIBED = [
    PageState.EMBARGOED,
    PageState.DUE,
    PageState.PARTIAL,
    PageState.OPEN,
    PageState.RESTRICTED,
]
SHORT = [PageState.MINIMAL, PageState.HIDDEN, PageState.TOMBSTONE]
OPEN = f"/doi/{doi_of(NUMBERS[PageState.OPEN])}"


@pytest.fixture(scope="module")
def told(_databases):
    """On one database: forms are made of records, whatever these were read from."""
    url = _databases.url("sqlite", "facility")
    with _databases.stack.pop_all():
        made = Database(url)
        with made.write() as session:
            story(session)
        yield made
        made.dispose()


@pytest.fixture
def client(told, clock):
    return Reader(door(told, clock))


@pytest.fixture
def crates(monkeypatch):
    """The crate's context from the package: both readers want it from the network."""
    file = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"
    context = json.loads(file.read_text())

    class Answer:
        status_code, ok, headers = 200, True, {"Content-Type": "application/ld+json"}
        text, content = json.dumps(context), json.dumps(context).encode()

        def json(self):
            return context

        def raise_for_status(self):
            """Nothing to raise."""

    def get(_self, url, *_args, **_kwargs):
        if "w3id.org/ro/crate/" in str(url):
            return Answer()
        raise OSError(f"offline: {url}")

    place = rdflib.plugins.shared.jsonld.context
    original = place.source_to_json

    def source(asked, *args, **kwargs):
        if isinstance(asked, str) and "w3id.org/ro/crate/" in asked:
            return context, None
        return original(asked, *args, **kwargs)

    monkeypatch.setattr(rocrate_validator.utils.http.HttpRequester, "get", get, raising=False)
    monkeypatch.setattr(rocrate_validator.utils.http.HttpRequester, "head", get, raising=False)
    monkeypatch.setattr(place, "source_to_json", source)


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", ""),
        ("*/*", ""),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", ""),
        ("text/turtle, text/html", ""),
        ("text/turtle, */*", "ttl"),
        ("text/turtle;q=0.5, text/html;q=0.4", "ttl"),
        ("text/turtle;q=0, */*;q=0.1", ""),
        ("application/ld+json", "jsonld"),
        ('application/ld+json;profile="https://w3id.org/ro/crate"', "rocrate"),
        ('application/ld+json;profile="https://example.org/a,b", text/turtle;q=0.1', "ttl"),
        ("application/x-bibtex", "bibtex"),
        ("application/vnd.citationstyles.csl+json;q=0.9, text/*;q=0.1", "csl"),
        ("image/png", ""),
        ("TEXT/Turtle", "ttl"),
        (";;;,,=/q=9", ""),
        ("text/turtle;q=nan", ""),
        ("," * 100_000, ""),
    ],
)
def test_the_form_that_is_asked_for(accept, name):
    chosen = choose(accept, FORMS)
    assert (chosen.name if chosen else "") == name


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_by_header_and_by_word(client, form):
    accept = f'{form.media};profile="{form.profile}"' if form.profile else form.media
    by_header = client.get(OPEN, headers={"Accept": accept})
    by_word = client.get(OPEN, params={"format": form.name})
    assert by_header.content == by_word.content
    assert by_word.headers["content-type"].startswith(form.media)
    assert by_word.headers["vary"] == "Accept"
    assert "cite-as" in by_word.headers["link"]
    assert by_word.headers["etag"] != client.get(OPEN).headers["etag"]


@pytest.mark.parametrize("state", SHORT)
def test_where_nothing_is_described_there_is_no_other_form(client, clock, state):
    path, there = f"/doi/{doi_of(NUMBERS[state])}", 410 if state is PageState.TOMBSTONE else 200
    for form in FORMS:
        answer = client.get(path, headers={"Accept": form.media})
        assert answer.status_code == there
        assert answer.headers["content-type"].startswith("text/html")
        said = client.get(path, params={"format": form.name})
        assert said.status_code == (410 if there == 410 else 404)
    assert client.get(f"{path}/ro-crate-metadata.json").status_code == 404
    assert client.get(f"{path}/linkset.json").status_code == 404


def test_no_such_form(client):
    assert client.get(OPEN, params={"format": "docx"}).status_code == 404
    assert client.get(OPEN, params={"format": "html"}).status_code == 200


@pytest.mark.parametrize("state", DESCRIBED)
def test_search_engines_read_the_page(client, clock, state):
    clock.at = instant(state)
    text = client.get(f"/doi/{doi_of(NUMBERS[state])}").text
    (found,) = extruct.extract(text, syntaxes=["json-ld"])["json-ld"]
    assert found["@id"] == f"https://doi.org/{doi_of(NUMBERS[state])}"
    assert found["@type"] == "Dataset"
    assert len(found["description"]) >= 50
    for needed in ("name", "identifier", "keywords", "license", "url", "creator", "datePublished"):
        assert found[needed]
    assert found["isAccessibleForFree"] is (state is PageState.OPEN)
    assert "distribution" not in found


@pytest.mark.parametrize("state", DESCRIBED)
def test_turtle_is_read_and_says_the_access(client, clock, state):
    clock.at = instant(state)
    doi = doi_of(NUMBERS[state])
    text = client.get(f"/doi/{doi}", params={"format": "ttl"}).text
    graph = Graph().parse(data=text, format="turtle")
    data = URIRef(f"https://doi.org/{doi}")
    assert (data, RDF.type, DCAT.Dataset) in graph
    rights = {str(o).rpartition("/")[2] for o in graph.objects(data, DCTERMS.accessRights)}
    assert ("PUBLIC" in rights) is (state is PageState.OPEN)
    assert graph.value(data, DCTERMS.title)
    assert graph.value(data, DCAT.contactPoint)


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
@pytest.mark.usefixtures("crates")
def test_the_crate_passes_the_validator(client):
    answer = client.get(f"{OPEN}/ro-crate-metadata.json")
    assert answer.headers["content-type"] == (
        'application/ld+json; profile="https://w3id.org/ro/crate"'
    )
    wanted = services.ValidationSettings(
        rocrate_uri=".",
        profile_identifier="ro-crate-1.2",
        requirement_severity=models.Severity.REQUIRED,
        metadata_only=True,
    )
    result = services.validate_metadata_as_dict(answer.json(), wanted)
    assert result.passed(), [(i.check.identifier, i.message) for i in result.get_issues()]


def test_signposts_in_header_head_and_link_set_agree(told, clock):
    with served(told, clock) as base:
        for state in DESCRIBED:
            clock.at = instant(state)
            page = f"{base}/doi/{doi_of(NUMBERS[state])}"
            heads = find_signposting_http(page)
            assert str(heads.citeAs.target) == f"https://doi.org/{doi_of(NUMBERS[state])}"
            orcid = "https://orcid.org/0000-0002-1825-0097"
            assert {str(s.target) for s in heads.authors} == {orcid}
            assert str(heads.license.target) == "https://creativecommons.org/licenses/by/4.0/"
            assert len(heads.describedBy) == sum(form.describes for form in FORMS)
            assert len(heads.types) == 2
            assert triples(find_signposting_html(page)) == triples(heads)
            listed = find_signposting_linkset(f"{page}/linkset.json")
            of_page = {t for t in triples(heads) if t[0] != "linkset"}
            assert triples(listed.for_context(page)) == of_page
            for post in heads.describedBy:
                answer = httpx.get(str(post.target))
                assert answer.headers["content-type"].startswith(str(post.type))


def triples(posts):
    """What signposts say, without where they stand."""
    return {(post.rel.value, str(post.target), str(post.type or "")) for post in posts.signposts}


HOSTILE = PublicRecord(
    doi="10.22003/X-1",
    subject=DoiSubject.PROPOSAL,
    page=PageState.OPEN,
    access=AccessRight.OPEN,
    publisher=PUBLISHER,
    title='A </script><script>alert(1)</script> & 100 % of $x_1$ {"}\nER  - \r\n\x00\u2028',
    abstract="One line.\r\nTI  - Another title\nERR",
    creators=(
        Person("Ann\nAU  - Eve", "O'Néill <b>", "0000-0002-1825-0097"),
        Organisation("Institute {for} A_B & C"),
    ),
    related=(Related("10.1/<>\"'; x", "DOI", "IsSupplementTo", title='"x"'),),
)


def test_hostile_words_stay_words():
    shown = Shown(HOSTILE)
    assert not re.search(r"[<>&\u2028]", embedded(shown))
    assert json.loads(embedded(shown))["name"] == HOSTILE.title
    lines = ris(shown).split("\r\n")
    assert [line[:2] for line in lines if line].count("ER") == 1
    assert all(re.match(r"[A-Z][A-Z0-9]  - ", line) for line in lines if line)
    entry = bibtex(shown)
    assert r"\&" in entry
    assert r"\_" in entry
    assert len(entry.splitlines()) == 9
    assert json.loads(csl(shown))["author"][1] == {"literal": "Institute {for} A_B & C"}
    for form in FORMS:
        assert form.write(shown)
    Graph().parse(data=named("ttl").write(shown), format="turtle")


def test_many_files_leave_the_header():
    files = tuple(PublicFile(f"raw/r0001/{n}.h5", 1, "0" * 64, "0" * 8, "x/y") for n in range(99))
    shown = Shown(HOSTILE, files, served=True)
    few = replace(shown, files=files[:3])
    assert [link.rel for link in fitting(links(few), more=False)].count("item") == 3
    for found in (fitting(links(shown), more=False), fitting(links(few), more=True)):
        assert "item" not in {link.rel for link in found}
        assert "linkset" in {link.rel for link in found}
        assert len(header(found)) <= HEADER_BYTES
    crowd = tuple(Person("A", f"B{n}", f"0000-0002-1825-{n:04d}") for n in range(200))
    found = fitting(links(Shown(replace(HOSTILE, creators=crowd))), more=False)
    assert len(header(found)) <= HEADER_BYTES


def test_a_citation_has_the_year_of_the_opening(client):
    said = client.get(OPEN, params={"format": "text"}).text
    assert said.startswith("Ibsen, Paula (2027): Time-resolved structure")
    assert said.strip().endswith(f"https://doi.org/{doi_of(NUMBERS[PageState.OPEN])}")
    assert citation(replace(HOSTILE, page=PageState.MINIMAL, title="")) == ""
