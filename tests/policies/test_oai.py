"""Reading what harvesters ask, and the notes where a harvest goes on."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import oai_token
from policies.oai import Asked, Fault, FaultCode, Verb, read
from policies.oai_token import Place

PREFIXES = ("oai_dc", "oai_datacite")
NOW = datetime(2027, 3, 8, tzinfo=UTC)
KEY = b"k" * 32

MATRIX = [
    ("junk=", FaultCode.BAD_VERB),
    ("verb=junk", FaultCode.BAD_VERB),
    ("verb=Identify&verb=Identify", FaultCode.BAD_VERB),
    ("verb=Identify&junk=1", FaultCode.BAD_ARGUMENT),
    ("verb=GetRecord&metadataPrefix=oai_dc", FaultCode.BAD_ARGUMENT),
    ("verb=GetRecord&identifier=x", FaultCode.BAD_ARGUMENT),
    ("verb=GetRecord&identifier=x&metadataPrefix=junk", FaultCode.CANNOT_DISSEMINATE),
    ("verb=ListIdentifiers", FaultCode.BAD_ARGUMENT),
    ("verb=ListIdentifiers&until=junk", FaultCode.BAD_ARGUMENT),
    ("verb=ListIdentifiers&metadataPrefix=oai_dc&until=junk", FaultCode.BAD_ARGUMENT),
    ("verb=ListIdentifiers&metadataPrefix=oai_dc&from=junk", FaultCode.BAD_ARGUMENT),
    ("verb=ListIdentifiers&resumptionToken=junk&until=2000-02-05", FaultCode.BAD_ARGUMENT),
    ("verb=ListRecords&metadataPrefix=oai_dc&from=2002-02-30", FaultCode.BAD_ARGUMENT),
    ("verb=ListRecords&metadataPrefix=oai_dc&from=2002-02-05T00:00:00", FaultCode.BAD_ARGUMENT),
    (
        "verb=ListRecords&metadataPrefix=oai_dc&from=2002-02-05&until=2002-02-06T05:35:00Z",
        FaultCode.BAD_ARGUMENT,
    ),
    (
        "verb=ListRecords&metadataPrefix=oai_dc&from=2002-02-06&until=2002-02-05",
        FaultCode.BAD_ARGUMENT,
    ),
    ("verb=ListRecords&metadataPrefix=oai_dc&set=a&set=b", FaultCode.BAD_ARGUMENT),
    ("verb=ListRecords&metadataPrefix=", FaultCode.BAD_ARGUMENT),
    ("verb=ListRecords&metadataPrefix=junk", FaultCode.CANNOT_DISSEMINATE),
]


def arguments(text):
    return [tuple(pair.split("=", 1)) for pair in text.split("&")]


@pytest.mark.parametrize(("asked", "code"), MATRIX, ids=[row[0] for row in MATRIX])
def test_what_is_wrong_has_its_code(asked, code):
    found = read(arguments(asked), PREFIXES)
    assert isinstance(found, Fault)
    assert found.code is code
    assert found.message


def test_a_day_lasts_to_its_last_second():
    said = "verb=ListRecords&metadataPrefix=oai_dc&from=2027-03-06&until=2027-03-06"
    found = read(arguments(said), PREFIXES)
    assert found.since == datetime(2027, 3, 6, tzinfo=UTC)
    assert found.until == datetime(2027, 3, 6, 23, 59, 59, tzinfo=UTC)


PLACE = Place(datetime(2027, 3, 6, 9, tzinfo=UTC), 12, 50, 111)
LIST = Asked(Verb.LIST_RECORDS, prefix="oai_dc", set_spec="open", since=NOW - timedelta(days=9))


def note(text, verb=Verb.LIST_RECORDS):
    return Asked(verb, token=text)


def test_a_note_gives_back_the_list_and_the_place():
    text = oai_token.write(LIST, PLACE, KEY, NOW)
    asked, place = oai_token.read(note(text), KEY, NOW + timedelta(hours=23))
    assert (asked.prefix, asked.set_spec, asked.since) == ("oai_dc", "open", LIST.since)
    assert place == PLACE


def test_a_note_is_for_its_list_its_day_and_its_key():
    text = oai_token.write(LIST, PLACE, KEY, NOW)
    wrong = [
        oai_token.read(note(text, Verb.LIST_IDENTIFIERS), KEY, NOW),
        oai_token.read(note(text), KEY, NOW + timedelta(hours=24)),
        oai_token.read(note(text), b"another key", NOW),
    ]
    assert {fault.code for fault in wrong} == {FaultCode.BAD_RESUMPTION}


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,80}", fullmatch=True))
def test_what_strangers_write_is_no_note(text):
    found = oai_token.read(note(text), KEY, NOW)
    assert isinstance(found, Fault)


@given(st.data())
def test_no_letter_of_a_note_can_be_changed(data):
    text = oai_token.write(LIST, PLACE, KEY, NOW)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_"))
    changed = text[:at] + other + text[at + 1 :]
    found = oai_token.read(note(changed), KEY, NOW)
    # The last letter of base64 carries bits that nobody reads.
    assert isinstance(found, Fault) or changed == text or at == len(text) - 1


@given(st.lists(st.tuples(st.sampled_from(["verb", "from", "set", "x"]), st.text()), max_size=5))
def test_nothing_that_is_asked_raises(said):
    read(said, PREFIXES)
