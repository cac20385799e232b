"""A dCache for tests and the demo: a namespace over real folders, with tape behind it.

Routes: `GET /api/v1/namespace/{path}?children=&locality=&checksum=&offset=&limit=` and
`POST /api/v1/namespace/{path}` with `{"action": "qos", "target": "tape" | "disk+tape"}`, both
with the bearer token. Everything else answers 501. A file is on disk only until it is
flushed; giving up its disk copy takes a moment, as with the real one, and is refused silently
where it is not on tape.
"""

import secrets
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.standins.listening import Listening

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass
class Shelf:
    """What is true of the files behind the namespace.

    Attributes:
        on_tape: Paths that were flushed.
        off_disk: Paths whose disk copy is gone.
        sums: Path → adler32 that the store claims instead of the true one.
        stubborn: Paths whose disk copy stays, whatever is asked and answered.
        slow: How many looks a change needs before it shows.
        failures: Statuses with which the next requests are answered; 0 cuts the answer after
            the work was done.
    """

    on_tape: set[str] = field(default_factory=set)
    off_disk: set[str] = field(default_factory=set)
    sums: dict[str, str] = field(default_factory=dict)
    stubborn: set[str] = field(default_factory=set)
    slow: int = 0
    failures: list[int] = field(default_factory=list)


class DcacheStandin(Listening):
    """Listens on loopback; use as a context manager or with `start` and `stop`.

    Args:
        root: Folder below which the namespace lies.
        port: Port, 0 for a free one.

    Attributes:
        token: The bearer token that is asked for.
        shelf: What is true of the files; may be changed while it runs.
        log: Requests so far: method and path.
    """

    def __init__(self, root: Path, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(16)
        self.shelf = Shelf()
        self.log: list[tuple[str, str]] = []
        self._root = root
        self._going: dict[str, int] = {}
        routes = [
            Route("/api/v1/namespace/{path:path}", self._namespace, methods=["GET", "POST"]),
            Route("/{path:path}", self._unknown, methods=_METHODS),
        ]
        super().__init__(Starlette(routes=routes), port, "dCache stand-in")

    def flush(self, folder: str) -> int:
        """Write every file below a folder to tape; answers how many."""
        found = [p for p in self._place(folder).rglob("*") if p.is_file()]
        self.shelf.on_tape |= {self._name(p) for p in found}
        return len(found)

    async def _unknown(self, request: Request) -> Response:
        what = f"{request.method} {request.url.path}"
        return JSONResponse({"error": f"the stand-in does not implement {what}"}, 501)

    async def _namespace(self, request: Request) -> Response:
        path = "/" + request.path_params["path"].strip("/")
        self.log.append((request.method, path))
        given = request.headers.get("authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            return JSONResponse({"errors": [{"status": "401"}]}, 401)
        failure = self.shelf.failures.pop(0) if self.shelf.failures else None
        if failure:
            return JSONResponse({"errors": [{"status": str(failure)}]}, failure)
        if not self._place(path).exists():
            return JSONResponse({"errors": [{"status": "404"}]}, 404)
        answer = await self._qos(request, path) if request.method == "POST" else None
        body = answer or self._listing(path, request)
        if failure == 0:
            return Response(b'{"cut', media_type="application/json")
        return JSONResponse(body)

    async def _qos(self, request: Request, path: str) -> dict[str, Any]:
        asked = await request.json()
        if asked.get("action") == "qos" and asked.get("target") == "tape":
            self._going.setdefault(path, self.shelf.slow)
        return {"status": "success"}

    def _listing(self, path: str, request: Request) -> dict[str, Any]:
        self._settle()
        place, query = self._place(path), request.query_params
        if not place.is_dir():
            return self._entry(place)
        start = int(query.get("offset", "0"))
        end = start + int(query.get("limit", "1000"))
        rows = [self._entry(child) for child in sorted(place.iterdir())[start:end]]
        return {**self._entry(place), "children": rows}

    def _settle(self) -> None:
        for path, left in list(self._going.items()):
            if left > 0:
                self._going[path] = left - 1
                continue
            del self._going[path]
            if path in self.shelf.on_tape and path not in self.shelf.stubborn:
                self.shelf.off_disk.add(path)

    def _entry(self, place: Path) -> dict[str, Any]:
        if place.is_dir():
            return {"fileName": place.name, "fileType": "DIR", "fileLocality": "NONE"}
        path = self._name(place)
        value = self.shelf.sums.get(path) or f"{zlib.adler32(place.read_bytes()):08x}"
        where = {
            (True, False): "ONLINE_AND_NEARLINE",
            (True, True): "NEARLINE",
            (False, False): "ONLINE",
        }.get((path in self.shelf.on_tape, path in self.shelf.off_disk), "LOST")
        return {
            "fileName": place.name,
            "fileType": "REGULAR",
            "size": place.stat().st_size,
            "fileLocality": where,
            "checksums": [{"type": "ADLER32", "value": value}],
        }

    def _place(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _name(self, place: Path) -> str:
        return "/" + str(place.relative_to(self._root))
