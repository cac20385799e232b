"""An SMTP server on loopback that keeps every letter and delivers none."""

import contextlib
import email
import email.policy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from deployments.components import ports


@dataclass(frozen=True)
class Letter:
    """One accepted message.

    Attributes:
        sender: Envelope sender.
        recipients: Envelope recipients that were accepted.
        subject: Subject as a person reads it.
        text: The plain-text body, `""` when there is none.
    """

    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str


class MailSink:
    """What the server has received; made by `mail_sink`.

    Attributes:
        host: Always 127.0.0.1.
        port: TCP port.
        letters: Accepted letters, oldest first.
    """

    def __init__(self, port: int, unknown: Iterable[str]) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.letters: list[Letter] = []
        self._unknown = frozenset(unknown)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        _server: Any,  # noqa: ANN401
        _session: Any,  # noqa: ANN401
        envelope: Any,  # noqa: ANN401
        address: str,
        _options: list[str],
    ) -> str:
        """Accept a recipient unless told to know nobody of that address."""
        if address in self._unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: ANN401, N802
        """Keep a letter."""
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = message.get_body(("plain",))
        letter = Letter(
            sender=envelope.mail_from,
            recipients=tuple(envelope.rcpt_tos),
            subject=str(message["Subject"] or ""),
            text=body.get_content() if body else "",
        )
        self.letters.append(letter)
        return "250 OK"


@contextlib.contextmanager
def mail_sink(port: int | None = None, unknown: Iterable[str] = ()) -> Iterator[MailSink]:
    """Run the server for the length of the block.

    Args:
        port: Preferred port; None takes any free one.
        unknown: Addresses that it refuses with 550.
    """
    from aiosmtpd.controller import Controller

    taken = ports.reserve(port)
    sink = MailSink(taken.number, unknown)
    controller = Controller(sink, hostname=sink.host, port=sink.port)
    try:
        controller.start()
        yield sink
    finally:
        controller.stop(no_assert=True)
        taken.release()
