"""The handbook's page on webhooks, in and out, written from the tables that read them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from catalog.commands.outbox import GIVE_UP_AFTER, MAX_WAIT
from deployments.gateway.body import MAX_DEPTH
from deployments.relay.delivery import OURSELVES
from policies import signing
from policies.message_rules import Field
from policies.messages import FIELDS, FILE_FIELDS, MAX_FAULTS, SUBJECT, MessageKind
from policies.vocabulary import InboxState, Topic
from settings.gateway import GatewaySettings, Subscriber

EXAMPLE_SENDER = "spb-daq"
EXAMPLE_KEY = signing.SigningKey("2026-1", b"example-of-a-secret")
EXAMPLE_EVENT_ID = "spb-r0082-closed"
EXAMPLE_AT = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
EXAMPLE_KIND = MessageKind.RUN_CLOSED
EXAMPLE: dict[str, Any] = {
    "proposal": 900054,
    "run": 82,
    "end_at": "2026-03-01T12:00:30Z",
    "last_train": 1919431148,
    "files": [
        {
            "filename": "RAW-R0082-DA01-S00000.h5",
            "relative_path": "r0082/",
            "size": 1048576,
            "checksum": "0a1b2c3d",
        }
    ],
    "aggregators": ["DA01"],
}


@dataclass(frozen=True)
class Answer:
    """What the gateway may answer.

    Attributes:
        status: HTTP status.
        body: Its JSON, as an example; the keys are the whole of it.
        when: When it is given.
        then: What the sender does.
    """

    status: int
    body: dict[str, Any]
    when: str
    then: str


def _kept(state: InboxState, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"event_id": EXAMPLE_EVENT_ID, "state": str(state), **more}


def _error(code: str, message: str, **more: str) -> dict[str, Any]:
    return {"code": code, "message": message, **more}


_DONE = "Forget it."
_MEND = "Keep it for people; sending it again gets the same answer."
_LATER = "Keep it and send it again, signed anew."
_DAILY = GatewaySettings()

ANSWERS = (
    Answer(202, _kept(InboxState.APPLIED), "Its effect is in the catalog.", _DONE),
    Answer(
        202,
        _kept(InboxState.IGNORED, reason="told nothing new"),
        "Another event id said the same before.",
        _DONE,
    ),
    Answer(
        202,
        _kept(InboxState.HELD, reason="proposal 900054 has no run 82: waits for it"),
        "It came too early; it is on disk and will be applied by itself.",
        _DONE,
    ),
    Answer(
        400,
        _error("malformed", "X-Beamkeeper-Event-ID must be 1 to 128 visible ASCII characters"),
        "The event id cannot be kept, or the body ended too early.",
        _MEND,
    ),
    Answer(
        401,
        _error("unsigned", "X-Beamkeeper-Signature does not match any active key of this sender"),
        "Unknown sender, no active key fits, or the time stamp lies outside the window. Nothing"
        " is kept.",
        "Keep it; look at key, clock and address.",
    ),
    Answer(
        404,
        _error("missing", "there is no such webhook; there are: …"),
        "The address names no webhook.",
        "Keep it; look at the address.",
    ),
    Answer(
        408,
        _error("too_slow", "the body did not come in time"),
        f"The body took longer than `read_seconds` ({_DAILY.read_seconds:g}).",
        _LATER,
    ),
    Answer(
        409,
        _kept(InboxState.REFUSED, reason="run 82 of proposal 900054 is closed already with …"),
        "A rule said no. The message is kept with the reason; an operator can put it again.",
        _MEND,
    ),
    Answer(
        409,
        _error(
            "conflict",
            "event id spb-r0082-closed was used before with another body",
            event_id=EXAMPLE_EVENT_ID,
        ),
        "The event id is known with other bytes or from another webhook.",
        _MEND,
    ),
    Answer(
        413,
        _error("too_large", f"the body is over {_DAILY.max_body_bytes} bytes"),
        f"The body is longer than `max_body_bytes` ({_DAILY.max_body_bytes:,}).",
        _MEND,
    ),
    Answer(
        422,
        _kept(
            InboxState.REFUSED,
            reason="last_train must be an integer",
            fields={"last_train": "must be an integer"},
        ),
        f"A field breaks a rule; every wrong field is named (the first {MAX_FAULTS}). `body` stands"
        " for all of it. The message is kept.",
        _MEND,
    ),
    Answer(
        503,
        _error("unavailable", "The catalog does not answer", event_id=EXAMPLE_EVENT_ID),
        "The catalog cannot be written. `Retry-After` says when to come again; nothing is kept.",
        _LATER,
    ),
)

EVENT_FIELDS = {
    "event": ("text", "The topic."),
    "event_id": ("text", "The same as in the header."),
    "proposal": ("integer", "Proposal number."),
    "run": ("integer", "Run number."),
    "at": ("text", "When it happened, ISO 8601, UTC."),
    "schema": ("integer", "Version of this body, 1; keys may be added within a version."),
}
"""What an event says."""

TOPICS = {
    Topic.DAQ_RUN_COMPLETE: "The run is closed; its files are final on the online storage.",
    Topic.MIGRATION_COMPLETE: "The run has its verified copies.",
    Topic.RUN_CORRECTIONS_COMPLETE: "Corrected data of the run are in place; `detectors` names"
    " those that succeeded.",
}
"""Events that are sent."""

_MEANINGS = {
    MessageKind.RUN_OPENED: "A run begins. Taken while the proposal is Ready or Active, and for an"
    " hour after Finished.",
    MessageKind.RUN_UPDATED: "Something said of a run is corrected, at any time; what is absent"
    " stays as it is.",
    MessageKind.RUN_CLOSED: "A run ended. Its files are then read and compared with what is said"
    " here; a difference becomes a finding, never a refusal.",
}


def worked_example() -> tuple[bytes, dict[str, str]]:
    """Body and signed headers of the page's example."""
    body = json.dumps(EXAMPLE, separators=(",", ":")).encode()
    headers = signing.sign(
        EXAMPLE_SENDER, EXAMPLE_KEY, EXAMPLE_EVENT_ID, body, EXAMPLE_AT, kind=EXAMPLE_KIND
    )
    return body, headers


