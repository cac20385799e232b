"""A folder of messages that nobody has answered for yet; it survives a crash at any point.

A message is written beside, synced and renamed, so a file that is there is whole. Numbers
give the order, not clocks: a clock may be set back.
"""

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.errors import Unavailable
from policies.messages import MessageKind


@dataclass(frozen=True)
class Spooled:
    """A message as it stands in the spool.

    Attributes:
        path: Its file.
        kind: Webhook it goes to.
        event_id: Its name, for ever.
        body: What it says.
    """

    path: Path
    kind: MessageKind
    event_id: str
    body: dict[str, Any]


class Spool:
    """The folder.

    Args:
        folder: Made when missing; `refused/` below it holds what the gateway refused.

    Raises:
        Unavailable: It cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused = folder / "refused"
        with self._explained("cannot be made"):
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, kind: MessageKind, event_id: str, body: Mapping[str, Any]) -> Path:
        """Keep a message; on return it is on disk.

        Raises:
            Unavailable: The folder takes nothing: full, read-only, gone. Nothing is kept then.
        """
        content = {"kind": kind, "event_id": event_id, "body": dict(body)}
        text = json.dumps(content, allow_nan=False)
        with self._explained("cannot keep the message"), self._locked("write"):
            for left in self.folder.glob("*.part"):
                left.unlink()  # from a writer that died: its caller was never told it is kept
            number = 1 + max((int(p.name.split("-")[0]) for p in self.waiting()), default=0)
            path = self.folder / f"{number:012d}-{uuid.uuid4().hex[:8]}.json"
            _write(path, text)
        return path

    def waiting(self) -> list[Path]:
        """Messages in the spool, oldest first."""
        return sorted(self.folder.glob("[0-9]*-*.json"))

    def take(self, path: Path) -> Spooled | None:
        """Read a message; one that somebody damaged goes aside and is None."""
        try:
            content = json.loads(path.read_bytes())
            kind, event_id = MessageKind(content["kind"]), str(content["event_id"])
            return Spooled(path, kind, event_id, dict(content["body"]))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            self.put_aside(path, {"message": f"not readable: {type(error).__name__}: {error}"})
            return None

    def done(self, path: Path) -> None:
        """Forget a message that the gateway has."""
        path.unlink(missing_ok=True)

    def put_aside(self, path: Path, answer: Mapping[str, Any]) -> None:
        """Keep a message that cannot be delivered, with the answer, for people."""
        with self._explained("cannot put a message aside"):
            self.refused.mkdir(exist_ok=True)
            # First out of the way: it blocks nobody even when the answer cannot be written.
            path.rename(self.refused / path.name)
            _write(self.refused / f"{path.stem}.answer", json.dumps(dict(answer)))

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Two processes with one spool send one after the other."""
        with self._explained("cannot be locked"), self._locked("send"):
            yield

    @contextlib.contextmanager
    def _locked(self, what: str) -> Iterator[None]:
        with (self.folder / f".{what}-lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"the spool {self.folder} {what}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    """All of it or nothing."""
    part = path.with_suffix(".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
