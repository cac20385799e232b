"""Prefect's REST as far as the relay uses it: deployments by name, runs with a key, failures."""

import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from deployments.standins.listening import Listening


@dataclass
class FlowRun:
    """A run that was asked for.

    Attributes:
        id: Its id.
        deployment_id: Deployment it belongs to.
        body: What was asked, as it came.
    """

    id: str
    deployment_id: str
    body: dict[str, Any]


@dataclass
class World:
    """What the stand-in knows.

    Attributes:
        deployments: Ids by flow name; the deployment has the flow's name.
        runs: By flow name and key, as Prefect keeps them apart.
        script: Faults for the next creations, one each: a status, `lost` (done, answer lost),
            or `ok`.
        log: Method and path of every request.
        auth: Basic authentication header that must come; empty for none.
        refuse: Flow names whose parameters do not fit their schema.
    """

    deployments: dict[str, str] = field(default_factory=dict)
    runs: dict[tuple[str, str], FlowRun] = field(default_factory=dict)
    script: list[int | str] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    auth: str = ""
    refuse: set[str] = field(default_factory=set)

    def deploy(self, *names: str) -> None:
        """Put deployments in place, with new ids."""
        self.deployments |= {name: str(uuid.uuid4()) for name in names}

    def wipe(self) -> None:
        """Forget every run and give every deployment a new id, like a new database."""
        self.runs.clear()
        self.deploy(*self.deployments)


class _LostAnswer(Response):
    """Promises more than it sends: the caller sees a broken connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": False})


class EngineStandin(Listening):
    """Listens on loopback.

    Args:
        port: Port, 0 for a free one.

    Attributes:
        world: What it knows; tests change it.
    """

    def __init__(self, port: int = 0) -> None:
        self.world = World()
        self._lock = threading.Lock()
        app = Starlette(
            routes=[
                Route("/api/deployments/name/{flow}/{deployment}", self._deployment),
                Route("/api/deployments/{id}/create_flow_run", self._create, methods=["POST"]),
                Route("/{path:path}", _unknown, methods=["GET", "POST", "PATCH", "DELETE"]),
            ]
        )
        super().__init__(app, port, "engine stand-in")

    @property
    def api_url(self) -> str:
        """Address for the relay."""
        return f"{self.url}/api"

    async def _deployment(self, request: Request) -> Response:
        if denied := self._seen(request):
            return denied
        flow, deployment = request.path_params["flow"], request.path_params["deployment"]
        known = self.world.deployments.get(flow)
        if known is None or deployment != flow:
            return JSONResponse({"detail": "Deployment not found"}, 404)
        return JSONResponse({"id": known, "name": deployment, "paused": False})

    async def _create(self, request: Request) -> Response:
        if denied := self._seen(request):
            return denied
        step = self.world.script.pop(0) if self.world.script else "ok"
        if isinstance(step, int):
            return JSONResponse({"exception_message": "Service Unavailable"}, step)
        identity = request.path_params["id"]
        flow = next((n for n, i in self.world.deployments.items() if i == identity), None)
        if flow is None:
            return JSONResponse({"detail": "Deployment not found"}, 404)
        if flow in self.world.refuse:
            detail = "Validation failed for field 'proposal'. Failure reason: 0 is less than 1"
            return JSONResponse({"detail": detail}, 409)
        run, fresh = self._run(flow, identity, await request.json())
        if step == "lost":
            return _LostAnswer()
        return JSONResponse({"id": run.id, "deployment_id": identity}, 201 if fresh else 200)

    def _run(self, flow: str, identity: str, body: dict[str, Any]) -> tuple[FlowRun, bool]:
        key = (flow, str(body.get("idempotency_key") or uuid.uuid4()))
        with self._lock:
            known = self.world.runs.get(key)
            run = known or FlowRun(str(uuid.uuid4()), identity, body)
            self.world.runs[key] = run
        return run, known is None

    def _seen(self, request: Request) -> Response | None:
        self.world.log.append((request.method, request.url.path))
        if self.world.auth and request.headers.get("authorization") != self.world.auth:
            return JSONResponse({"exception_message": "Unauthorized"}, 401)
        return None


async def _unknown(request: Request) -> Response:
    text = f"this stand-in does not know {request.method} {request.url.path}"
    return JSONResponse({"detail": text}, 501)
