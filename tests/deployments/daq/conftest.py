"""A gateway process on SQLite, and a server that answers whatever a test wants."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from catalog.engine import Database
from tests.deployments.gateway.site import Site, fill
from tests.plugins.databases import Databases


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    made = Databases(request, tmp_path_factory.mktemp("catalog"))
    with made.stack:
        url = made.url("sqlite", "facility")
        database = Database(url)
        fill(database)
        database.dispose()
        place = Site(url, tmp_path_factory.mktemp("gateway"))
        try:
            place.start()
            yield place
        finally:
            place.close()


class Scripted:
    """Answers with a script: per request a status and a body, or None to hang up."""

    def __init__(self):
        self.script: list[tuple[int, object] | None] = []
        self.seen: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                event_id = self.headers["X-Beamkeeper-Event-ID"]
                outer.seen.append(event_id)
                step = outer.script.pop(0) if outer.script else (202, None)
                if step is None:
                    self.close_connection = True
                    return
                status, content = step
                if content is None:
                    content = {"event_id": event_id, "state": "applied"}
                text = content if isinstance(content, str) else json.dumps(content)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.send_header("Location", "/login")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def scripted():
    server = Scripted()
    yield server
    server.close()
