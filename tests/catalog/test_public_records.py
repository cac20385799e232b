"""Public records: what is said of a DOI in each state, and that nothing else is."""

from dataclasses import replace

import pytest

from catalog.queries.public import public_record
from policies.vocabulary import AccessRight, PageState, ReleaseState
from tests.catalog.open_story import (
    AFTER,
    BEFORE,
    PUBLISHER,
    ZONE,
    doi_of,
    instrument_doi,
    tell,
)


@pytest.fixture
def record(facility_database):
    def ask(number, now, state=ReleaseState.EMBARGOED, **more):
        with facility_database.write() as session:
            tell(session, number, state, **more)
        with facility_database.read() as session:
            return public_record(session, doi_of(number).lower(), PUBLISHER, ZONE, now)

    return ask


def test_an_embargoed_record_has_its_date_and_no_file(record):
    found = record(2012, BEFORE)
    assert (found.page, found.access) == (PageState.EMBARGOED, AccessRight.EMBARGOED)
    assert found.available_on.isoformat() == "2027-03-07"
    assert found.issued_on is None
    assert found.sizes == ("2 runs", "4 files", "4000 bytes")
    assert not found.samples
    assert not found.quantities
    assert found.publication_year == 2027


def test_due_is_not_open(record):
    assert record(2012, AFTER).page is PageState.DUE


def test_open_is_recorded_and_due(record):
    found = record(2012, AFTER, ReleaseState.OPEN)
    assert (found.page, found.access) == (PageState.OPEN, AccessRight.OPEN)
    assert found.issued_on.isoformat() == "2027-03-06"
    assert found.creators[0].name == "Ibsen, Paula"
    assert found.keywords[0].iri.endswith("PaNET01168")


def test_what_was_recorded_as_open_too_early_is_not_open(record):
    assert record(2012, BEFORE, ReleaseState.OPEN).page is PageState.EMBARGOED


def test_a_record_that_is_not_published_says_nothing(record):
    found = record(2012, AFTER, published=False)
    silent = replace(found, page=PageState.MINIMAL)
    assert silent == found
    assert (found.title, found.abstract, found.creators, found.sizes) == ("", "", (), ())


def test_no_such_doi(facility_database):
    with facility_database.read() as session:
        assert public_record(session, "10.22003/none", PUBLISHER, ZONE, AFTER) is None


def test_an_instrument_has_nothing_to_close(facility_database):
    with facility_database.write() as session:
        doi = instrument_doi(session)
    with facility_database.read() as session:
        found = public_record(session, doi, PUBLISHER, ZONE, AFTER)
    assert (found.page, found.access) == (PageState.OPEN, AccessRight.OPEN)
