"""The clock: true unless a rehearsal moves it, and never back."""

from datetime import UTC, datetime, timedelta

import pytest

from settings import clock


def test_true_without_a_file(monkeypatch, tmp_path):
    monkeypatch.delenv(clock.PRETENDED, raising=False)
    assert clock.ahead() == timedelta()
    assert abs(clock.utc_now() - datetime.now(UTC)) < timedelta(seconds=5)
    with pytest.raises(ValueError, match="set BEAMKEEPER_PRETENDED_CLOCK"):
        clock.move_to(datetime.now(UTC))
    monkeypatch.setenv(clock.PRETENDED, str(tmp_path / "absent"))
    assert clock.ahead() == timedelta()


def test_moved_ahead_and_never_back(monkeypatch, tmp_path):
    monkeypatch.setenv(clock.PRETENDED, str(tmp_path / "clock"))
    later = datetime.now(UTC) + timedelta(days=1200)
    clock.move_to(later)
    assert timedelta() <= clock.utc_now() - later < timedelta(seconds=30)
    clock.move_to(later + timedelta(days=1))
    assert clock.utc_now() > later + timedelta(days=1)
    with pytest.raises(ValueError, match="ahead only"):
        clock.move_to(later)
    assert [p.name for p in tmp_path.iterdir()] == ["clock"]


@pytest.mark.parametrize("text", ["-1", "nan", "soon"])
def test_nonsense_is_refused(monkeypatch, tmp_path, text):
    file = tmp_path / "clock"
    file.write_text(text)
    monkeypatch.setenv(clock.PRETENDED, str(file))
    with pytest.raises(ValueError, match=r"ahead only|could not convert"):
        clock.utc_now()
