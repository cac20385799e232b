"""Tells people: by mail where a server is configured, else in the log, visibly."""

import logging
import re
import smtplib
from collections.abc import Callable
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from catalog.commands.outbox import Item
from catalog.engine import Database, Session
from catalog.queries.find import proposal_row
from catalog.queries.people import addresses
from policies.errors import Unavailable
from settings.clock import utc_now
from settings.model import NoticeSettings

log = logging.getLogger("beamkeeper.notices")

_SUBJECT = 120


def notifier(
    database: Database, settings: NoticeSettings, clock: Callable[[], datetime] = utc_now
) -> Callable[[Item], None]:
    """Build what the relay calls for each notice.

    Args:
        database: Looks up who holds a role on the proposal.
        settings: Mail server; without one the notice goes to the log.
        clock: The moment, for the mail's date.
    """

    def tell(item: Item) -> None:
        with database.read() as session:
            to = _recipients(session, item, settings)
        text = str(item.parameters.get("text", ""))
        if not settings.smtp_host or not to:
            log.warning(
                "notice (not mailed: notices.smtp_host or no address): %s", " ".join(text.split())
            )
            return
        _send(settings, mail(settings.sender, to, item, clock()))

    return tell


def _recipients(session: Session, item: Item, settings: NoticeSettings) -> list[Address]:
    proposal = proposal_row(session, item.proposal) if item.proposal is not None else None
    found = addresses(session, list(item.parameters.get("to", [])), proposal)
    good = [address for text in found if (address := _address(text))]
    return good or [a for a in (_address(settings.facility_address),) if a]


def _address(text: str) -> Address | None:
    """A mail address, None when it is none: people's data come from elsewhere."""
    if not text:
        return None
    try:
        address = Address(addr_spec=text)
        if text.isascii() and text.isprintable() and address.domain:
            return address
    except (MessageError, ValueError, IndexError):
        pass
    log.warning("not a mail address, left out: %r", text[:100])
    return None


def mail(sender: str, to: list[Address], item: Item, now: datetime) -> EmailMessage:
    """The mail for a notice; nothing in the text can become a header.

    Args:
        sender: Address it comes from.
        to: Recipients.
        item: The outbox row.
        now: The moment, aware.
    """
    text = str(item.parameters.get("text", ""))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    message = EmailMessage()
    message["From"], message["To"], message["Date"] = sender, to, format_datetime(now)
    message["Subject"] = line if len(line) <= _SUBJECT else line[: _SUBJECT - 3] + "..."
    # Same name each time: a mail program that gets it twice shows it once.
    message["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9.-]', '-', item.key)}.{item.id}@beamkeeper>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _send(settings: NoticeSettings, message: EmailMessage) -> None:
    try:
        with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=20) as server:
            refused = server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(f"mail server: {type(error).__name__}") from error
    if refused:
        log.warning("the mail server refused %s", ", ".join(sorted(refused)))
