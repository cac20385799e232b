"""What the DAQ may say, and how it is read: bodies in, facts or field errors out.

The tables below are the whole of it: they read the messages and are printed in the handbook.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from policies.errors import Invalid
from policies.message_files import Aggregators, Checksum, Files, PathBelow, PlainName, Size
from policies.message_rules import MAX_TRAIN, Field, Instant, Integer, Text

MAX_NAME = 127
MAX_RUN_TYPE = 60
MAX_TEXT = 4000
MAX_NUMBER = 999_999
MAX_RUN = 99_999
MAX_FAULTS = 100
"""So many wrong fields are named; the rest is counted."""


class MessageKind(StrEnum):
    """Webhooks of the DAQ; the value is the last part of the address."""

    RUN_OPENED = "run-opened"
    """A run begins."""
    RUN_UPDATED = "run-updated"
    """Run type, sample or description was corrected."""
    RUN_CLOSED = "run-closed"
    """A run ended."""


SUBJECT = (
    Field("proposal", Integer(1, MAX_NUMBER), "Proposal number.", needed=True),
    Field("run", Integer(0, MAX_RUN), "Run number within the proposal.", needed=True),
)
"""What every message begins with."""

FILE_FIELDS = (
    Field("filename", PlainName(), "`RAW-R0082-DA01-S00000.h5`.", needed=True),
    Field(
        "relative_path",
        PathBelow(),
        "Folder as the DAQ names it: `r0082/`; not judged.",
        absent="",
    ),
    Field("size", Size(), "Bytes."),
    Field("checksum", Checksum(), "Adler-32, computed while writing."),
)
"""What is claimed of one file."""

_RUN_TYPE = Field(
    "run_type", Text(MAX_RUN_TYPE), "Run type; one that is new is made. Absent: the default one."
)
_SAMPLE = Field("sample", Text(MAX_NAME), "Sample's name; one that is new is made.")
_DESCRIPTION = Field("description", Text(MAX_TEXT, lines=True), "What people should know.")

FIELDS: dict[MessageKind, tuple[Field, ...]] = {
    MessageKind.RUN_OPENED: (
        Field("begin_at", Instant(), "When recording began.", needed=True),
        Field("first_train", Integer(0, MAX_TRAIN), "Id of the first train.", needed=True),
        _RUN_TYPE,
        _SAMPLE,
        _DESCRIPTION,
    ),
    MessageKind.RUN_UPDATED: (
        Field("run_type", Text(MAX_RUN_TYPE), "Another run type."),
        Field("sample", Text(MAX_NAME), "Another sample."),
        _DESCRIPTION,
        Field("alias", Text(MAX_NAME), "The run's name among people."),
    ),
    MessageKind.RUN_CLOSED: (
        Field("end_at", Instant(), "When recording ended; not before `begin_at`.", needed=True),
        Field(
            "last_train",
            Integer(0, MAX_TRAIN),
            "Id of the last train; not before `first_train`.",
            needed=True,
        ),
        Field("files", Files(FILE_FIELDS), "Files that were written; compared with what is there."),
        Field(
            "aggregators",
            Aggregators(),
            "Parts of the DAQ that were to write: `DA01`, `AGIPD15`. Tells a module that wrote"
            " nothing at all; absent: those in the file names.",
        ),
    ),
}
"""What each message says of its run. Other keys are kept and not read."""


def read(kind: MessageKind, body: Mapping[str, Any]) -> tuple[int, int, dict[str, Any]]:
    """Read a DAQ message.

    Args:
        kind: Which webhook it came to.
        body: The JSON object.

    Returns:
        Proposal number, run number and the facts that `catalog.commands.runs` takes: every
        field of the table, None where nothing was said; instants are aware, in UTC.

    Raises:
        Invalid: `context["fields"]` names every field that breaks a rule.
    """
    faults: dict[str, str] = {}
    for field in (*SUBJECT, *FIELDS[kind]):
        faults |= field.faults(body)
    if faults:
        raise _wrong(faults)
    facts = {field.name: field.take(body) for field in FIELDS[kind]}
    return body["proposal"], body["run"], facts


def _wrong(faults: dict[str, str]) -> Invalid:
    named = dict(sorted(faults.items())[:MAX_FAULTS])
    text = "; ".join(f"{name} {rule}" for name, rule in named.items())
    more = len(faults) - len(named)
    return Invalid(text + (f"; and {more} more" if more else ""), fields=named)
