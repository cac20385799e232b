"""dCache's REST interface.

Source: dCache user guide, chapter on the frontend: `GET namespace/{path}` with `children`,
`locality` and `checksum`; `POST namespace/{path}` with the action `qos`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx

from policies.errors import BeamkeeperError, Denied, Mismatch, Missing, Unavailable
from policies.vocabulary import Locality
from settings.model import load
from settings.tape import TapeSettings
from tasks.tape.port import Seen, Tape

_NOT_FOUND = 404
_ODD = frozenset({401, 403})


class DcacheTape:
    """A store with tape behind it, over dCache's REST interface; for one thread.

    Args:
        settings: Address, token, patience.
    """

    def __init__(self, settings: TapeSettings) -> None:
        self._page = settings.page
        token = settings.token.get_secret_value() if settings.token else ""
        self._client = httpx.Client(
            base_url=f"{settings.url.rstrip('/')}/api/v1/namespace",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=settings.timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def look(self, folder: str) -> Mapping[str, Seen]:
        """See `Tape.look`."""
        return dict(self._below(folder.rstrip("/"), ""))

    def release_disk(self, path: str) -> None:
        """See `Tape.release_disk`."""
        self._ask("POST", path, json={"action": "qos", "target": "tape"})

    def _below(self, folder: str, inside: str) -> Iterator[tuple[str, Seen]]:
        offset = 0
        while True:
            query = {
                "children": "true",
                "locality": "true",
                "checksum": "true",
                "offset": str(offset),
                "limit": str(self._page),
            }
            answer = self._ask("GET", f"{folder}/{inside}".rstrip("/"), params=query)
            rows = answer.get("children")
            if not isinstance(rows, list):
                raise Mismatch(f"the tape store lists no files for {folder}")
            for row in rows:
                yield from self._one(folder, inside, row)
            if len(rows) < self._page:
                return
            offset += len(rows)

    def _one(self, folder: str, inside: str, row: dict[str, Any]) -> Iterator[tuple[str, Seen]]:
        name = f"{inside}/{row.get('fileName', '')}".lstrip("/")
        if row.get("fileType") == "DIR":
            yield from self._below(folder, name)
        elif row.get("fileType") == "REGULAR":
            yield name, _seen(name, row)
        else:
            raise Mismatch(f"{name} in the tape store is no file and no folder")

    def _ask(self, method: str, path: str, **said: Any) -> dict[str, Any]:  # noqa: ANN401
        try:
            answer = self._client.request(method, quote(path), **said)
        except httpx.TransportError as error:
            name = type(error).__name__
            raise Unavailable(f"the tape store does not answer ({name})") from error
        if not answer.is_success:
            raise _no(answer.status_code, path)
        try:
            found = answer.json() if answer.content else {}
        except ValueError as error:
            raise Unavailable("the tape store's answer is cut or no JSON") from error
        return found if isinstance(found, dict) else {}


def _no(status: int, path: str) -> BeamkeeperError:
    """A refusal in our own words."""
    if status == _NOT_FOUND:
        return Missing(f"the tape store has no {path}", field="path")
    if status in _ODD:
        return Denied(f"the tape store does not let us ask for {path} (HTTP {status})")
    return Unavailable(f"the tape store answers {path} with HTTP {status}")


def _seen(name: str, row: Mapping[str, Any]) -> Seen:
    word = str(row.get("fileLocality", ""))
    if word not in set(Locality):
        raise Mismatch(f"the tape store says {word or 'nothing'} of where {name} is")
    sums = row.get("checksums") or []
    found = [str(s.get("value", "")) for s in sums if str(s.get("type")).upper() == "ADLER32"]
    adler32 = found[0].lower().zfill(8) if found else ""
    return Seen(Locality(word), int(row.get("size", -1)), adler32)


def tape() -> Tape | None:
    """The site's store with tape behind it, None when none is configured."""
    return _made() if load().tape is not None else None


@cache
def _made() -> DcacheTape:
    here = load().tape
    assert here is not None
    return DcacheTape(here)
