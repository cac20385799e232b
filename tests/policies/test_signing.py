"""Signatures: what they cover, which keys count, and until when."""

import hmac
import inspect
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import signing
from policies.signing import Checked, SigningKey

NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
WINDOW = timedelta(seconds=300)
OLD = SigningKey("k1", b"first-secret-of-16")
NEW = SigningKey("k2", b"second-secret-of-16")
BODY = b'{"proposal": 900054, "run": 82}'

TEXTS = st.text(st.characters(blacklist_characters="\n\r"), max_size=20)
EVENT_IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128)
KINDS = st.sampled_from(["run-opened", "run-updated", "run-closed", "migration_complete"])


def signed(key=OLD, body=BODY, at=NOW, kind="run-closed", event_id="e-1", sender="daq"):
    return signing.sign(sender, key, event_id, body, at, kind=kind)


def checked(headers, body=BODY, keys=(OLD, NEW), now=NOW, kind="run-closed", window=WINDOW):
    return signing.check(headers, body, keys, now, window, kind=kind)


def test_the_text_that_is_signed_can_be_made_with_any_tool():
    """The five parts and nothing else; written out here so that others can rely on it."""
    said = b"1774746000\ndaq\nrun-closed\ne-1\n" + BODY
    wanted = hmac.new(OLD.secret, said, "sha256").hexdigest()
    assert signed()[signing.SIGNATURE] == f"sha256={wanted}"
    assert signed()[signing.TIMESTAMP] == "1774746000"


@given(EVENT_IDS, st.binary(max_size=200), KINDS, TEXTS)
def test_what_was_signed_is_proved(event_id, body, kind, sender):
    headers = signed(NEW, body, NOW, kind, event_id, sender)
    assert checked(headers, body, kind=kind) == Checked(NOW, "k2")


@given(st.binary(min_size=1, max_size=60), st.data())
def test_an_altered_byte_anywhere_in_the_body_is_noticed(body, data):
    place = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.integers(1, 255))
    altered = body[:place] + bytes([body[place] ^ other]) + body[place + 1 :]
    said = checked(signed(body=body), altered)
    assert said == "X-Beamkeeper-Signature does not match any active key of this sender"


@given(st.sampled_from([signing.SENDER, signing.EVENT_ID, signing.TIMESTAMP]), st.data())
def test_an_altered_letter_in_a_signed_header_is_noticed(name, data):
    headers = signed()
    value = headers[name]
    place = data.draw(st.integers(0, len(value) - 1))
    letters = "0123456789" if name == signing.TIMESTAMP else "abcXYZ019-_.:"
    letter = data.draw(st.sampled_from([c for c in letters if c != value[place]]))
    headers[name] = value[:place] + letter + value[place + 1 :]
    assert isinstance(checked(headers, window=timedelta(days=40_000)), str)


@given(st.integers(0, 70), st.characters())
def test_an_altered_letter_of_the_signature_is_noticed(place, letter):
    headers = signed()
    value = headers[signing.SIGNATURE]
    headers[signing.SIGNATURE] = value[:place] + letter + value[place + 1 :]
    same = headers[signing.SIGNATURE] == value
    assert isinstance(checked(headers), Checked) is same


@given(KINDS, KINDS)
def test_a_message_signed_for_one_webhook_is_not_one_for_another(one, other):
    assert isinstance(checked(signed(kind=one), kind=other), Checked) is (one == other)


@given(EVENT_IDS, st.binary(max_size=30), st.integers(0, 29))
def test_no_byte_moves_between_the_event_id_and_the_body(event_id, body, cut):
    """The end of the id at the begin of the body makes another text."""
    moved = event_id[cut:].encode() + body
    headers = signed(event_id=event_id, body=body)
    headers[signing.EVENT_ID] = event_id[:cut]
    assert isinstance(checked(headers, moved), str) or event_id[:cut] == event_id


@pytest.mark.parametrize("sender", ["da\nq", "daq\nrun-opened", "\n"])
def test_a_line_feed_in_a_sender_makes_no_other_message(sender):
    """HTTP carries none; were there one, the parts would still not shift."""
    headers = signed(sender=sender, kind="run-closed")
    headers[signing.SENDER] = "daq"
    assert isinstance(checked(headers), str)