def markdown() -> str:
    """The page, without the note that it is generated."""
    return "\n".join([*_incoming(), *_signing(), *_conversation(), *_outgoing()])


def _rows(fields: Iterable[Field]) -> str:
    head = "| field | needed | type | rule | meaning |\n|---|---|---|---|---|"
    rows = [
        f"| `{f.name}` | {'yes' if f.needed else ''} | {f.rule.type} | {f.rule.words} |"
        f" {f.meaning} |"
        for f in fields
    ]
    return "\n".join([head, *rows]) + "\n"


def _incoming() -> list[str]:
    kinds = [f"### `POST /hooks/daq/{k}`\n\n{_MEANINGS[k]}\n\n{_rows(FIELDS[k])}" for k in FIELDS]
    return [
        "# Webhooks\n",
        "What a data acquisition sends to the gateway, and what other programs get from us. How to"
        " set it up: [connect a data acquisition](../how-to/connect-a-daq.md).\n",
        "## Messages that come in\n",
        "A body is one JSON object in UTF-8, at most"
        f" {_DAILY.max_body_bytes:,} bytes (`gateway.max_body_bytes`), nested at most {MAX_DEPTH}"
        " deep, each key once, without NaN. null is as good as absent. Keys that are not listed"
        " are kept and not read. Every message begins with:\n",
        _rows(SUBJECT),
        *kinds,
        f"Each of `files`:\n\n{_rows(FILE_FIELDS)}",
    ]


