"""One machine with everything on it, configured as the handbook says."""

import re
import shutil
import time
from pathlib import Path

import pytest
import yaml

from deployments.components import ports
from deployments.components.postgres import postgres
from tests.deployments.units.unit import ROOT, UNITS, Machine

GATEWAYS = 2


def wait_for(holds, seconds, otherwise):
    """Wait until a condition holds; its failure is the sentence."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.1)


class Site(Machine):
    """A machine with the environment files and the settings file in place."""

    def __init__(self, folder, server):
        super().__init__(folder)
        self.reserved = [ports.reserve() for _ in range(GATEWAYS + 2)]
        self.engine_port, self.proxy_port, *self.gateway_ports = (p.number for p in self.reserved)
        self.engine_url = f"http://127.0.0.1:{self.engine_port}/prefect/api"
        for name in ("beamkeeper", "prefect"):
            server.create(name)
        self._environment(server)
        self._settings()

    def _environment(self, server):
        """Both examples with this machine's addresses in them."""
        for example, name, values in (
            (
                "beamkeeper.env.example",
                "beamkeeper.env",
                {
                    "BEAMKEEPER_DATABASE_URL": server.url("beamkeeper", "psycopg2"),
                    "PREFECT_API_URL": self.engine_url,
                },
            ),
            (
                "beamkeeper-engine.env.example",
                "engine.env",
                {
                    "PREFECT_SERVER_DATABASE_CONNECTION_URL": server.url("prefect", "asyncpg"),
                    "PREFECT_SERVER_API_PORT": str(self.engine_port),
                },
            ),
        ):
            text = self.here((UNITS / example).read_text())
            for key, value in values.items():
                text, count = re.subn(rf"(?m)^{key}=.*$", lambda _, v=f"{key}={value}": v, text)
                assert count == 1, key
            (self.etc / name).write_text(text)

    def _settings(self):
        """The example of the how-to; storage, directory and portal are not of this machine."""
        page = (ROOT / "docs/how-to/deploy.md").read_text()
        (block,) = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.S | re.M)
        content = yaml.safe_load(self.here(block))
        for elsewhere in ("storage", "directory", "portal", "notices"):
            del content[elsewhere]
        content["gateway"]["subscribers"] = {}
        content["engine"]["port"] = self.engine_port
        self.secret = content["gateway"]["senders"]["spb-daq"]["keys"][0]
        file = self.etc / "beamkeeper.yaml"
        file.write_text(yaml.safe_dump(content))
        file.chmod(0o640)

    def close(self):
        super().close()
        for port in self.reserved:
            port.release()


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("machine")
    with postgres() as server:
        made = Site(folder, server)
        try:
            for verb in (("db", "upgrade"), ("db", "load-facility"), ("db", "check")):
                done = made.run("beamkeeper", *verb)
                assert done.returncode == 0, done.stdout + done.stderr
            yield made
        finally:
            made.close()
            shutil.rmtree(folder, ignore_errors=True)
