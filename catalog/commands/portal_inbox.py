"""Rows of an import that were refused: kept, visible, settled when a later row is good."""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from catalog.tables.journal import Inbox
from policies.portal_export import RefusedRow
from policies.portal_reader import canonical
from policies.vocabulary import InboxState

SENDER = "upex"
"""Sender of every kept row."""

PREFIX = "portal-"
"""Kept rows are of kind `portal-user`, `portal-cycle` or `portal-proposal`."""

RAW = "raw"
"""Key under which a row is kept as text that no database could hold as it came."""

_NEWER = "superseded: the portal sent a row that was taken over"


class Kept:
    """The refused rows on record, and what becomes of them in one import.

    Args:
        session: A writing session.
        now: When, aware.
        sent_at: When the portal wrote the export, None when unknown.
    """

    def __init__(self, session: Session, now: datetime, sent_at: datetime | None) -> None:
        self._session = session
        self._now = now
        self._sent_at = sent_at
        self._open: dict[tuple[str, str], list[Inbox]] = {}
        rows = session.exec(
            select(Inbox).where(Inbox.sender == SENDER, Inbox.state == InboxState.REFUSED)
        )
        for row in rows:
            self._open.setdefault((row.kind, str(row.answer.get("key"))), []).append(row)

    def keep(self, refused: RefusedRow, number: int | None) -> Inbox:
        """Keep a refused row; the same content is kept once.

        Args:
            refused: The row.
            number: Proposal number, None when it cannot be read.
        """
        text = canonical(refused.content)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        event_id = f"{refused.kind}:{sha256}"
        row = self._session.exec(
            select(Inbox).where(Inbox.sender == SENDER, Inbox.event_id == event_id)
        ).first()
        if row is None:
            row = Inbox(
                sender=SENDER,
                event_id=event_id,
                kind=PREFIX + refused.kind,
                body=storable(refused.content),
                body_sha256=sha256,
                received_at=self._now,
                sent_at=self._sent_at,
                state=InboxState.REFUSED,
                answer={"key": refused.key},
                proposal=number,
            )
            self._session.add(row)
        if row.state is not InboxState.REFUSED:
            row.state, row.attempts = InboxState.REFUSED, row.attempts + 1
        row.reason = refused.reason
        row.settled_at = row.settled_at or self._now
        self._session.flush()
        return row

    def settle(self, kind: str, key: str, content: Any) -> None:  # noqa: ANN401
        """Settle what was refused before, now that a row of that name was taken over."""
        rows = self._open.pop((PREFIX + kind, key), [])
        if not rows:
            return
        sha256 = hashlib.sha256(canonical(content).encode()).hexdigest()
        for row in rows:
            same = row.body_sha256 == sha256
            row.state = InboxState.APPLIED if same else InboxState.IGNORED
            row.reason, row.settled_at = ("" if same else _NEWER), self._now
        self._session.flush()


def content_of(row: Inbox) -> Any:  # noqa: ANN401
    """The row of the export as it came."""
    body = row.body
    return json.loads(body[RAW]) if set(body) == {RAW} else body


def storable(content: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a JSON column can hold; as text when it is no object or holds what it cannot."""
    text = canonical(content)
    if not isinstance(content, dict) or set(content) == {RAW}:
        return {RAW: text}
    try:
        plain = json.dumps(content, ensure_ascii=False, allow_nan=False)
        plain.encode("utf-8")
    except ValueError:
        return {RAW: text}
    return {RAW: text} if "\\u0000" in plain else dict(content)


def refused_rows(session: Session, limit: int = 200) -> list[tuple[int, str, str, str]]:
    """Refused rows: inbox id, kind, key and reason; newest first."""
    rows = session.exec(
        select(Inbox)
        .where(Inbox.sender == SENDER, Inbox.state == InboxState.REFUSED)
        .order_by(col(Inbox.id).desc())
        .limit(limit)
    )
    return [
        (r.id or 0, r.kind.removeprefix(PREFIX), str(r.answer.get("key", "")), r.reason)
        for r in rows
    ]