def _signing() -> list[str]:
    body, headers = worked_example()
    said = "\n".join([headers[signing.TIMESTAMP], EXAMPLE_SENDER, EXAMPLE_KIND, EXAMPLE_EVENT_ID])
    lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
    return [
        "## Headers and signature\n",
        "| header | value |\n|---|---|",
        f"| `{signing.SENDER}` | The sender's name in the settings. |",
        f"| `{signing.KEY_ID}` | Name of the key, for people who look for a fault. |",
        f"| `{signing.EVENT_ID}` | Name of the message, 1 to {signing.MAX_EVENT_ID} visible ASCII"
        " characters; unique for this sender, and kept when it is sent again. |",
        f"| `{signing.TIMESTAMP}` | Seconds since 1970 (UTC) at the moment of sending. |",
        f"| `{signing.SIGNATURE}` | `sha256=` and 64 hexadecimal digits. |\n",
        "The signature is HMAC-SHA256, keyed with the secret, over these five with a line feed"
        " between them: time stamp, sender, **kind** (the last part of the address), event id, the"
        " body's bytes as they are sent. So nobody can send a message again later, to another"
        " webhook, in another sender's name, or changed.\n",
        "- **Window.** The time stamp may lie"
        f" {_DAILY.replay_window_seconds} s (`gateway.replay_window_seconds`) before or after the"
        " gateway's clock. Within it the event id keeps a repetition harmless.",
        "- **Keys.** A sender has one or two keys, each with its `id` and perhaps an end"
        " (`not_after`). Every active key is tried, so both hold while one is replaced.",
        "- **Instruments.** A sender that speaks for some instruments is refused (409) for"
        " proposals of others.\n",
        f"An example, with the secret `{EXAMPLE_KEY.secret.decode()}`. The text that is signed:\n",
        f"```text\n{said}\n{body.decode()}\n```\n",
        f"and the headers that go with the body:\n\n```text\n{lines}\n```\n",
    ]


def _conversation() -> list[str]:
    rows = [
        f"| {a.status} | `{json.dumps(a.body, ensure_ascii=False)}` | {a.when} | {a.then} |"
        for a in ANSWERS
    ]
    return [
        "## Answers\n",
        "| status | body | when | the sender |\n|---|---|---|---|",
        *rows,
        "",
        "Any other answer, and none at all, means: keep it and send it again.\n",
        "- **Durable.** What is answered 202 is on disk. Prefect need not be up.",
        "- **Duplicates.** The same event id with the same bytes gets the first answer again, to"
        " the byte, and has no second effect, however much later it comes.",
        "- **Out of order.** A `run-updated` or `run-closed` whose run is not known yet is *held*"
        " and applied when the run is opened; so is one whose proposal is not known yet. What is"
        " held is tried again every half minute and never dropped.",
        "- **Refused.** What was well signed is kept even when a rule says no:"
        " `beamkeeper inbox list --state refused`, `inbox show`, `inbox reinject`.\n",
    ]


def _outgoing() -> list[str]:
    topics = [f"| `{topic}` | {words} |" for topic, words in TOPICS.items()]
    fields = [f"| `{n}` | {kind} | {words} |" for n, (kind, words) in EVENT_FIELDS.items()]
    timeout = Subscriber.model_fields["timeout_seconds"].default
    return [
        "## Events that we send\n",
        "Each subscriber of the settings (`gateway.subscribers`) gets a `POST` to its own address"
        " for every topic that it wants.\n",
        "| topic | says |\n|---|---|",
        *topics,
        "",
        "| field | type | meaning |\n|---|---|---|",
        *fields,
        "",
        f"The headers are those above, with `{signing.SENDER}: {OURSELVES}`, the key of the"
        f" subscription, and `{signing.KIND}`: the topic, which is the kind that is signed.\n",
        f"- **Delivered** is an answer of 2xx within {timeout:g} s. Anything else, redirections"
        " included, is tried again after growing pauses of at most"
        f" {MAX_WAIT.total_seconds() / 60:.0f} minutes, {GIVE_UP_AFTER} times; then a person is"
        " told, and `beamkeeper outbox deliver-again` takes it up.",
        "- **At least once.** An answer can be lost: the same event id may come again.",
        "- **In order** for one run and subscriber. A subscriber that does not answer holds up"
        " nobody else.\n",
    ]
