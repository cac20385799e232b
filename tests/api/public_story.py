"""One DOI in every state that a page can be in, and a door that shows them."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import uvicorn
from sqlmodel import select

from api.public import PublicSite, public_app
from catalog.tables import DoiRecord, PartRelease, Proposal
from policies.vocabulary import DoiState, PageState, ReleaseState
from tests.catalog.open_story import (
    AFTER,
    BEFORE,
    END,
    PUBLISHER,
    RELEASE,
    SECRET,
    ZONE,
    doi_of,
    instrument_doi,
    tell,
)

EARLY = BEFORE - timedelta(days=30)
NUMBERS = {
    PageState.MINIMAL: 2001,
    PageState.EMBARGOED: 2002,
    PageState.DUE: 2003,
    PageState.PARTIAL: 2004,
    PageState.OPEN: 2005,
    PageState.RESTRICTED: 2006,
    PageState.HIDDEN: 2007,
    PageState.TOMBSTONE: 2008,
}
"""Proposal of each state; two of them depend on the instant, see `instant`."""
DRAFT, UNKNOWN = 2020, 2021
RECLOSED = 2022
SECRETS = (SECRET, f"{SECRET}-sample", "RAW-R0001")
INSTRUMENT = "10.22003/XFEL.EU-INSTR-SPB-00"
OLD, NEW = 2030, 2031


def instant(state: PageState) -> datetime:
    """When the proposal of a state is in it."""
    return EARLY if state in {PageState.EMBARGOED, PageState.PARTIAL} else AFTER


def story(session) -> None:
    """Tell it."""
    instrument_doi(session)
    abstract = (
        "Crystals of a protein were shot at with X-ray pulses, one after the other, and the light "
        "that they scattered was recorded before they were destroyed.\n"
        "Two delays after the optical laser were compared with the dark state."
    )
    title = "Time-resolved structure of photoactive yellow protein at 10 ps and 3 ns"
    states = {
        PageState.OPEN: ReleaseState.OPEN,
        PageState.RESTRICTED: ReleaseState.RESTRICTED,
        PageState.TOMBSTONE: ReleaseState.WITHDRAWN,
    }
    for page, number in NUMBERS.items():
        hushed = page in {PageState.MINIMAL, PageState.HIDDEN, PageState.TOMBSTONE}
        tell(
            session,
            number,
            states.get(page, ReleaseState.EMBARGOED),
            title=SECRET if hushed else title,
            abstract=SECRET if hushed else abstract,
            published=page is not PageState.MINIMAL,
        )
    part = _proposal(session, PageState.PARTIAL)
    session.add(
        PartRelease(
            proposal_id=part.id,
            run_id=_first_run(session, part),
            state=ReleaseState.OPEN,
            state_since=END,
            opens_at=END + timedelta(days=10),
            openly_released_at=END + timedelta(days=11),
        )
    )
    doi(session, NUMBERS[PageState.HIDDEN]).hidden_reason = "An error is being corrected"
    gone = doi(session, NUMBERS[PageState.TOMBSTONE])
    gone.withdrawn_at = RELEASE
    gone.tombstone = {
        "reason": "Removed at the request of the people it is about",
        "note": "",
        "citation": "Ibsen, Paula (2027): Voices of the ward. European XFEL. Dataset.",
    }
    tell(session, DRAFT, title=SECRET, abstract=SECRET)
    doi(session, DRAFT).remote_state = DoiState.DRAFT
    doi(session, DRAFT).published_at = None
    tell(session, RECLOSED, ReleaseState.RECLOSED, title=SECRET, abstract=SECRET)
    tell(session, OLD, ReleaseState.OPEN)
    tell(session, NEW, ReleaseState.OPEN)
    session.flush()
    doi(session, OLD).superseded_by = doi(session, NEW).id
    session.flush()


def doi(session, number: int) -> DoiRecord:
    """The DOI of a proposal."""
    return session.exec(select(DoiRecord).where(DoiRecord.doi == doi_of(number))).one()


def _proposal(session, state: PageState) -> Proposal:
    return session.exec(select(Proposal).where(Proposal.number == NUMBERS[state])).one()


def _first_run(session, proposal: Proposal) -> int:
    from catalog.tables import Run

    query = select(Run.id).where(Run.proposal_id == proposal.id).order_by(Run.run_number)
    return session.exec(query).first()


class Clock:
    """Says whatever instant a test has set."""

    def __init__(self) -> None:
        self.at = AFTER

    def __call__(self) -> datetime:
        return self.at.astimezone(UTC)


def door(database, clock: Clock, publisher=PUBLISHER, **more):
    """The application over a catalog."""
    return public_app(PublicSite(database, publisher, ZONE, clock, **more))


class Reader:
    """Asks a door in process, as a browser without cookies would.

    Args:
        app: The door.
        swallow: Answer 500 instead of raising what the application raised.
    """

    def __init__(self, app, *, swallow: bool = False) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=not swallow)

    def request(self, verb: str, path: str, **more) -> httpx.Response:
        """Any request."""

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url=PUBLISHER.base_url
            ) as client:
                return await client.request(verb, path, **more)

        return asyncio.run(ask())

    def get(self, path: str, **more) -> httpx.Response:
        """GET."""
        return self.request("GET", path, **more)

    def head(self, path: str, **more) -> httpx.Response:
        """HEAD."""
        return self.request("HEAD", path, **more)


@contextmanager
def served(database, clock: Clock, **more):
    """The door on a socket of its own; gives its address."""
    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        ear.listen(64)
        base = f"http://127.0.0.1:{ear.getsockname()[1]}"
        app = door(database, clock, replace(PUBLISHER, base_url=base), **more)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [ear]})
        thread.start()
        try:
            yield base
        finally:
            server.should_exit = True
            thread.join()
