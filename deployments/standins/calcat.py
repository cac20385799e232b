"""A calibration catalogue (CalCat) for tests and the demo: answers its clients, can misbehave.

`/oauth/token`, `/api/…` as the published client speaks to them; everything else answers 501.
`/_control/{state,log,fail,reset,expire}` is for whoever runs it, from loopback only.
"""

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.standins.calcat_api import CatalogueApi
from deployments.standins.calcat_faults import Fault, spoil
from deployments.standins.calcat_oauth import Tokens
from deployments.standins.calcat_resources import Refusal, Row
from deployments.standins.calcat_tables import Tables
from deployments.standins.listening import Listening

DATA = Path(__file__).parent / "data" / "calcat.json"
"""Detectors, calibrations and parameters that come along."""

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_VERSION = "version=2"


class CalcatStandin(Listening):
    """Listens on loopback; use as a context manager or with `start` and `stop`.

    Args:
        seed: Rows to begin with; None: the ones that come along.
        file: JSON file that keeps the rows from start to start; None: in memory only.
        port: Port, 0 for a free one.
        proxy: Whether it asks for no token, as the facility's internal proxy.

    Attributes:
        tables: The rows.
        tokens: The application that may ask, and its live tokens.
        emails: Users that requests may be made for.
        faults: What goes wrong next, first to last.
        log: Requests so far, without secrets.
        clock: Gives the present instant.
    """

    def __init__(
        self,
        seed: Mapping[str, list[Row]] | None = None,
        file: Path | None = None,
        port: int = 0,
        *,
        proxy: bool = False,
    ) -> None:
        self._seed = load() if seed is None else seed
        self.tables = Tables(self._seed, file)
        self.tokens = Tokens()
        self._api = CatalogueApi(self.tables, self._now, lambda: min(self.emails))
        self.emails = {"calibration@example.org"}
        self.faults: list[Fault] = []
        self.log: list[dict[str, Any]] = []
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._proxy = proxy
        app = Starlette(routes=[Route("/{path:path}", self._any, methods=_METHODS)])
        super().__init__(app, port, "calibration catalogue stand-in")

    def _now(self) -> datetime:
        return self.clock()

    async def _any(self, request: Request) -> Response:
        parts = [p for p in request.url.path.split("/") if p]
        body = await request.body()
        if parts[:1] == ["_control"]:
            return self._control(request, parts[1:], body)
        self._note(request, body if parts[:1] == ["api"] else b"")
        fault = next((f for f in self.faults if f.meets(request.method, request.url.path)), None)
        if fault is not None and fault.used_up():
            self.faults.remove(fault)
        if fault is not None and fault.before:
            return await spoil(fault, None)
        before = copy.deepcopy(self.tables.rows) if fault and fault.how == "noop" else None
        answer = self._answer(request, parts, body, fault)
        if before is not None:
            self.tables.rows = before
        self.tables.save()
        return answer if fault is None else await spoil(fault, answer)

    def _answer(
        self, request: Request, parts: list[str], body: bytes, fault: Fault | None
    ) -> Response:
        try:
            if parts == ["oauth", "token"]:
                return self.tokens.answer(request, body, self.clock())
            if parts[:1] != ["api"]:
                raise _unknown(request)
            self._admit(request)
            given = json.loads(body) if body else {}
            query = dict(request.query_params)
            if fault is not None and fault.how == "circle":
                query["page"] = "1"
            status, found, headers = self._api.answer(request.method, parts[1:], query, given)
        except Refusal as no:
            return JSONResponse({"info": no.info}, no.status)
        except ValueError:
            return JSONResponse({"info": "a parameter or the body does not read"}, 400)
        return Response(status_code=204) if status == 204 else JSONResponse(found, status, headers)  # noqa: PLR2004

    def _admit(self, request: Request) -> None:
        if not self._proxy:
            if not self.tokens.knows(request.headers.get("authorization", ""), self.clock()):
                raise Refusal(401, "Unauthorized")
            if request.headers.get("x-user-email", "").lower() not in self.emails:
                raise Refusal(401, "Incorrect request header: 'X-User-Email'!")
        if _VERSION not in request.headers.get("accept", ""):
            raise Refusal(406, f"the stand-in speaks {_VERSION} only")

    def _control(self, request: Request, parts: list[str], body: bytes) -> Response:
        if request.client is None or request.client.host != "127.0.0.1":
            return JSONResponse({"error": "loopback only"}, 403)
        match (request.method, *parts):
            case ("GET", "state"):
                counts = {name: len(rows) for name, rows in self.tables.rows.items()}
                return JSONResponse(
                    {**counts, "faults": len(self.faults), "requests": len(self.log)}
                )
            case ("GET", "log"):
                return JSONResponse(self.log)
            case ("POST", "fail"):
                self.faults.append(Fault(**json.loads(body)))
            case ("POST", "expire"):
                self.tokens.expire()
            case ("POST", "reset"):
                self.tables.reset(self._seed)
                self.faults, self.log = [], []
            case _:
                return JSONResponse({"error": f"no control {request.method} {parts}"}, 501)
        return JSONResponse({"ok": True})

    def _note(self, request: Request, body: bytes) -> None:
        headers = {k: v for k, v in request.headers.items() if k.lower() != "authorization"}
        self.log.append(
            {
                "method": request.method,
                "path": request.url.path,
                "query": dict(request.query_params),
                "headers": headers,
                "body": body.decode("utf-8", "replace"),
            }
        )


def load() -> dict[str, list[Row]]:
    """The rows that come along, as a fresh copy."""
    found = json.loads(DATA.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def with_units(units: Mapping[str, str], detector_type: str = "jungfrau-Type") -> dict[str, Any]:
    """The rows that come along, with further modules.

    Args:
        units: Place of each module by its physical name.
        detector_type: The catalogue's word for their kind.
    """
    seed = load()
    kind = next(row["id"] for row in seed["detector_types"] if row["name"] == detector_type)
    rows = seed["physical_detector_units"]
    first = max(row["id"] for row in rows) + 1
    rows += [
        {
            **rows[0],
            "id": first + number,
            "physical_name": name,
            "karabo_da": place,
            "virtual_device_name": place,
            "uuid": 900_000 + number,
            "detector_type_id": kind,
            "module_number": number + 1,
        }
        for number, (name, place) in enumerate(sorted(units.items()))
    ]
    return seed


def _unknown(request: Request) -> Refusal:
    return Refusal(501, f"the stand-in does not implement {request.method} {request.url.path}")
