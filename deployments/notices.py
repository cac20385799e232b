"""Tells people: by mail where a server is configured, else in the log, visibly."""

import logging
import smtplib
from collections.abc import Callable
from email.message import EmailMessage

from catalog.commands.outbox import Item
from catalog.engine import Database, Session
from catalog.queries.find import proposal_row
from catalog.queries.people import addresses
from policies.errors import Unavailable
from settings.model import NoticeSettings

log = logging.getLogger("beamkeeper.notices")


def notifier(database: Database, settings: NoticeSettings) -> Callable[[Item], None]:
    """Build what the relay calls for each notice.

    Args:
        database: Looks up who holds a role on the proposal.
        settings: Mail server; without one the notice goes to the log.
    """

    def tell(item: Item) -> None:
        with database.read() as session:
            to = _recipients(session, item, settings)
        text = str(item.parameters.get("text", ""))
        if not settings.smtp_host or not to:
            log.warning("notice (not mailed: notices.smtp_host or no address): %s", text)
            return
        _mail(settings, to, item, text)

    return tell


def _recipients(session: Session, item: Item, settings: NoticeSettings) -> list[str]:
    proposal = proposal_row(session, item.proposal) if item.proposal is not None else None
    found = addresses(session, list(item.parameters.get("to", [])), proposal)
    return found or ([settings.facility_address] if settings.facility_address else [])


def _mail(settings: NoticeSettings, to: list[str], item: Item, text: str) -> None:
    message = EmailMessage()
    message["From"], message["To"] = settings.sender, ", ".join(to)
    subject = text if len(text) <= 120 else text[:117] + "..."  # noqa: PLR2004
    message["Subject"] = subject.replace("\n", " ").replace("\r", " ")
    message["Message-ID"] = f"<{item.key.replace(' ', '-')}@beamkeeper>"
    message.set_content(text)
    try:
        with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=20) as server:
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(f"mail server: {type(error).__name__}") from error
