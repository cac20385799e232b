"""What a landing page says about the state of the data: banner, history, ways of access."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from policies.public_record import PublicRecord
from policies.vocabulary import DoiSubject, PageState


@dataclass(frozen=True)
class Banner:
    """The state of the data in a sentence.

    Attributes:
        tone: Colour and sign: `open`, `soon`, `closed`, `gone`, `plain`.
        label: In two or three words.
        before: The sentence up to the day.
        day: A civil day in it; None: it has none.
        after: The rest.
    """

    tone: str
    label: str
    before: str
    day: date | None = None
    after: str = ""


@dataclass(frozen=True)
class Moment:
    """A point in the history of the data.

    Attributes:
        label: What happened, or will.
        first: Civil day; None: on no date.
        last: Civil day on which it ended; None: the same.
        done: Whether it is past.
        otherwise: Words in place of a day.
    """

    label: str
    first: date | None
    last: date | None = None
    done: bool = True
    otherwise: str = ""


def banner(record: PublicRecord, zone: ZoneInfo) -> Banner:
    """The sentence at the top of a page."""
    if record.subject is DoiSubject.INSTRUMENT and record.page is PageState.OPEN:
        return Banner("plain", "Instrument", "This DOI names an instrument, for citing it.")
    return _BANNERS[record.page](record, zone)


def _minimal(_record: PublicRecord, _zone: ZoneInfo) -> Banner:
    return Banner("plain", "Registered", "This DOI is valid. Its description is not public.")


def _embargoed(record: PublicRecord, _zone: ZoneInfo) -> Banner:
    if record.available_on is None:
        return Banner("soon", "Under embargo", "The data are closed; no date is set yet.")
    return Banner("soon", "Under embargo", "The data open on ", record.available_on, ".")


def _due(record: PublicRecord, zone: ZoneInfo) -> Banner:
    until = record.embargo_until
    day = until.astimezone(zone).date() if until else None
    said = "The embargo ended on " if day else "The embargo has ended"
    return Banner("soon", "About to open", said, day, ". The data are being opened.")


def _partial(record: PublicRecord, _zone: ZoneInfo) -> Banner:
    if record.available_on is None:
        return Banner("soon", "Partly open", "Some runs are open; the rest is closed.")
    said = "Some runs are open. The rest opens on "
    return Banner("soon", "Partly open", said, record.available_on, ".")


def _open(record: PublicRecord, _zone: ZoneInfo) -> Banner:
    if record.issued_on is None:
        return Banner("open", "Open data", "Everybody may read these data.")
    return Banner(
        "open", "Open data", "Everybody may read these data since ", record.issued_on, "."
    )


def _restricted(record: PublicRecord, _zone: ZoneInfo) -> Banner:
    if record.on_request:
        said = "The data do not open by date. Access may be asked for."
        return Banner("closed", "Access on request", said)
    return Banner("closed", "Closed data", "The data stay closed; this page describes them.")


def _hidden(_record: PublicRecord, _zone: ZoneInfo) -> Banner:
    said = "What this DOI names is not shown at the moment. The DOI stays valid."
    return Banner("gone", "Temporarily not available", said)


def _tombstone(record: PublicRecord, _zone: ZoneInfo) -> Banner:
    stone = record.tombstone
    day = stone.removed_on if stone else None
    said = "What this DOI named was withdrawn on " if day else "What this DOI named was withdrawn"
    return Banner("gone", "Withdrawn", said, day, ".")


_BANNERS: dict[PageState, Callable[[PublicRecord, ZoneInfo], Banner]] = {
    PageState.MINIMAL: _minimal,
    PageState.EMBARGOED: _embargoed,
    PageState.DUE: _due,
    PageState.PARTIAL: _partial,
    PageState.OPEN: _open,
    PageState.RESTRICTED: _restricted,
    PageState.HIDDEN: _hidden,
    PageState.TOMBSTONE: _tombstone,
}


def history(record: PublicRecord, zone: ZoneInfo) -> tuple[Moment, ...]:
    """When the data were measured, described and opened, or will be."""
    if record.subject is DoiSubject.INSTRUMENT:
        return ()
    found = []
    if record.collected_from is not None:
        last = record.collected_to if record.collected_to != record.collected_from else None
        found.append(Moment("Measured", record.collected_from, last))
    if record.published_at is not None:
        found.append(Moment("Described in public", record.published_at.astimezone(zone).date()))
    is_open = record.page is PageState.OPEN
    day = record.issued_on if is_open else record.available_on
    never = "on no date" if record.page is PageState.RESTRICTED else "no date yet"
    if not (is_open and day is None):
        found.append(Moment("Opened" if is_open else "Opens", day, None, is_open, never))
    return tuple(found)


def access(record: PublicRecord) -> tuple[str, ...]:
    """How to get at the data, a sentence each; an instrument has none."""
    if record.subject is DoiSubject.INSTRUMENT:
        return ()
    ask = "Others may ask for access: write to the facility and name the DOI."
    team = "Until the embargo ends, the team that measured them works with them."
    ways = {
        PageState.OPEN: ("No account is needed. Please cite the data when you use them.",),
        PageState.PARTIAL: ("The open runs are listed among the files; no account is needed.",),
        PageState.DUE: ("The files are being made readable for everybody; this page will say so.",),
        PageState.EMBARGOED: (team,),
    }.get(record.page, ())
    may_ask = record.on_request and record.page is not PageState.OPEN
    return (*ways, ask) if may_ask else ways
