"""A gateway as its own process, on a catalog with two proposals, and a sender's tools."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import yaml

from catalog.commands import proposals
from catalog.engine import Database
from catalog.queries.journal import verify
from deployments.components import ports, processes
from policies import signing
from policies.actor import SYSTEM
from policies.signing import SigningKey
from policies.vocabulary import BeamtimeState
from tests.catalog.story import FORWARD, NUMBER, T0, bring_to, new_proposal, provision

ROOT = Path(__file__).parents[3]
OTHER = 3333
"""A proposal on MID; NUMBER is on SPB."""

KEYS = {
    "k1": SigningKey("k1", b"first-secret-of-the-daq"),
    "k2": SigningKey("k2", b"second-secret-of-the-daq"),
    "old": SigningKey("old", b"expired-secret-of-the-daq"),
    "forged": SigningKey("k1", b"a-secret-that-nobody-gave"),
}
SENDERS = {
    "spb-daq": {"keys": ["k1", "k2"], "instruments": ["SPB"]},
    "any-daq": {"keys": ["k1", "old"], "instruments": []},
}
LIMIT = 200_000


def fill(database: Database) -> None:
    """Two active proposals on two instruments."""
    with database.write() as session:
        bring_to(session, BeamtimeState.ACTIVE)
        new_proposal(session, OTHER, "MID")
        provision(session, OTHER)
        for event in FORWARD.values():
            proposals.advance(session, OTHER, event, SYSTEM, T0)


def settings_of(url: str, port: int) -> dict[str, Any]:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    ends = {"old": {"not_after": past}}

    def key(name: str) -> dict[str, Any]:
        return {"id": name, "secret": KEYS[name].secret.decode(), **ends.get(name, {})}

    senders = {
        name: {"keys": [key(k) for k in one["keys"]], "instruments": one["instruments"]}
        for name, one in SENDERS.items()
    }
    gateway = {"port": port, "max_body_bytes": LIMIT, "senders": senders, "read_seconds": 2}
    return {"database_url": url, "gateway": gateway}


class Site:
    """The gateway and who looks at its catalog."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.folder = folder
        self.database = Database(database_url)
        self._port = ports.reserve()
        self.url = f"http://127.0.0.1:{self._port.number}"
        self.config = folder / "beamkeeper.yaml"
        self.config.write_text(yaml.safe_dump(settings_of(database_url, self._port.number)))
        self.log = folder / "gateway.log"
        self.child: processes.Child | None = None
        self.http = httpx.Client(timeout=20)

    def start(self) -> None:
        argv: list[str | Path] = [sys.executable, "-m", "deployments.cli", "gateway"]
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
        environment["BEAMKEEPER_CONFIG"] = str(self.config)
        self.child = processes.start(argv, log=self.log, env=environment, cwd=self.folder)
        self.child.wait_ready(self._answers, 60)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code > 0
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        assert self.child
        self.child.kill()

    def close(self) -> None:
        if self.child is not None:
            self.child.stop()
        self.http.close()
        self._port.release()
        self.database.dispose()

    def post(
        self,
        kind: str,
        body: dict[str, Any] | bytes,
        event_id: str,
        *,
        key: str = "k1",
        sender: str = "spb-daq",
        age: timedelta = timedelta(0),
        **headers: str,
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = signing.sign(
            sender, KEYS[key], event_id, content, datetime.now(UTC) - age, kind=kind
        )
        signed |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"{self.url}/hooks/daq/{kind}", content=content, headers=signed)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.connection().execute(sa.text(statement), values).all())

    def one(self, statement: str, **values: Any) -> Any:
        return self.rows(statement, **values)[0][0]

    def inbox(self, event_id: str) -> list[Any]:
        return self.rows(
            "SELECT state, reason, run, body FROM inbox WHERE event_id = :e", e=event_id
        )

    def sound(self) -> bool:
        with self.database.read() as session:
            return verify(session).sound


__all__ = ["KEYS", "LIMIT", "NUMBER", "OTHER", "Site", "fill"]
