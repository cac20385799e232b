"""Notices go out by real SMTP; what other systems wrote cannot become a header."""

from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller

from catalog.commands.journal import notice
from catalog.tables.people import User
from deployments.components import ports
from deployments.notices import notifier
from policies.vocabulary import OutboxKind
from settings.model import NoticeSettings
from tests.catalog.story import NUMBER

HOSTILE = (
    "Run 7\r\nBcc: everybody@example.org\r\n\r\nbody\u2028Subject: x\x0bY\x85Z\x1c \u202eevil "
    + "long " * 60
)


class Keeper:
    """Keeps what it is sent."""

    def __init__(self):
        self.mails = []
        self.refuse = ""

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if address == self.refuse:
            return "550 no such box"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        self.mails.append(
            (envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default))
        )
        return "250 OK"


@pytest.fixture
def dialect():
    return "sqlite"


@pytest.fixture
def keeper():
    kept = Keeper()
    port = ports.reserve()
    server = Controller(kept, hostname="127.0.0.1", port=port.number)
    server.start()
    kept.port = port.number
    yield kept
    server.stop()
    port.release()


@pytest.fixture
def mailing(place, keeper):
    """The place with a real mailer."""
    settings = NoticeSettings(
        smtp_host="127.0.0.1", smtp_port=keeper.port, facility_address="desk@example.org"
    )
    tell = notifier(place.database, settings, place.clock)
    relay = place.relay()
    relay._lanes[2]._hand_over = lambda item: tell(item) or "people"
    place.mail_relay = relay
    return place


def say(place, text, to=("pi2012",), key="n1", proposal=NUMBER):
    with place.database.write() as session:
        notice(session, key=key, now=place.now, to=to, text=text, proposal=proposal)


def test_a_person_is_told_by_mail(mailing, keeper):
    say(mailing, "Run 7 was closed; three files are missing.")
    mailing.mail_relay.round()
    [(to, mail)] = keeper.mails
    assert to == ["pi2012@example.org"]
    assert mail["Subject"] == "Run 7 was closed; three files are missing."
    assert mail.get_content().strip() == "Run 7 was closed; three files are missing."
    assert mail["Date"]
    [row] = mailing.rows(kind=OutboxKind.NOTICE)
    assert row.outcome == "delivered"


def test_hostile_text_stays_text(mailing, keeper):
    say(mailing, HOSTILE, key="n: \r\nX-Evil: 1 \u00e4")
    mailing.mail_relay.round()
    [(to, mail)] = keeper.mails
    assert to == ["pi2012@example.org"]
    assert set(mail.keys()) == {
        "From",
        "To",
        "Date",
        "Subject",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
    }
    assert mail["Subject"].startswith("Run 7 Bcc: everybody@example.org body")
    assert len(mail["Subject"]) <= 120
    assert "everybody" in mail.get_content()


@pytest.mark.parametrize(
    "address",
    [
        "x@y\r\nBcc: all@example.org",
        "a@b, c@d",
        "Paul <p@x>",
        "\u00e4@example.org",
        "@",
        "a@",
        "x@y\x00",
    ],
)
def test_what_is_no_address_is_left_out_and_the_desk_is_told(mailing, keeper, address):
    with mailing.database.write() as session:
        session.add(User(uid="mallory", name="M", email=address))
    say(mailing, "hello", to=["mallory"])
    mailing.mail_relay.round()
    assert [to for to, _ in keeper.mails] == [["desk@example.org"]]


def test_a_mail_server_that_is_down_is_waited_for(mailing, keeper):
    say(mailing, "hello")
    lane = mailing.mail_relay._lanes[2]
    good = lane._hand_over
    port = ports.reserve()
    tell = notifier(
        mailing.database,
        NoticeSettings(smtp_host="127.0.0.1", smtp_port=port.number, facility_address="d@e.org"),
    )
    lane._hand_over = lambda item: tell(item) or "people"
    mailing.mail_relay.round()
    [row] = mailing.rows(kind=OutboxKind.NOTICE)
    assert row.last_error == "mail server: ConnectionRefusedError"
    port.release()
    lane._hand_over = good
    mailing.later(seconds=2)
    mailing.mail_relay.round()
    assert len(keeper.mails) == 1


def test_a_box_that_does_not_exist_stops_nobody_else(mailing, keeper):
    with mailing.database.write() as session:
        session.add(User(uid="gone", name="G", email="gone@example.org"))
    keeper.refuse = "gone@example.org"
    say(mailing, "hello", to=["gone", "pi2012"])
    mailing.mail_relay.round()
    assert [to for to, _ in keeper.mails] == [["pi2012@example.org"]]


def test_without_a_mail_server_it_stands_in_the_log(place, caplog):
    tell = notifier(place.database, NoticeSettings(), place.clock)
    say(place, "hello\nINFO forged line")
    from catalog.commands import outbox

    with place.database.read() as session:
        [item] = outbox.due(session, place.now, [OutboxKind.NOTICE])
    tell(item)
    [record] = caplog.records
    assert "notices.smtp_host" in record.getMessage()
    assert "\n" not in record.getMessage()
