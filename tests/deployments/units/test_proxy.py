"""The proxy's example balances two gateways; one may be killed without a sender noticing."""

import json
import shutil
import ssl
import subprocess
from datetime import UTC, datetime

import httpx
import pytest
from sqlmodel import select

from catalog.engine import Database
from catalog.queries.journal import verify
from catalog.tables import Inbox
from policies import signing
from policies.signing import SigningKey
from tests.deployments.units.conftest import wait_for
from tests.deployments.units.unit import UNITS, environment_file

pytestmark = pytest.mark.xdist_group("units")

EVENTS = 60


@pytest.fixture(scope="module")
def gateways(site):
    names = [f"beamkeeper-gateway@{port}" for port in site.gateway_ports]
    children = [site.start(name) for name in names]

    def healthy():
        try:
            answers = [httpx.get(f"http://127.0.0.1:{p}/healthz") for p in site.gateway_ports]
        except httpx.HTTPError:
            return False
        return [a.status_code for a in answers] == [200, 200]

    wait_for(healthy, 60, lambda: [site.log(name).read_text()[-500:] for name in names])
    yield children
    for child in children:
        child.terminate()
        child.wait(30)


@pytest.fixture(scope="module")
def configuration(site):
    """The example with this machine's ports, certificate and folders."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=data.example"
    made = ["-addext", "subjectAltName=DNS:data.example,IP:127.0.0.1"]
    key, certificate = site.folder / "proxy.key", site.folder / "proxy.pem"
    subprocess.run(
        [*command.split(), *made, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    text = (UNITS / "nginx.conf.example").read_text()
    for there, here in (
        ("127.0.0.1:8801", f"127.0.0.1:{site.gateway_ports[0]}"),
        ("127.0.0.1:8802", f"127.0.0.1:{site.gateway_ports[1]}"),
        ("127.0.0.1:4200", f"127.0.0.1:{site.engine_port}"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{site.proxy_port} ssl;"),
        ("/etc/ssl/data.example.pem", str(certificate)),
        ("/etc/ssl/private/data.example.key", str(key)),
    ):
        assert text.count(there) == 1, there
        text = text.replace(there, here)
    folders = "\n".join(
        f"{kind}_temp_path {site.folder}/nginx-{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = site.folder / "nginx.conf"
    file.write_text(
        f"user root;\npid {site.folder}/nginx.pid;\nerror_log {site.folder}/nginx-error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{folders}\n{text}\n}}\n"
    )
    return file, certificate


def nginx(file, *more):
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert program, "nginx is missing: install the Debian package nginx-light"
    return [program, "-e", str(file.parent / "nginx-error.log"), "-c", str(file), *more]


@pytest.fixture(scope="module")
def proxy(site, gateways, configuration):
    file, certificate = configuration
    child = subprocess.Popen(nginx(file, "-g", "daemon off;"))
    context = ssl.create_default_context(cafile=str(certificate))
    url = f"https://127.0.0.1:{site.proxy_port}"

    def listens():
        try:
            return client.get(f"{url}/nothing").status_code == 404
        except httpx.HTTPError:
            return False

    try:
        with httpx.Client(verify=context, timeout=30) as client:
            wait_for(listens, 20, (site.folder / "nginx-error.log").read_text)
            yield client, url
    finally:
        child.terminate()
        child.wait(20)


def send(site, proxy, number):
    client, url = proxy
    body = {"proposal": 900_054, "run": number, "first_train": 1000 + number}
    body |= {"begin_at": "2024-03-01T08:00:00+00:00", "run_type": "x", "sample": "y"}
    content = json.dumps(body).encode()
    key = SigningKey(site.secret["id"], site.secret["secret"].encode())
    headers = signing.sign(
        "spb-daq", key, f"proxy-{number}", content, datetime.now(UTC), kind="run-opened"
    )
    return client.post(f"{url}/hooks/daq/run-opened", content=content, headers=headers)


def test_nginx_takes_the_example(configuration):
    done = subprocess.run(
        nginx(configuration[0], "-t"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr, done.stderr


def test_a_killed_gateway_costs_no_event_and_doubles_none(site, proxy, gateways):
    answers = []
    for number in range(EVENTS):
        if number == EVENTS // 3:
            gateways[0].kill()
        answers.append(send(site, proxy, number))
    assert {a.status_code for a in answers} == {202}, [a.text for a in answers][:3]
    url = environment_file(site.etc / "beamkeeper.env")["BEAMKEEPER_DATABASE_URL"]
    database = Database(url)
    try:
        with database.read() as session:
            keys = list(session.exec(select(Inbox.event_id)))
            assert sorted(keys) == sorted(f"proxy-{n}" for n in range(EVENTS))
            assert verify(session).sound
    finally:
        database.dispose()
    assert send(site, proxy, 0).status_code == 202, "a repetition is answered alike"


def test_what_a_gateway_takes_passes_and_what_it_does_not_take_ends_at_the_proxy(proxy):
    """Unsigned bodies: 400 is the gateway's own word, 413 with HTML the proxy's."""
    client, url = proxy
    assert client.post(f"{url}/hooks/daq/run-closed", content=b"x" * (3 << 20)).status_code == 400
    assert client.post(f"{url}/hooks/daq/run-closed", content=b"x" * (5 << 20)).status_code == 413


def test_the_engine_is_for_the_operators_networks_only(proxy):
    client, url = proxy
    assert client.get(f"{url}/prefect/api/health").status_code == 403
