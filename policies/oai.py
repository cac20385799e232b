"""What a harvester may ask, and what is wrong with what it asked.

Source: Open Archives Initiative Protocol for Metadata Harvesting 2.0, and the questions of its
official validator.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

GRANULARITY = "YYYY-MM-DDThh:mm:ssZ"
"""The finest time stamps that are understood."""


class Verb(StrEnum):
    """The six requests of the protocol."""

    IDENTIFY = "Identify"
    """Who answers."""
    LIST_METADATA_FORMATS = "ListMetadataFormats"
    """In which forms records are given."""
    LIST_SETS = "ListSets"
    """Into which sets records are put."""
    GET_RECORD = "GetRecord"
    """One record."""
    LIST_IDENTIFIERS = "ListIdentifiers"
    """Headers of records."""
    LIST_RECORDS = "ListRecords"
    """Records."""


class FaultCode(StrEnum):
    """Errors of the protocol; all travel with HTTP status 200."""

    BAD_VERB = "badVerb"
    """No verb, several, or one that does not exist."""
    BAD_ARGUMENT = "badArgument"
    """An argument is missing, repeated, not allowed here or not understood."""
    BAD_RESUMPTION = "badResumptionToken"
    """The token is not ours, or too old."""
    CANNOT_DISSEMINATE = "cannotDisseminateFormat"
    """There is no such form."""
    NO_SUCH_ID = "idDoesNotExist"
    """No record has this identifier."""
    NO_MATCH = "noRecordsMatch"
    """Nothing fits from, until, set and form."""


@dataclass(frozen=True)
class Fault:
    """What is wrong, as the protocol says it.

    Attributes:
        code: The protocol's word.
        message: For people.
    """

    code: FaultCode
    message: str


@dataclass(frozen=True)
class Asked:
    """A request that can be answered.

    Attributes:
        verb: What is asked.
        identifier: A record's identifier; empty: none.
        prefix: Name of the form; empty: none.
        set_spec: A set; empty: all records.
        since: Records changed at or after it, aware; None: from the first.
        until: Records changed at or before it, aware; None: to the last.
        token: Where to go on; empty: at the beginning.
        said: The arguments as they came, to be repeated in the answer.
    """

    verb: Verb
    identifier: str = ""
    prefix: str = ""
    set_spec: str = ""
    since: datetime | None = None
    until: datetime | None = None
    token: str = ""
    said: tuple[tuple[str, str], ...] = ()


_LISTING = frozenset({"metadataPrefix", "from", "until", "set"})
_ALLOWED: dict[Verb, tuple[frozenset[str], frozenset[str]]] = {
    Verb.IDENTIFY: (frozenset(), frozenset()),
    Verb.LIST_METADATA_FORMATS: (frozenset(), frozenset({"identifier"})),
    Verb.LIST_SETS: (frozenset(), frozenset()),
    Verb.GET_RECORD: (frozenset({"identifier", "metadataPrefix"}), frozenset()),
    Verb.LIST_IDENTIFIERS: (frozenset({"metadataPrefix"}), _LISTING),
    Verb.LIST_RECORDS: (frozenset({"metadataPrefix"}), _LISTING),
}
"""By verb: what must be said, and what may be."""
_RESUMABLE = frozenset({Verb.LIST_SETS, Verb.LIST_IDENTIFIERS, Verb.LIST_RECORDS})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SECOND = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


def read(arguments: Sequence[tuple[str, str]], prefixes: Sequence[str]) -> Asked | Fault:
    """Understand a request.

    Args:
        arguments: Names and values as they came, in order.
        prefixes: Names of the forms that are given.

    Returns:
        The request, or what is wrong with it.
    """
    verbs = [value for name, value in arguments if name == "verb"]
    if len(verbs) != 1 or verbs[0] not in set(Verb):
        return Fault(FaultCode.BAD_VERB, f"one of these verbs is needed: {', '.join(Verb)}")
    verb = Verb(verbs[0])
    rest = [(name, value) for name, value in arguments if name != "verb"]
    given = dict(rest)
    wrong = _names(verb, rest)
    if wrong:
        return Fault(FaultCode.BAD_ARGUMENT, wrong)
    if "resumptionToken" in given:
        return Asked(verb, token=given["resumptionToken"], said=tuple(arguments))
    span = _span(given.get("from"), given.get("until"))
    if isinstance(span, str):
        return Fault(FaultCode.BAD_ARGUMENT, span)
    prefix = given.get("metadataPrefix", "")
    if prefix and prefix not in prefixes:
        return Fault(FaultCode.CANNOT_DISSEMINATE, f"the forms are {', '.join(prefixes)}")
    return Asked(
        verb,
        identifier=given.get("identifier", ""),
        prefix=prefix,
        set_spec=given.get("set", ""),
        since=span[0],
        until=span[1],
        said=tuple(arguments),
    )


def _names(verb: Verb, rest: Sequence[tuple[str, str]]) -> str:
    """Which rule the arguments' names break; empty: none."""
    needed, allowed = _ALLOWED[verb]
    names = [name for name, _ in rest]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"given more than once: {', '.join(twice)}"
    if "resumptionToken" in names and verb in _RESUMABLE:
        return "" if len(names) == 1 else "resumptionToken is given alone"
    strange = sorted(set(names) - needed - allowed)
    if strange:
        return f"not an argument of {verb}: {', '.join(strange)}"
    missing = sorted(name for name in needed if not dict(rest).get(name))
    if missing:
        return f"{verb} needs {', '.join(missing)}"
    return "" if all(value for _, value in rest) else "an argument is empty"


def _span(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None] | str:
    """The two ends in time; or which rule they break."""
    form = f"from and until are written YYYY-MM-DD or {GRANULARITY}"
    if since and until and len(since) != len(until):
        return "from and until must have the same granularity"
    try:
        first = _moment(since, last=False) if since else None
        final = _moment(until, last=True) if until else None
    except ValueError:
        return form
    if first and final and first > final:
        return "from is later than until"
    return first, final


def _moment(text: str, *, last: bool) -> datetime:
    if _SECOND.fullmatch(text):
        return datetime.fromisoformat(text)
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    day = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return day.replace(hour=23, minute=59, second=59) if last else day


def stamp(moment: datetime) -> str:
    """A moment as the protocol writes it: UTC, full seconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


TOKEN_LIFE = timedelta(hours=24)
"""How long a harvest may pause between two pages."""