def test_both_keys_hold_while_one_is_replaced():
    assert checked(signed(OLD)) == Checked(NOW, "k1")
    assert checked(signed(NEW)) == Checked(NOW, "k2")
    assert isinstance(checked(signed(OLD), keys=(NEW,)), str)
    assert isinstance(checked(signed(OLD), keys=()), str)


def test_the_secret_counts_and_not_the_name_that_the_message_gives():
    forged = SigningKey("k1", b"a-secret-nobody-gave")
    assert isinstance(checked(signed(forged)), str)
    headers = signed(NEW)
    headers[signing.KEY_ID] = "k1"
    assert checked(headers) == Checked(NOW, "k2")


@pytest.mark.parametrize(
    ("left", "proved"),
    [
        (timedelta(microseconds=1), True),
        (timedelta(0), False),
        (timedelta(microseconds=-1), False),
    ],
)
def test_a_key_ends_at_its_instant(left, proved):
    key = SigningKey("k1", OLD.secret, NOW + left)
    assert isinstance(checked(signed(key), keys=(key,)), Checked) is proved


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("seconds", "taken"), [(299, True), (300, True), (301, False)])
def test_the_window_has_two_edges(sign, seconds, taken):
    said = checked(signed(at=NOW + sign * timedelta(seconds=seconds)))
    assert isinstance(said, Checked) is taken
    if not taken:
        assert said == "X-Beamkeeper-Timestamp is more than 300 s away from our clock"


@pytest.mark.parametrize("late", [timedelta(microseconds=1), timedelta(milliseconds=999)])
def test_the_window_is_exact_to_the_fraction(late):
    assert isinstance(checked(signed(), now=NOW + WINDOW + late), str)
    assert isinstance(checked(signed(), now=NOW + WINDOW - late), Checked)


@pytest.mark.parametrize(
    "value", ["", "-1", "1e9", "1_0", " 1774746000", "\u0661\u0662", "\u00b2", "9" * 11, "now"]
)
def test_a_time_stamp_is_plain_seconds(value):
    headers = signed() | {signing.TIMESTAMP: value}
    assert checked(headers) == "X-Beamkeeper-Timestamp must be seconds since 1970"


@pytest.mark.parametrize(
    ("event_id", "good"),
    [
        ("a", True),
        ("~" * 128, True),
        ("~" * 129, False),
        ("", False),
        ("a b", False),
        ("a\nb", False),
        ("a\x00", False),
        ("caf\u00e9", False),
        ("\u202e", False),
    ],
)
def test_an_event_id_is_visible_ascii(event_id, good):
    assert (signing.event_id_rule(event_id) == "") is good
    if not good:
        assert "X-Beamkeeper-Event-ID" in checked(signed() | {signing.EVENT_ID: event_id})


@given(
    st.dictionaries(
        st.sampled_from([signing.SENDER, signing.EVENT_ID, signing.TIMESTAMP, signing.SIGNATURE]),
        st.text(max_size=200),
    ),
    st.binary(max_size=50),
)
def test_whatever_a_stranger_sends_is_refused_in_words(headers, body):
    said = checked(headers, body)
    assert isinstance(said, str)
    assert said.startswith("X-Beamkeeper-")


def test_half_a_surrogate_pair_is_refused_and_no_error():
    assert isinstance(checked(signed() | {signing.SIGNATURE: "\ud800"}), str)
    assert isinstance(checked(signed() | {signing.SENDER: "\ud800"}), str)


def test_signatures_are_compared_in_constant_time(monkeypatch):
    """Every active key is compared, in full, whether an earlier one matched or not."""
    real, seen = hmac.compare_digest, []

    def noted(one, other):
        seen.append((one, other))
        return real(one, other)

    monkeypatch.setattr(signing.hmac, "compare_digest", noted)
    assert isinstance(checked(signed(OLD)), Checked)
    assert len(seen) == 2
    assert "==" not in inspect.getsource(signing.check)


def test_no_secret_is_shown():
    assert "secret" not in repr(OLD)
    assert "first-secret" not in str(checked(signed(SigningKey("k", b"x" * 16))))
